"""From planes to what the network works on, and back: standardised a row, one Haar level, unit deviation a sub-band."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from models.profile import Profile
from models.representation.wavelet import merge, split

_FLOOR = 0.2  # log units; noise moves by 0.6. A band that never moves must not make its rounding noise an alarm


class Normal(NamedTuple):
    """The first two moments of a stream's planes, as in `Profile`."""

    mean: Tensor
    deviation: Tensor
    subband: Tensor


def fit_normal(planes: Tensor) -> Normal:
    """Moments of normal planes `[B, C, H, W]`: by row, then by sub-band of the standardised planes."""
    mean = planes.mean((0, 3))[..., None]
    deviation = planes.std((0, 3), correction=0)[..., None].clamp_min(_FLOOR)
    subband = split((planes - mean) / deviation).std((0, 2, 3), correction=0)[:, None, None].clamp_min(_FLOOR)
    return Normal(mean, deviation, subband)


def standardise(planes: Tensor, normal: Normal | Profile) -> Tensor:
    """The network's input `[B, 4C, H/2, W/2]`, about unit variance a sub-band, of planes `[B, C, H, W]`."""
    return split((planes - normal.mean) / normal.deviation) / normal.subband


def unsplit(x: Tensor, normal: Normal | Profile) -> Tensor:
    """Standardised planes `[B, L, C, H, W]` of `[B, L, 4C, H/2, W/2]`; linear, so residuals may go through it too."""
    return merge(x * normal.subband[..., None, :, :, :])
