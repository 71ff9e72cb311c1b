"""The score of a window, of parts that are kept apart to the end, then fused: R, S, T, and D where the network has one.

Each part is a mean of *surprises*: statistics as robust z-scores of what this stream's normal gives; the score is the mean of
them all. A surprise is smooth and upwards unbounded, so that ranking needs no p-value. Nothing but D sees the input except through the
denoiser.

* R, reconstruction error: at every noise level the worst single cells, and the place (a half second, a spot) whose residual lies
  farthest from normal.
* S, semantic discrepancy: the place whose features in the network lie farthest from normal's.
* T, typicality: whether the window as a whole is typical (Nalisnick et al. 2019; MSMA, Mahmood et al. 2021): how unusual the
  energies of its residual are, band by band, and the texture that the network sees in it, be they high or low. A normal that is
  livelier than what is strange is seen by T alone.
* D, discriminator: how much the window looks like anomalies that were made; beyond the paper, and where it pays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from models.denoiser import Denoiser
from models.normalise import Normal, unsplit
from models.profile import Profile
from models.recipe import Observed, Pooling, Recipe
from models.reconstruct import reconstruct

PARTS = ("R", "S", "T", "D")
"""The last only where the network has a discriminator."""
_LEAST = -3.0  # of a surprise: in silence there is less than nothing of what is too much


class Score(NamedTuple):
    """How strange each window of a batch is."""

    value: Tensor
    """`[B]`, larger is stranger, about 0 +- 1 on normal."""
    parts: Tensor
    """`[B, P]`, in the order of `PARTS`."""
    heat: Tensor
    """`[B, H, W]`: by how much the mean squared scaled residual exceeds the usual 1."""


def observe(denoiser: Denoiser, x: Tensor, normal: Normal | Profile, bank: Tensor, recipe: Recipe, steps: int = 1) -> Observed:
    """What is kept of residuals and features of standardised inputs x `[B, 4C, H/2, W/2]`."""
    left = residual(denoiser, x, normal, bank, recipe, steps)
    seen = denoiser.features(x, x.new_full((len(x),), recipe.seen_at))
    return recipe.pooling.observe(lambda: unsplit(x[:, None], normal)[:, 0], left, seen)


def residual(denoiser: Denoiser, x: Tensor, normal: Normal | Profile, bank: Tensor, recipe: Recipe, steps: int = 1) -> Tensor:
    """What the reconstructions of standardised inputs `[B, 4C, H/2, W/2]` leave of their planes, `[B, L, C, H, W]`."""
    return unsplit(x[:, None] - reconstruct(denoiser, x, recipe.judged, bank, steps), normal)


def score(observed: Observed, profile: Profile, pooling: Pooling) -> Score:
    """The score of a batch, given its profile, or stacked the profile of each of its windows."""
    found = surprises(pooling.statistics(observed, profile.sizes), profile.location, profile.scale)
    told = (means(found, pooling.counts) - profile.mean_location) / profile.mean_scale
    return Score(told[:, -1], told[:, :-1], pooling.heat(observed, profile.sizes))


def surprises(statistics: Tensor, location: Tensor, scale: Tensor) -> Tensor:
    """Statistics `[B, N]` as deviations from normal's `[N]`; none lies so far below that it outvotes those that see something strange."""
    return ((statistics - location) / scale).clamp_min(_LEAST)


def means(surprises: Tensor, counts: Sequence[int]) -> Tensor:
    """Mean surprise of each part, and last of all statistics alike, `[B, P + 1]`, of `[B, N]`."""
    parts = [part.mean(1) for part in surprises.split([*counts], 1)]
    return torch.stack([*parts, surprises.mean(1)], 1)
