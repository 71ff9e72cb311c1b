"""How far values lie from the middle of what is usual, be they too high or too low."""

from __future__ import annotations

import torch
from torch import Tensor

_REACH = 0.02, 0.98  # quantiles between which a value is normal
_DEVIATIONS = 2.05  # ... which a Gaussian's lie from its middle
_LEAST = 1e-6


def reach(values: Tensor, least: float) -> tuple[Tensor, Tensor]:
    """Middle `[...]` of the range of values `[B, ...]`, and the deviation that a Gaussian of that range has, at least `least`.

    The range leaves out the outermost values. Quartiles would not do: normal of several recordings lies in lumps, and the
    largest alone would say where they are.
    """
    low, high = torch.quantile(values, torch.tensor(_REACH), dim=0)
    return (low + high) / 2, ((high - low) / (2 * _DEVIATIONS)).clamp_min(least)


def untypical(values: Tensor, location: Tensor, scale: Tensor) -> Tensor:
    """Log mean square of how far values `[B, ...]` lie from the usual, too high or too low, `[B]`."""
    return ((values - location) / scale).square().flatten(1).mean(1).add(_LEAST).log()
