"""The training loop, as a generator of records: progress, logs and stopping are its caller's."""

from __future__ import annotations

import math
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Generator, Tensor, nn
from torch.optim import AdamW

from models.denoiser import Denoiser, loss
from models.noise import Noise
from models.prior import Folded
from models.recipe import Recipe
from models.schedule import training_sigmas

N = TypeVar("N", bound=nn.Module)

_RATE = 2e-3
_WARMUP = 0.05  # share of the steps
_SMOOTH = 0.05  # of the loss that is shown


@dataclass(frozen=True, slots=True)
class Step:
    """One step of training."""

    number: int
    """From 1."""
    loss: float
    """Running mean; 1 is an untrained network."""


def train(
    denoiser: Denoiser, average: Denoiser, inputs: Tensor, noise: Noise, recipe: Recipe, *, folded: Folded | None, steps: int, seed: int
) -> Iterator[Step]:
    """Trains in place on standardised inputs `[N, C, H, W]`, yielding after every step.

    With a Gaussian inside, each batch is one of its folds', around the Gaussian of the others: what the network is to correct is how
    that errs on what it has not seen. `average` receives the exponential moving average of the weights: that is the network to
    keep. The same seed and number of steps give the same weights on one CPU.
    """
    generator = torch.Generator().manual_seed(seed)
    optimiser = AdamW(denoiser.net.parameters(), lr=_RATE, betas=(0.9, 0.99), weight_decay=1e-3)
    running = 1.0
    for number in range(1, steps + 1):
        optimiser.param_groups[0]["lr"] = _RATE * learning_rate(number / steps)
        around, pick = drawn(denoiser, len(inputs), folded, recipe.batch, generator)
        clean, sigma = inputs[pick].float(), training_sigmas(recipe.batch, *recipe.trained, generator)
        value = loss(around, clean, noise.draw(recipe.batch, generator).to(clean), sigma.to(clean))
        optimiser.zero_grad(set_to_none=True)
        value.backward()
        torch.nn.utils.clip_grad_norm_(denoiser.net.parameters(), 1.0)
        optimiser.step()
        follow(average.net, denoiser.net, number)
        running += _SMOOTH * (value.item() - running)
        yield Step(number, running)


def drawn(denoiser: Denoiser, count: int, folded: Folded | None, batch: int, generator: Generator) -> tuple[Denoiser, Tensor]:
    """The denoiser around the Gaussian that has not seen the inputs of a batch, and which these are `[batch]`, of so many."""
    if folded is None:
        return denoiser, torch.randint(count, (batch,), generator=generator)
    fold = int(torch.randint(len(folded.folds), (1,), generator=generator))
    own = folded.stretches(count)[fold]
    return denoiser.within(folded.folds[fold]), own[torch.randint(len(own), (batch,), generator=generator)]


def twin(network: N) -> N:
    """A copy of a network that is not trained itself."""
    return deepcopy(network).requires_grad_(False).eval()


def learning_rate(progress: float) -> float:
    """Share of the full rate at `progress` in [0, 1]: up over the warm-up, then down a cosine."""
    if progress < _WARMUP:
        return progress / _WARMUP
    return 0.5 + 0.5 * math.cos(math.pi * (progress - _WARMUP) / (1 - _WARMUP))


@torch.no_grad()
def follow(average: nn.Module, learner: nn.Module, number: int) -> None:
    """Moves the average towards the weights, slower as training goes on."""
    pace = max(0.005, 9 / (9 + number))
    for kept, new in zip(average.parameters(), learner.parameters(), strict=True):
        kept.lerp_(new, pace)
