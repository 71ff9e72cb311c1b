"""The score of a window: reconstruction error (R), semantic discrepancy (S) and typicality (T), kept apart to the end, then fused.

Each part is a mean of *surprises*: statistics as robust z-scores of what this stream's normal gives; the score is the mean of
them all. A surprise is smooth and unbounded, so that ranking needs no p-value. Nothing here sees the input but through the denoiser.

* R: at every noise level the worst single cells, and the place (a half second, a spot) whose residual lies farthest from normal.
* S: the place whose features in the network lie farthest from normal's.
* T: whether the window as a whole is typical (Nalisnick et al. 2019; MSMA, Mahmood et al. 2021): how unusual the energies of
  its residual are, band by band, and the texture that the network sees in it, be they high or low. A normal that is livelier
  than what is strange is seen by T alone.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from models.denoiser import Denoiser
from models.normalise import Normal, unsplit
from models.profile import Profile
from models.recipe import Pooling, Recipe
from models.reconstruct import reconstruct

PARTS = ("R", "S", "T")
LEVELS = 3
"""Noise levels that an input is judged at, whatever the sense."""
COUNTS = (2 * LEVELS, 1, 1)
"""Statistics in each part."""


class Observed(NamedTuple):
    """What the network makes of a batch, before anything is compared with a profile but its normaliser."""

    cells: Tensor
    """Input less reconstruction in standardised planes, as its pooling keeps it, `[B, L, C, h, w]`."""
    courses: Tensor
    """What each place looks like in it, `[B, L, T, K]`."""
    energies: Tensor
    """Its log energies over the window, `[B, ...]`."""
    places: Tensor
    """Features of the input at its places, `[B, T, K]`."""
    texture: Tensor
    """Of the input as a whole, `[B, F]`."""


class Score(NamedTuple):
    """How strange each window of a batch is."""

    value: Tensor
    """`[B]`, larger is stranger, about 0 +- 1 on normal."""
    parts: Tensor
    """`[B, P]`, in the order of `PARTS`."""
    heat: Tensor
    """`[B, H, W]`: by how much the mean squared scaled residual exceeds the usual 1."""


def observe(denoiser: Denoiser, x: Tensor, normal: Normal | Profile, bank: Tensor, recipe: Recipe, steps: int = 1) -> Observed:
    """Residuals and features of standardised inputs x `[B, 4C, H/2, W/2]`."""
    residual = unsplit(x[:, None] - reconstruct(denoiser, x, recipe.judged, bank, steps), normal)
    seen = denoiser.features(x, torch.full((len(x),), recipe.seen_at).to(x))
    pooling = recipe.pooling
    cells = pooling.cells(residual)
    return Observed(cells, pooling.courses(residual), pooling.energies(cells), pooling.places(seen), pooling.texture(seen))


def score(observed: Observed, profile: Profile, pooling: Pooling) -> Score:
    """The score of a batch, given the profile of each of its windows."""
    surprises = (statistics(observed, profile, pooling) - profile.location) / profile.scale
    told = (means(surprises) - profile.mean_location) / profile.mean_scale
    return Score(told[:, -1], told[:, :-1], pooling.heat(observed.cells, profile.residual))


def statistics(observed: Observed, profile: Profile, pooling: Pooling) -> Tensor:
    """Every statistic `[B, N]`, part by part. Logarithms."""
    return torch.cat(
        [
            pooling.excess(observed.cells, profile.excess),
            pooling.farthest(distances(observed.courses, profile.course_mean, profile.course_whitener)),
            pooling.farthest(distances(observed.places, profile.feature_mean, profile.feature_whitener))[:, None],
            atypicality(observed, profile)[:, None],
        ],
        1,
    )


def means(surprises: Tensor) -> Tensor:
    """Mean surprise of each part, and last of all statistics alike, `[B, P + 1]`, of `[B, N]`."""
    parts = [part.mean(1) for part in surprises.split(COUNTS, 1)]
    return torch.stack([*parts, surprises.mean(1)], 1)


def distances(places: Tensor, mean: Tensor, whitener: Tensor) -> Tensor:
    """Mahalanobis distance, squared and a number, of every place, `[B, ..., T]`, of `[B, ..., T, K]`."""
    apart = places - mean
    if whitener.shape[-3] == 1:
        white = apart @ whitener[..., 0, :, :].mT
    elif whitener.dim() > places.dim():  # of each window's own profile
        white = (apart[..., None, :] @ whitener.mT)[..., 0, :]
    else:  # of one profile: place by place, so that no matrix is copied for every window
        white = (apart.movedim(0, -2) @ whitener.mT).movedim(-2, 0)
    return white.square().mean(-1)


def atypicality(observed: Observed, profile: Profile) -> Tensor:
    """Mean of how unusual the residual's energies and the input's texture are, `[B]`."""
    energy = untypical(observed.energies, profile.energy_location, profile.energy_scale)
    return (energy + untypical(observed.texture, profile.texture_location, profile.texture_scale)) / 2


def untypical(values: Tensor, location: Tensor, scale: Tensor) -> Tensor:
    """Log mean square of how far values `[B, ...]` lie from the usual, too high or too low, `[B]`."""
    return ((values - location) / scale).square().flatten(1).mean(1).add(1e-6).log()
