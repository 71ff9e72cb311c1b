"""What is normal for one stream: how to standardise it, how large its residuals and features are, what its scores are.

A profile is a bundle of small tensors. Profiles of many streams stack, and a batch gathers its rows by stream, so that
windows of different streams share one call of the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Profile:
    """Everything that differs between streams of one network; each tensor may have a leading stream axis `[S, ...]`."""

    mean: Tensor
    """Of the planes, `[C, H, 1]`, or `[C, H, W]` where every place has its own."""
    deviation: Tensor
    """Of the planes, `[C, H, 1]` or `[C, 1, 1]`."""
    subband: Tensor
    """Deviation of the Haar sub-bands of the standardised planes, `[4C, 1, 1]` a level."""
    residual: Tensor
    """RMS of the residual of one cell, `[L, C, H, 1]` or `[L, C, 1, 1]`."""
    excess: Tensor
    """RMS of that part of it that is above nothing, in the same shape."""
    course_mean: Tensor
    """Of the courses of the residual, `[L, T, K]`; T is 1 where places are alike."""
    course_whitener: Tensor
    """Makes them white, `[L, T, K, K]`."""
    energy_location: Tensor
    """Middle of the range of the residual's log energies, `[C, H]` or `[L, C]`."""
    energy_scale: Tensor
    """Deviation of the same, by the width of that range."""
    texture_location: Tensor
    """Middle of the range of the texture, `[F]`."""
    texture_scale: Tensor
    """Deviation of the same, `[F]`."""
    feature_mean: Tensor
    """Of the input's features place by place, `[T, K]`; T is 1 where places are alike."""
    feature_whitener: Tensor
    """Makes them white, `[T, K, K]`."""
    location: Tensor
    """Median of each statistic, `[N]`."""
    scale: Tensor
    """Robust deviation of each statistic, `[N]`."""
    mean_location: Tensor
    """Median of the mean surprise of each part, and of all, `[P + 1]`."""
    mean_scale: Tensor
    """Robust deviation of the same, `[P + 1]`."""
    quantiles: Tensor
    """Scores of held-out normal from lowest to highest, on an even grid of `[Q]` ranks."""
    tail: Tensor
    """Generalised Pareto tail of the scores: threshold, share above it, scale, shape `[4]`."""

    def gather(self, streams: Tensor) -> Profile:
        """The rows of a stacked profile for windows of the streams `[B]`."""
        return Profile(*(getattr(self, f.name)[streams] for f in fields(self)))

    def to(self, device: torch.device) -> Profile:
        """The same on a device."""
        return Profile(*(getattr(self, f.name).to(device) for f in fields(self)))


def stack(profiles: Sequence[Profile]) -> Profile:
    """One profile with a leading axis for the stream."""
    return Profile(*(torch.stack([getattr(p, f.name) for p in profiles]) for f in fields(Profile)))
