"""Whether there is a GPU that computes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from monitor import engine
from monitor.doctor import Finding
from monitor.errors import ModelError

_TRACES = (Path("/dev/nvidia0"), Path("/proc/driver/nvidia"))
_DROP_IN = (
    "mkdir -p /etc/systemd/system/diffmon.service.d && "
    r"printf '[Service]\nDevicePolicy=auto\nDeviceAllow=\n' > /etc/systemd/system/diffmon.service.d/gpu.conf && "
    "systemctl daemon-reload && systemctl restart diffmon  # or, if nvidia-smi finds none either: the driver"
)


def findings(device: str, *, gpu: Callable[[], str | None] = engine.gpu, traces: Sequence[Path] = _TRACES) -> Iterator[Finding]:
    """One, for where the configuration says that the network runs.

    Args:
        device: `auto`, `cpu` or `cuda`.
        gpu: name of a GPU that computes, or none.
        traces: of which one is there if the machine has an NVIDIA GPU.
    """
    if device == "cpu":
        yield Finding("GPU", "ok", 'not asked for: device = "cpu"')
        return
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            name = gpu()
        except ModelError as error:
            yield Finding("GPU", "failed", str(error), 'nvidia-smi  # meanwhile: device = "cpu"')
            return
    yield _found(name) if name is not None else _missing(device, [t for t in traces if t.exists()], [str(w.message) for w in told])


def _found(name: str) -> Finding:
    return Finding("GPU", "ok", f"{name}: computes")


def _missing(device: str, traces: Sequence[Path], told: Sequence[str]) -> Finding:
    """What it means that torch finds none."""
    why = "".join(f"; {sentence.splitlines()[0]}" for sentence in told if sentence)
    if traces:
        detail = f"torch finds none, though {traces[0]} is there{why}"
        return Finding("GPU", "failed" if device == "cuda" else "warning", detail, _DROP_IN)
    if device == "cuda":
        return Finding("GPU", "failed", f'torch finds none, but device = "cuda"{why}', 'device = "auto"')
    return Finding("GPU", "ok", "none in this machine: the network runs on the CPU")
