"""Training within a time: how many steps fit, and the steps."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

import torch
from torch import Tensor

from models.checkpoint import Model
from models.denoiser import Denoiser
from models.noise import Noise
from models.prior import fit_gaussian
from models.representation import Representation
from models.train import Step, train, twin
from models.unet import UNetSettings

LEAST_STEPS = 20
_TRIAL = 9


@dataclass(frozen=True, slots=True)
class Plan:
    """How long to train."""

    steps: int
    deadline_s: float
    """Monotonic time at which to stop even if steps are left."""


def fresh(kind: str, grid: Mapping[str, float], sense: Representation, *, seed: int) -> Model:
    """An untrained model; the same seed gives the same weights and noise."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # initial weights come from torch's own generator
        denoiser = Denoiser(network(sense))
    return Model(kind, grid, denoiser, noise(sense).bank(torch.Generator().manual_seed(seed)), sense.constants)


def network(sense: Representation) -> UNetSettings:
    """The size of a fresh network."""
    channels = 4**sense.recipe.levels * sense.shape[0]
    return UNetSettings(channels, sense.recipe.widths, channels if sense.recipe.rank else 0)


def noise(sense: Representation) -> Noise:
    """What hides a sense's inputs."""
    return Noise(sense.shape, sense.kin, sense.recipe.sides, sense.recipe.levels)


def primed(model: Model, sense: Representation, inputs: Tensor) -> Model:
    """The model with the Gaussian of its inputs inside, where its recipe has one and it has none yet."""
    if not sense.recipe.rank:
        return model
    folded = fit_gaussian(inputs, sense.recipe.rank)
    model.denoiser.prior = folded.whole
    return replace(model, folded=folded)


def plan(model: Model, sense: Representation, inputs: Tensor, *, seconds: float, steps: int | None) -> Plan:
    """As many steps as fit into the seconds, timed on a copy; or the number that is asked for, however long it takes."""
    if steps is not None:
        return Plan(steps, float("inf"))
    began_s = time.monotonic()
    trial = twin(model.denoiser).requires_grad_(True)
    steps_of = train(trial, twin(trial), inputs, noise(sense), sense.recipe, folded=model.folded, steps=_TRIAL, seed=0)
    marks = [time.monotonic() for _ in steps_of]
    step_s = median(later - earlier for earlier, later in pairwise(marks))
    left_s = seconds - (time.monotonic() - began_s)
    return Plan(max(LEAST_STEPS, int(left_s / step_s)), max(began_s + seconds, time.monotonic() + 2 * LEAST_STEPS * step_s))


def optimise(model: Model, sense: Representation, inputs: Tensor, plan: Plan, *, seed: int) -> Iterator[Step]:
    """Trains the model in place on standardised inputs `[N, 4C, H/2, W/2]`, yielding after every step; its weights end as the average."""
    learner: Denoiser = twin(model.denoiser).requires_grad_(True).train()
    average = model.denoiser.requires_grad_(False).eval()
    for step in train(learner, average, inputs, noise(sense), sense.recipe, folded=model.folded, steps=plan.steps, seed=seed):
        yield step
        if time.monotonic() > plan.deadline_s:
            return
