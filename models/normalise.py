"""From planes to what the network works on, and back: standardised, Haar levels, unit deviation a sub-band."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from models.places import place_mean
from models.profile import Profile
from models.recipe import Recipe
from models.representation.wavelet import haar, unhaar

_FLOOR = 0.2  # log units; noise moves by 0.6. A band that never moves must not make its rounding noise an alarm
_STILL = 0.01, 0.05  # of a plane, of the deviation of all; and of a sub-band


class Normal(NamedTuple):
    """The first two moments of a stream's planes, as in `Profile`."""

    mean: Tensor
    deviation: Tensor
    subband: Tensor


def fit_normal(planes: Tensor, recipe: Recipe) -> Normal:
    """Moments of normal planes `[B, C, H, W]`: by row, or by place; then by sub-band of the standardised planes."""
    if recipe.by_row:
        mean = planes.mean((0, 3))[..., None]
        deviation = planes.std((0, 3), correction=0)[..., None].clamp_min(_FLOOR)
        least = _FLOOR
    else:
        mean = place_mean(planes)
        deviation = (planes - mean).square().mean((0, 2, 3)).sqrt()[:, None, None].clamp_min(_STILL[0])
        least = _STILL[1]
    subband = haar((planes - mean) / deviation, recipe.levels).std((0, 2, 3), correction=0)[:, None, None].clamp_min(least)
    return Normal(mean, deviation, subband)


def standardise(planes: Tensor, normal: Normal | Profile) -> Tensor:
    """The network's input `[B, 4C, H/2, W/2]`, or finer, about unit variance a sub-band, of planes `[B, C, H, W]`."""
    return haar((planes - normal.mean) / normal.deviation, _levels(normal)) / normal.subband


def unsplit(x: Tensor, normal: Normal | Profile) -> Tensor:
    """Standardised planes `[B, L, C, H, W]` of `[B, L, 4C, H/2, W/2]`; linear, so residuals may go through it too."""
    return unhaar(x * normal.subband[..., None, :, :, :], _levels(normal))


def _levels(normal: Normal | Profile) -> int:
    """How often each plane was split, by the number of its sub-bands."""
    bands = normal.subband.shape[-3] // normal.mean.shape[-3]
    return (bands.bit_length() - 1) // 2
