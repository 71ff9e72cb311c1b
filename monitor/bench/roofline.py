"""How much of what the machine can do the network gets out of it (Williams, Waterman, Patterson 2009, *Roofline*).

Attainable is the smaller of the measured rate of a large matrix product, and the measured bandwidth of memory times the network's
intensity: operations for each byte that its products and convolutions read and write, what lies between them taken for free.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from models.normalise import fit_normal, standardise
from models.score import observe
from monitor.opened import Opened

_SIDE = {"cpu": 1536, "cuda": 8192}
_COPIED = {"cpu": 1 << 26, "cuda": 1 << 29}  # numbers: many times what a cache holds
_LEAST = 3
NUMBER = {"cpu": torch.float32, "cuda": torch.float16}
"""In which the network computes, by device."""


@dataclass(frozen=True, slots=True)
class Roofline:
    """In 1e9 operations a second, and 1e9 bytes."""

    matrix_gflop_per_s: float
    bandwidth_gb_per_s: float
    flop_per_byte: float
    achieved_gflop_per_s: float

    @property
    def attainable_gflop_per_s(self) -> float:
        """The roof over the network."""
        return min(self.matrix_gflop_per_s, self.bandwidth_gb_per_s * self.flop_per_byte)

    @property
    def share(self) -> float:
        """Achieved over attainable."""
        return self.achieved_gflop_per_s / self.attainable_gflop_per_s


def roofline(device: torch.device, *, gflop: float, moved: float, network_ms: float, seconds: float) -> Roofline:
    """Of the network alone, where a window takes so much work, so many bytes in float32 and so many milliseconds."""
    share = NUMBER[device.type].itemsize / torch.float32.itemsize
    return Roofline(
        matrix_gflop_per_s=matrix_rate(device, seconds),
        bandwidth_gb_per_s=bandwidth(device, seconds),
        flop_per_byte=1e9 * gflop / (share * moved),
        achieved_gflop_per_s=1000 * gflop / network_ms,
    )


def matrix_rate(device: torch.device, seconds: float) -> float:
    """1e9 operations a second of a product of large matrices, in such numbers as the network's."""
    n = _SIDE[device.type]
    a, b = (torch.randn(n, n, device=device, dtype=NUMBER[device.type]) for _ in range(2))
    return 2e-9 * n**3 / _best_s(lambda: a @ b, device, seconds)


def bandwidth(device: torch.device, seconds: float) -> float:
    """1e9 bytes a second that are read or written when one is copied to the other."""
    a = torch.zeros(_COPIED[device.type], device=device)
    b = torch.empty_like(a)
    return 2e-9 * a.nbytes / _best_s(lambda: b.copy_(a), device, seconds)


@torch.no_grad()  # in inference mode a convolution is not seen as what it is counted as
def bytes_moved(opened: Opened, batch: int) -> float:
    """Bytes a window that the network's products and convolutions read and write at a batch, in float32; counted on the CPU."""
    sense, model = opened.representation, opened.model
    planes = torch.zeros(batch, *sense.shape)
    normal = fit_normal(planes, sense.recipe)
    with sdpa_kernel(SDPBackend.MATH), _Moved() as moved:
        observe(model.denoiser, standardise(planes, normal), normal, model.bank, sense.recipe)
    return float(moved.bytes / batch)


class _Moved(TorchDispatchMode):
    """Counts what goes in and out of operators that do counted work."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if func._overloadpacket in flop_registry:
            self.bytes += sum(each.nbytes for each in tree_leaves((args, kwargs, out)) if isinstance(each, Tensor))
        return out


def _best_s(work: Callable[[], object], device: torch.device, seconds: float) -> float:
    """The shortest time that it takes: what the machine can do if it is let."""
    best_s, until_s, count = float("inf"), time.perf_counter() + seconds, 0
    while count < _LEAST or time.perf_counter() < until_s:
        began_s = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        best_s, count = min(best_s, time.perf_counter() - began_s), count + 1
    return best_s
