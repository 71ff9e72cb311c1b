"""The pass from windows to verdicts: what it says; and on an imagined GPU, that nothing is waited for or brought in between."""

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

from models.calibrate import p_value
from models.halved import halved
from models.locate import extent
from models.normalise import standardise
from models.pose import Frame
from models.profile import stack
from models.representation.image import ImageRepresentation, ImageSettings
from models.score import observe, score
from models.verdict import Pass, verdict
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


@torch.inference_mode()
def test_a_row_says_all_that_is_to_say_of_a_window(model: Path) -> None:
    """What is packed into one tensor is to the last bit what the steps say one by one."""
    opened = open_for(model, None, kind="audio")
    sense, network, profile = opened.representation, opened.model, stack([opened.fitted.profile] * 3)
    items = 0.1 * torch.randn(3, sense.length, 1, generator=torch.Generator().manual_seed(0))
    recipe = network.follows(sense.recipe)
    look = sense.look(items)
    found = score(observe(network.denoiser, standardise(look.planes, profile), profile, network.bank, recipe), profile, recipe.pooling)
    p = p_value(found.value, profile.quantiles, profile.tail)
    rows, columns = extent(found.heat)
    for i, told in enumerate(map(verdict, Pass.of(network, sense).told(items, profile).tolist())):
        assert (float(found.value[i]), float(p[i]), float(sense.level_db(items)[i])) == (told.score, told.p_value, told.level_db)
        assert (rows[i].tolist(), columns[i].tolist(), found.parts[i].tolist()) == (
            [*told.rows],
            [*told.columns],
            [*told.parts],
        )


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
