"""A stream's profile from its normal windows, in seconds and without a gradient.

Sizes of residuals and features are fitted on all windows; what a *score* of normal looks like is taken crosswise: the
windows are cut into blocks of time, and each block is judged with sizes fitted on the others, a window's gap between. All of
it runs on the CPU: it is statistics of a few thousand windows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from models.calibrate import fit_tail, quantile_grid
from models.normalise import Normal
from models.profile import Profile
from models.recipe import Pooling
from models.score import COUNTS, PARTS, Observed, means, statistics

_BLOCKS = 5
_STILL = 0.05  # deviation at least: what never moves must not make its rounding noise an alarm
_USUAL = 0.25, 100  # deviation of a log statistic on ordinary sound, and how many windows that is worth: all weigh much the same
_REACH = 0.02, 0.98  # quantiles between which a value is normal
_DEVIATIONS = 2.05  # ... which a Gaussian's lie from its middle
_LEAST_ENERGY = 0.2  # deviation of a log energy: over 2 s even steady noise moves about so much
_USUAL_MEAN = 0.5, 8  # of a mean surprise, likewise: a few windows tell it


def fit_profile(normal: Normal, observed: Observed, overlap: int, pooling: Pooling) -> tuple[Profile, Tensor]:
    """The profile of a stream, without p-values yet, and the scores `[B]` its own normal gets crosswise.

    Args:
        normal: moments of the planes.
        observed: residuals and features of all normal windows `[B, ...]` in order of time.
        overlap: how many windows after one still share items with it.
        pooling: of the sense.
    """
    sized = fit_sizes(normal, observed, pooling)
    stats = crosswise(normal, observed, overlap, pooling)
    location, scale = robust(stats, *_USUAL)
    told = means((stats - location) / scale)
    mean_location, mean_scale = robust(told, *_USUAL_MEAN)
    scores = ((told - mean_location) / mean_scale)[:, -1]
    return replace(sized, location=location, scale=scale, mean_location=mean_location, mean_scale=mean_scale), scores


def with_p_values(profile: Profile, held_out: Tensor) -> Profile:
    """The profile with p-values from scores `[n]` of normal that the network was not trained on."""
    return replace(profile, quantiles=quantile_grid(held_out), tail=fit_tail(held_out))


def fit_sizes(normal: Normal, observed: Observed, pooling: Pooling) -> Profile:
    """A profile that knows how large residuals and features are, and takes every statistic as it comes."""
    by_level = [pooling.whitener(level) for level in observed.courses.unbind(1)]
    course_mean, course_whitener = (torch.stack(each) for each in zip(*by_level, strict=True))
    energy_location, energy_scale = reach(observed.energies, _LEAST_ENERGY)
    texture_location, texture_scale = reach(observed.texture, _STILL)
    feature_mean, feature_whitener = pooling.whitener(observed.places)
    return Profile(
        *normal,
        residual=pooling.usual(observed.cells),
        excess=pooling.usual(observed.cells.clamp_min(0)),
        course_mean=course_mean,
        course_whitener=course_whitener,
        energy_location=energy_location,
        energy_scale=energy_scale,
        texture_location=texture_location,
        texture_scale=texture_scale,
        feature_mean=feature_mean,
        feature_whitener=feature_whitener,
        location=torch.zeros(sum(COUNTS)),
        scale=torch.ones(sum(COUNTS)),
        mean_location=torch.zeros(len(PARTS) + 1),
        mean_scale=torch.ones(len(PARTS) + 1),
        quantiles=torch.zeros(2),
        tail=torch.tensor([0.0, 1.0, 1.0, 0.0]),
    )


def crosswise(normal: Normal, observed: Observed, overlap: int, pooling: Pooling) -> Tensor:
    """Statistics `[B, N]` of every block of windows, by sizes fitted on the other blocks."""
    stats = []
    for block, others in blocks(len(observed.cells), overlap):
        sizes = fit_sizes(normal, Observed(*(o[others] for o in observed)), pooling)
        stats.append(statistics(Observed(*(o[block] for o in observed)), sizes, pooling))
    return torch.cat(stats)


def blocks(count: int, overlap: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Index of each contiguous block, and of the windows outside it that share no item with it (all, if none were left)."""
    index = torch.arange(count)
    for block in index.chunk(_BLOCKS):
        far = (index < block[0] - overlap) | (index > block[-1] + overlap)
        yield block, index[far] if far.any() else index


def robust(values: Tensor, usual: float, prior: int) -> tuple[Tensor, Tensor]:
    """Median and deviation `[...]` of `[B, ...]`; the deviation from quartiles, shrunk towards the usual one, worth `prior` values."""
    low, middle, high = torch.quantile(values, torch.tensor([0.25, 0.5, 0.75]), dim=0)
    spread = (high - low) / 1.349
    n = len(values)
    return middle, ((n * spread.square() + prior * usual**2) / (n + prior)).sqrt()


def reach(values: Tensor, least: float) -> tuple[Tensor, Tensor]:
    """Middle `[...]` of the range of values `[B, ...]`, and the deviation that a Gaussian of that range has, at least `least`.

    The range leaves out the outermost values. Quartiles would not do: normal of several recordings lies in lumps, and the
    largest alone would say where they are.
    """
    low, high = torch.quantile(values, torch.tensor(_REACH), dim=0)
    return (low + high) / 2, ((high - low) / (2 * _DEVIATIONS)).clamp_min(least)
