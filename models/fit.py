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
from models.recipe import Observed, Pooling, Sizes
from models.score import means, surprises

_BLOCKS = 5
_USUAL = 0.25, 100  # deviation of a log statistic on ordinary sound, and how many windows that is worth: all weigh much the same
_USUAL_MEAN = 0.5, 8  # of a mean surprise, likewise: a few windows tell it


def fit_profile(normal: Normal, observed: Observed, overlap: int, pooling: Pooling) -> tuple[Profile, Tensor]:
    """The profile of a stream, without p-values yet, and the scores `[B]` its own normal gets crosswise.

    Args:
        normal: moments of the planes.
        observed: residuals and features of all normal windows `[B, ...]` in order of time.
        overlap: how many windows after one still share items with it.
        pooling: of the sense.
    """
    profile = sized(normal, pooling.fit(observed), pooling)
    stats = crosswise(observed, overlap, pooling)
    location, scale = robust(stats, *_USUAL)
    told = means(surprises(stats, location, scale), pooling.counts)
    mean_location, mean_scale = robust(told, *_USUAL_MEAN)
    scores = ((told - mean_location) / mean_scale)[:, -1]
    return replace(profile, location=location, scale=scale, mean_location=mean_location, mean_scale=mean_scale), scores


def with_p_values(profile: Profile, held_out: Tensor) -> Profile:
    """The profile with p-values from scores `[n]` of normal that the network was not trained on."""
    return replace(profile, quantiles=quantile_grid(held_out), tail=fit_tail(held_out))


def sized(normal: Normal, sizes: Sizes, pooling: Pooling) -> Profile:
    """A profile that knows how large residuals and features are, and takes every statistic as it comes."""
    statistics, told = sum(pooling.counts), len(pooling.counts) + 1
    return Profile(
        *normal,
        sizes=sizes,
        location=torch.zeros(statistics),
        scale=torch.ones(statistics),
        mean_location=torch.zeros(told),
        mean_scale=torch.ones(told),
        quantiles=torch.zeros(2),
        tail=torch.tensor([0.0, 1.0, 1.0, 0.0]),
    )


def crosswise(observed: Observed, overlap: int, pooling: Pooling) -> Tensor:
    """Statistics `[B, N]` of every block of windows, by sizes fitted on the other blocks."""
    stats = []
    for block, others in blocks(count_of(observed), overlap):
        sizes = pooling.fit({name: each[others] for name, each in observed.items()})
        stats.append(pooling.statistics({name: each[block] for name, each in observed.items()}, sizes))
    return torch.cat(stats)


def count_of(observed: Observed) -> int:
    """How many windows it is of."""
    return len(next(iter(observed.values())))


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
