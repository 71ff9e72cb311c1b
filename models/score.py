"""The score of a window: reconstruction error (R), semantic discrepancy (S) and typicality (T), kept apart to the end, then fused.

Each part is a mean of *surprises*: statistics as robust z-scores of what this stream's normal gives; the score is the mean of
them all. A surprise is smooth and unbounded, so that ranking needs no p-value. Nothing here sees the input but through the denoiser.

* R: at every noise level the worst single cells, and the half second whose residual, band by band, lies farthest from normal.
* S: the second whose features in the network lie farthest from normal's.
* T: whether the window as a whole is typical (Nalisnick et al. 2019; MSMA, Mahmood et al. 2021): how unusual the energies of
  its residual are, band by band, and the texture that the network sees in it, be they high or low. A normal that is livelier
  than what is strange is seen by T alone.
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
from models.residual import courses, energies, excess
from models.schedule import JUDGED
from models.semantic import semantics

PARTS = ("R", "S", "T")
COUNTS = (2 * len(JUDGED), 1, 1)
"""Statistics in each part."""


class Observed(NamedTuple):
    """What the network makes of a batch, before anything is compared with a profile but its normaliser."""

    residual: Tensor
    """Input less reconstruction in standardised planes, `[B, L, C, H, W]`."""
    places: Tensor
    """Features of the input at its places in time, `[B, T, K]`."""
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


def observe(denoiser: Denoiser, x: Tensor, normal: Normal | Profile, bank: Tensor, steps: int = 1) -> Observed:
    """Residuals and features of standardised inputs x `[B, 4C, H/2, W/2]`."""
    restored = reconstruct(denoiser, x, JUDGED, bank, steps)
    return Observed(unsplit(x[:, None] - restored, normal), *semantics(denoiser, x))


def score(observed: Observed, profile: Profile) -> Score:
    """The score of a batch, given the profile of each of its windows."""
    surprises = (statistics(observed, profile) - profile.location) / profile.scale
    told = (means(surprises) - profile.mean_location) / profile.mean_scale
    return Score(told[:, -1], told[:, :-1], heat(observed.residual, profile))


def statistics(observed: Observed, profile: Profile) -> Tensor:
    """Every statistic `[B, N]`, part by part. Logarithms."""
    return torch.cat(
        [
            excess(observed.residual, profile.excess),
            farthest(courses(observed.residual), profile.course_mean, profile.course_whitener),
            farthest(observed.places, profile.feature_mean, profile.feature_whitener)[:, None],
            atypicality(observed, profile)[:, None],
        ],
        1,
    )


def means(surprises: Tensor) -> Tensor:
    """Mean surprise of each part, and last of all statistics alike, `[B, P + 1]`, of `[B, N]`."""
    parts = [part.mean(1) for part in surprises.split(COUNTS, 1)]
    return torch.stack([*parts, surprises.mean(1)], 1)


def farthest(places: Tensor, mean: Tensor, whitener: Tensor) -> Tensor:
    """Log of the largest Mahalanobis distance, squared and a number, of any place, `[B, ...]`, of `[B, ..., T, K]`."""
    white = (places - mean[..., None, :]) @ whitener.mT
    return white.square().mean(-1).amax(-1).add(1e-6).log()


def atypicality(observed: Observed, profile: Profile) -> Tensor:
    """Mean of how unusual the residual's energies and the input's texture are, `[B]`."""
    energy = untypical(energies(observed.residual), profile.energy_location, profile.energy_scale)
    return (energy + untypical(observed.texture, profile.texture_location, profile.texture_scale)) / 2


def untypical(values: Tensor, location: Tensor, scale: Tensor) -> Tensor:
    """Log mean square of how far values `[B, ...]` lie from the usual, too high or too low, `[B]`."""
    return ((values - location) / scale).square().flatten(1).mean(1).add(1e-6).log()


def heat(residual: Tensor, profile: Profile) -> Tensor:
    """Where the input is not as normal would be: `[B, H, W]`, from the mean over levels and planes, smoothed over 3 x 3 cells.

    What is usual is not heat, or a quiet minute would outweigh the second that matters.
    """
    cells = (residual / profile.residual).square().mean((1, 2))
    return F.avg_pool2d(cells[:, None], 3, 1, 1, count_include_pad=False)[:, 0].sub(1).clamp_min(0)
