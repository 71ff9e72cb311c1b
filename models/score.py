"""The score of a window: reconstruction error (R) and semantic discrepancy (S), kept apart to the end, then fused.

Each part is a mean of *surprises*: statistics as robust z-scores of what this stream's normal gives. A surprise is smooth
and unbounded, so that ranking needs no p-value. Nothing here sees the input but through the denoiser.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from models.denoiser import Denoiser
from models.normalise import Normal, unsplit
from models.profile import Profile
from models.reconstruct import reconstruct
from models.schedule import JUDGED
from models.semantic import semantics

PARTS = ("R", "S")

_TOP = 0.02  # share of the cells that make up the worst of a window: a knock of 0.2 s, or a tone, is little more
_COLUMNS = 4  # cells in a pooled column, 256 ms of sound
_SEEN = 1  # of the levels, the one whose reconstruction is looked at for its features


class Observed(NamedTuple):
    """What the network makes of a batch, before anything is compared with a profile but its normaliser."""

    residual: Tensor
    """Input less reconstruction in standardised planes, `[B, L, C, H, W]`."""
    features: Tensor
    """Of the input, `[B, QUARTERS, K]`."""
    change: Tensor
    """Features of the input less those of its reconstruction, `[B, QUARTERS, K]`."""


class Score(NamedTuple):
    """How strange each window of a batch is."""

    value: Tensor
    """`[B]`, larger is stranger, about 0 +- 1 on normal."""
    parts: Tensor
    """`[B, P]`, in the order of `PARTS`."""
    heat: Tensor
    """`[B, H, W]`: mean squared scaled residual, about 1 where all is normal."""


def observe(denoiser: Denoiser, x: Tensor, normal: Normal | Profile, bank: Tensor, steps: int = 1) -> Observed:
    """Residuals and features of standardised inputs x `[B, 4C, H/2, W/2]`."""
    restored = reconstruct(denoiser, x, JUDGED, bank, steps)
    seen = semantics(denoiser, torch.cat([x, restored[:, _SEEN]]))
    features, other = seen.chunk(2)
    return Observed(unsplit(x[:, None] - restored, normal), features, features - other)


def score(observed: Observed, profile: Profile) -> Score:
    """The score of a batch, given the profile of each of its windows."""
    surprises = (statistics(observed, profile) - profile.location) / profile.scale
    parts = (by_part(surprises) - profile.part_location) / profile.part_scale
    return Score(parts.mean(-1), parts, heat(observed.residual, profile))


def statistics(observed: Observed, profile: Profile) -> Tensor:
    """`[B, N]`: for R, the worst cells and the worst column at every noise level; for S, both distances. Logarithms."""
    return torch.cat([reconstruction_error(observed.residual, profile), semantic_discrepancy(observed, profile)], 1)


def by_part(surprises: Tensor) -> Tensor:
    """Mean surprise of each part, `[B, P]`, of `[B, N]`."""
    return torch.stack([surprises[:, :-2].mean(1), surprises[:, -2:].mean(1)], 1)


def reconstruction_error(residual: Tensor, profile: Profile) -> Tensor:
    """Log of the worst cells' mean square and of the worst column's, each noise level: `[B, 2L]`."""
    cells = (residual / profile.residual).square().flatten(2)  # [B, L, cells]
    worst = cells.topk(max(1, int(_TOP * cells.shape[-1])), -1).values.mean(-1)
    columns = (pool(residual) / profile.residual_pooled).square().mean((2, 3))  # [B, L, columns]
    return torch.cat([worst, columns.amax(-1)], 1).add(1e-6).log()


def semantic_discrepancy(observed: Observed, profile: Profile) -> Tensor:
    """Log of the largest Mahalanobis distance over the window's quarters: of the features, and of their change, `[B, 2]`."""
    features = distance(observed.features, profile.feature_mean, profile.feature_whitener)
    change = distance(observed.change, profile.change_mean, profile.change_whitener)
    return torch.stack([features.amax(1), change.amax(1)], 1).add(1e-6).log()


def distance(features: Tensor, mean: Tensor, whitener: Tensor) -> Tensor:
    """Squared Mahalanobis distance a feature, `[B, Q]`, of `[B, Q, K]`."""
    white = (features - mean[..., None, :]) @ whitener.mT
    return white.square().mean(-1)


def pool(residual: Tensor) -> Tensor:
    """Signed means over 256 ms, overlapping by half, `[B, L, C, H, W']`: what is left of speckle shrinks, what is there stays."""
    flat = residual.flatten(0, 3)[:, None]
    return F.avg_pool1d(flat, _COLUMNS, _COLUMNS // 2)[:, 0].unflatten(0, residual.shape[:4])


def heat(residual: Tensor, profile: Profile) -> Tensor:
    """Where the input is not as normal would be: `[B, H, W]`, mean over levels and planes, smoothed over 3 x 3 cells."""
    cells = (residual / profile.residual).square().mean((1, 2))
    return F.avg_pool2d(cells[:, None], 3, 1, 1, count_include_pad=False)[:, 0]
