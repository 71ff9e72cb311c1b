"""The pass from windows to verdicts, on a GPU that is only imagined: nothing is waited for, nothing is brought in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import DataDependentOutputException, DynamicOutputShapeException, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from models.halved import halved
from models.pose import Frame
from models.profile import stack
from models.representation.image import ImageRepresentation, ImageSettings
from models.verdict import Pass
from monitor.opened import open_for

GPU = torch.device("cuda")
WAITS = DataDependentOutputException, DynamicOutputShapeException
"""What an imagined tensor raises when its numbers are asked for."""


class Crossings(TorchDispatchMode):
    """Takes down every operator that touches a tensor on the CPU."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if any(isinstance(each, Tensor) and each.device.type == "cpu" for each in tree_leaves((args, kwargs, out))):
            self.seen.append(str(func))
        return out


@contextmanager
def imagined() -> Iterator[None]:
    """Tensors have a device and a shape, but no numbers; what is there already may be moved."""
    with torch.no_grad(), FakeTensorMode(allow_non_fake_inputs=True):
        yield


def crossings(work: Callable[[], object]) -> list[str]:
    """Operators of the work that touch a tensor on the CPU."""
    with Crossings() as found:
        work()
    return found.seen


@pytest.mark.parametrize("kind", ["audio", "image"])
def test_a_pass_is_given_to_the_gpu_at_once(kind: str, request: pytest.FixtureRequest) -> None:
    """Of windows of several streams, with a discriminator for sound: everything happens where they are, and no number is asked for."""
    path: Path = request.getfixturevalue("model") if kind == "audio" else request.getfixturevalue("gate") / "gate.model"
    opened = open_for(path, None, kind=kind)
    half = replace(opened.model, denoiser=halved(opened.model.denoiser))
    with imagined():
        sense = opened.representation.to(GPU)
        run = Pass.of(half.to(GPU), sense)
        profiles = stack([opened.fitted.profile] * 3).to(GPU)
        items = torch.zeros(4, sense.length, *sense.item, dtype=getattr(torch, sense.dtype), device=GPU)
        rows = torch.zeros(4, dtype=torch.long, device=GPU)
        assert [] == crossings(lambda: run.told(items, profiles.gather(rows)))


def test_nor_does_finding_a_pose_wait() -> None:
    """Pictures that are turned and shifted are so where they are."""
    with imagined():
        sense = ImageRepresentation(ImageSettings(side=128), Frame(torch.zeros(1, 64, 64), torch.zeros(2))).to(GPU)
        pictures = torch.zeros(4, 1, 128, 128, 3, dtype=torch.uint8, device=GPU)
        assert [] == crossings(lambda: sense.look(pictures))


@pytest.mark.parametrize(
    "work",
    [
        lambda x: torch.tensor([1.0, 2.0], device=x.device),
        lambda x: torch.ones(2).to(x),
        lambda x: x.copy_(torch.ones(3)),
        lambda x: x[[0, 1]],
        lambda x: x.cpu(),
    ],
)
def test_what_is_brought_is_seen(work: Callable[[Tensor], object]) -> None:
    """The two tests above would find it."""
    with imagined():
        x = torch.zeros(3, device=GPU)
        assert [] != crossings(lambda: work(x))


@pytest.mark.parametrize("work", [lambda x: x.sum().item(), lambda x: bool((x > 0).any()), lambda x: x[x > 0]])
def test_what_is_waited_for_is_seen(work: Callable[[Tensor], object]) -> None:
    """They would fail."""
    with imagined(), pytest.raises(WAITS):
        work(torch.zeros(3, device=GPU))
