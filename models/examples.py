"""What a discriminator learns from: normal, and anomalies made of it, as both look when they are new.

Normal that a profile was fitted on lies closer to it than any other will. So a stream's windows are cut into blocks of time, and each
block is looked at by what is usual in others: in all of them, and in a few, as a profile of a short while would have it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from models.denoiser import Denoiser
from models.discriminator import GRAIN
from models.normalise import Normal, fit_normal, standardise
from models.recipe import Discriminating
from models.representation import Representation
from models.score import residual

_BLOCKS = 4
_REFERENCES = 2  # for each block
_STRANGE = 2  # anomalies for every window
PER_WINDOW = _REFERENCES + _STRANGE
"""Examples for every window."""
_SIZED = 16  # windows that sizes are fitted on; each has many cells of a row
_CHANGED = 0.4  # log units by which a cell differs from what it was before: half as much again
_CHUNK = 16


@dataclass(frozen=True, slots=True)
class Examples:
    """Normal and made anomalies, as the discriminator sees them, in half precision."""

    residual: Tensor
    """In units of the usual, `[N, L, C, H, W]`."""
    planes: Tensor
    """Standardised inputs `[N, C, H, W]`."""
    changed: Tensor
    """Share of each place of the heat map that was changed, `[N, H / 4, W / 4]` in [0, 1]; all 0 of normal."""


@dataclass(frozen=True, slots=True)
class Sampler:
    """Makes examples of the windows of a stream, as the discriminator will see them."""

    denoiser: Denoiser
    bank: Tensor
    sense: Representation
    discriminating: Discriminating

    @torch.inference_mode()
    def examples(self, windows: Tensor, generator: Generator) -> Iterator[Examples]:
        """About `PER_WINDOW` examples for each of the windows `[n, length, *item]`, in order of time; some at a time."""
        planes = self._look(windows)
        for own, others in references(len(windows), generator):
            normal = fit_normal(planes[others], self.sense.recipe)
            usual = self.discriminating.usual(self._residual(planes[others][:: math.ceil(len(others) / _SIZED)], normal))
            yield self._shown(planes[own], planes[own], normal, usual)
            some = own[torch.randint(len(own), (round(_STRANGE * len(own) / _REFERENCES),), generator=generator)]
            strange = self.discriminating.make(windows[some], self.sense.rate_hz, generator)
            yield self._shown(self._look(strange), planes[some], normal, usual)

    def _shown(self, planes: Tensor, before: Tensor, normal: Normal, usual: Tensor) -> Examples:
        """Planes that were others before."""
        standardised = (planes - normal.mean) / normal.deviation
        return Examples(
            (self._residual(planes, normal) / usual).half(), standardised.half(), F.avg_pool2d(changed(planes, before), GRAIN).half()
        )

    def _look(self, windows: Tensor) -> Tensor:
        return torch.cat([self.sense.look(some).planes for some in windows.split(_CHUNK)])

    def _residual(self, planes: Tensor, normal: Normal) -> Tensor:
        parts = [standardise(some, normal) for some in planes.split(_CHUNK)]
        return torch.cat([residual(self.denoiser, x, normal, self.bank, self.sense.recipe) for x in parts])


def changed(planes: Tensor, before: Tensor) -> Tensor:
    """Which cells of planes `[B, C, H, W]` are not as strong as they were, 1 or 0, `[B, H, W]`."""
    return ((planes - before)[:, 0].abs() > _CHANGED).float()


def references(count: int, generator: Generator) -> Iterator[tuple[Tensor, Tensor]]:
    """Index of each of a few blocks, and twice of windows in others: in all of them, and in some that are drawn."""
    blocks = torch.arange(count).chunk(_BLOCKS)
    for i, own in enumerate(blocks):
        others = [*blocks[:i], *blocks[i + 1 :]] or [own]
        yield own, torch.cat(others)
        some = 1 + int(torch.randint(max(1, len(others) - 1), (1,), generator=generator))
        drawn = torch.randperm(len(others), generator=generator)[:some].tolist()
        yield own, torch.cat([others[k] for k in sorted(drawn)])


def joined(parts: Sequence[Examples]) -> Examples:
    """One record of many."""
    return Examples(*(torch.cat([getattr(part, f.name) for part in parts]) for f in fields(Examples)))
