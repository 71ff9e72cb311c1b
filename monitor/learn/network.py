"""The networks of an evaluation: the one to start from, those trained, the untrained control, and what one costs."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from models.checkpoint import Model
from models.denoiser import Denoiser
from models.normalise import fit_normal, standardise
from models.representation import Representation
from models.score import observe
from models.train import twin
from monitor.learn.optimise import fresh, optimise, plan, primed
from monitor.learn.teaching import Stream, taught
from monitor.opened import open_for, representation
from monitor.records import Progress


@dataclass(frozen=True, slots=True)
class Trained:
    """A network a system, and what it took."""

    models: list[Model]
    steps: int
    """Over all of them."""
    loss: float | None
    """The last one, mean over the networks; none without a step."""


def start_from(init: Path | None, seed: int, *, kind: str, grid: Mapping[str, float]) -> tuple[Model, Representation]:
    """The network to start from, a fresh one on a grid if none is named, and what it looks at. Raises ModelError."""
    if init is None:
        sense = representation(kind, grid)
        return fresh(kind, grid, sense, seed=seed), sense
    opened = open_for(init, None, kind=kind)
    return opened.model, opened.representation


def trained(
    start: Model, sense: Representation, inputs: Sequence[Tensor], *, budget_s: float, seed: int
) -> Generator[Progress, None, Trained]:
    """A network for each inputs `[N, 4C, H/2, W/2]`, from the same start; the budget is for all of them, none trained at 0 s."""
    models = [primed(replace(start, denoiser=twin(start.denoiser)), sense, each) for each in inputs]
    if budget_s == 0:
        return Trained(models, 0, None)
    models = [replace(model, discriminator=None) for model in models]  # it judges by the network that it was taught with
    steps, losses = 0, []
    for i, (model, each) in enumerate(zip(models, inputs, strict=True)):
        schedule = plan(model, sense, each, seconds=budget_s / len(inputs), steps=None)
        for step in optimise(model, sense, each, schedule, seed=seed):
            yield Progress("training", (i + step.number / schedule.steps) / len(inputs), step.loss)
        steps += step.number
        losses.append(step.loss)
    return Trained(models, steps, fmean(losses))


def with_discriminators(
    ours: Trained, sense: Representation, streams: Sequence[Sequence[Stream]], *, seed: int
) -> Generator[Progress, None, Trained]:
    """The same networks, each with a discriminator taught on its own streams."""
    models = []
    for model, own in zip(ours.models, streams, strict=True):
        models.append((yield from taught(model, sense, own, seed=seed)))
    return replace(ours, models=models)


def untrained(model: Model, *, seed: int) -> Model:
    """The control: the same network and noise, its weights drawn at random.

    Convolutions that close a block begin at zero, with which a network's output is nothing and its blocks do nothing;
    they are drawn like the others, so that the control has as many features to look at as a trained network.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        denoiser = Denoiser(model.denoiser.settings, model.denoiser.prior)
        for layer in denoiser.modules():
            if isinstance(layer, nn.Conv2d):
                layer.reset_parameters()
    return replace(model, denoiser=denoiser.requires_grad_(False).eval(), discriminator=None)


@torch.inference_mode()
def gflop(model: Model, sense: Representation) -> float:
    """What judging one window takes of the network, in 1e9 floating-point operations; a multiply-add counts as two."""
    window = torch.zeros(1, *sense.shape)
    normal = fit_normal(window, sense.recipe)
    # The counter knows no fused attention.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        recipe = model.follows(sense.recipe)
        seen = observe(model.denoiser, standardise(window, normal), normal, model.bank, recipe)
        recipe.pooling.statistics(seen, recipe.pooling.fit(seen))
    return float(counter.get_total_flops()) / 1e9
