"""Windows that are outliers among the normal they were heard with, left out before a profile is made.

Nobody listened through what a box kept by itself. A door that slammed in it would widen what counts as normal; one window in
twenty at most is left out, so that what is rare but belongs there still counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from models.representation import Representation
from monitor.learn.corpus import Decodable

FAR = 6.0
"""Robust deviations above the median from which a score is an outlier."""
MOST = 0.05
"""Of all windows, that are left out at most."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some consecutive windows of a stretch."""

    whole: Decodable
    first: int
    after: int
    seconds: float

    def planes(self, sense: Representation, stride: int) -> Tensor:
        """Planes `[n, C, H, W]` of its windows. Raises SourceError."""
        return self.whole.planes(sense, stride)[self.first : self.after]


def outliers(scores: Sequence[Tensor]) -> list[Tensor]:
    """Which windows are outliers among all, bool `[n]` a stretch, of their scores `[n]`."""
    pooled = torch.cat([*scores])
    middle = pooled.median()
    spread = 1.4826 * (pooled - middle).abs().median()
    most = int(MOST * len(pooled))
    limit = torch.maximum(middle + FAR * spread, pooled.sort().values[-1 - most])
    return [stretch > limit for stretch in scores]


def without(stretches: Sequence[Decodable], out: Sequence[Tensor], hop_s: float) -> list[Decodable]:
    """What is left of each stretch, in order: all of it, or the parts between the windows that are out."""
    return [part for stretch, gone in zip(stretches, out, strict=True) for part in _parts(stretch, gone, hop_s)]


def _parts(stretch: Decodable, gone: Tensor, hop_s: float) -> Iterator[Decodable]:
    if not gone.any():
        yield stretch
        return
    edges = [-1, *gone.nonzero()[:, 0].tolist(), len(gone)]
    for before, after in pairwise(edges):
        if after > before + 1:
            yield Part(stretch, before + 1, after, (after - before - 1) * hop_s)
