"""Training within a time: how many steps fit, and the steps."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import torch
from torch import Tensor

from models.checkpoint import Model
from models.denoiser import Denoiser
from models.noise import Noise
from models.representation import Representation
from models.train import Step, train, twin
from models.unet import UNetSettings

BATCH = 32
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
        denoiser = Denoiser(UNetSettings(4 * sense.shape[0]))
    bank = Noise(sense.shape, sense.kin).bank(torch.Generator().manual_seed(seed))
    return Model(kind, grid, denoiser, bank, sense.constants)


def plan(model: Model, sense: Representation, inputs: Tensor, *, seconds: float, steps: int | None) -> Plan:
    """As many steps as fit into the seconds, timed on a copy; or the number that is asked for, however long it takes."""
    if steps is not None:
        return Plan(steps, float("inf"))
    began_s = time.monotonic()
    trial = twin(model.denoiser).requires_grad_(True)
    noise = Noise(sense.shape, sense.kin)
    marks = [time.monotonic() for _ in train(trial, twin(trial), inputs, noise, steps=_TRIAL, batch=BATCH, seed=0)]
    step_s = median(later - earlier for earlier, later in pairwise(marks))
    left_s = seconds - (time.monotonic() - began_s)
    return Plan(max(LEAST_STEPS, int(left_s / step_s)), max(began_s + seconds, time.monotonic() + 2 * LEAST_STEPS * step_s))


def optimise(model: Model, sense: Representation, inputs: Tensor, plan: Plan, *, seed: int) -> Iterator[Step]:
    """Trains the model in place on standardised inputs `[N, 4C, H/2, W/2]`, yielding after every step; its weights end as the average."""
    noise = Noise(sense.shape, sense.kin)
    learner: Denoiser = twin(model.denoiser).requires_grad_(True).train()
    for step in train(learner, model.denoiser.requires_grad_(False).eval(), inputs, noise, steps=plan.steps, batch=BATCH, seed=seed):
        yield step
        if time.monotonic() > plan.deadline_s:
            return
