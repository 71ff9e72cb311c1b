"""Numbers drawn from a generator that is handed in."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor


def uniform(generator: Generator, low: float, high: float, *shape: int) -> Tensor:
    """Numbers `[*shape]` in [low, high)."""
    return low + (high - low) * torch.rand(*shape, generator=generator)


def log_uniform(generator: Generator, low: float, high: float, *shape: int) -> Tensor:
    """Numbers `[*shape]` whose logarithm is uniform."""
    return uniform(generator, math.log(low), math.log(high), *shape).exp()


def chance(generator: Generator, probability: float, *shape: int) -> Tensor:
    """Whether, bool `[*shape]`."""
    return torch.rand(*shape, generator=generator) < probability


def choice(generator: Generator, weights: Sequence[float], *shape: int) -> Tensor:
    """An index of the weights, drawn by them, int64 `[*shape]`."""
    drawn = torch.multinomial(torch.tensor(weights, dtype=torch.float32), math.prod(shape), replacement=True, generator=generator)
    return drawn.view(*shape)
