"""All that is told of a batch of windows, in one pass over it and in one tensor.

Nothing on the way depends on what a number turns out to be, and nothing is brought to the device or back: a GPU is given the whole
pass at once, without a word in between, and the same pass can be captured as a graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import torch
from torch import Tensor

from models.calibrate import p_value
from models.checkpoint import Model
from models.denoiser import Denoiser
from models.locate import extent
from models.normalise import standardise
from models.profile import Profile
from models.recipe import Observed, Recipe
from models.representation import Look, Representation
from models.score import observe, score


class Verdict(NamedTuple):
    """What is told of one window."""

    score: float
    p_value: float
    level_db: float
    rows: tuple[int, int]
    """`[first, after)` of the strangest part."""
    columns: tuple[int, int]
    parts: tuple[float, ...]
    """Of the score, in the order of `PARTS`."""


@dataclass(frozen=True, slots=True)
class Pass:
    """From windows to verdicts. Everything lives on one device."""

    sense: Representation
    denoiser: Denoiser
    bank: Tensor
    recipe: Recipe

    @classmethod
    def of(cls, model: Model, sense: Representation) -> Self:
        """A model's, of what it looks at."""
        return cls(sense, model.denoiser, model.bank, model.follows(sense.recipe))

    def told(self, items: Tensor, profile: Profile) -> Tensor:
        """Verdicts `[B, 7 + P]` float64 of windows `[B, length, *item]`, given the profile of each; `verdict` takes a row apart."""
        look = self.sense.look(items)
        return self.judged(items, look, self.observe(look, profile), profile)

    def observe(self, look: Look, profile: Profile) -> Observed:
        """What the network makes of it."""
        return observe(self.denoiser, standardise(look.planes, profile), profile, self.bank, self.recipe)

    def judged(self, items: Tensor, look: Look, observed: Observed, profile: Profile) -> Tensor:
        """The same verdicts, of what the network made of the windows."""
        found = score(observed, profile, self.recipe.pooling)
        p = p_value(found.value, profile.quantiles, profile.tail)
        rows, columns = extent(look.in_window(found.heat))
        figures = torch.stack([found.value.double(), p, self.sense.level_db(items).double()], 1)
        return torch.cat([figures, rows, columns, found.parts], 1)

    def heat(self, look: Look, profile: Profile) -> Tensor:
        """Where windows are not as normal would be, `[B, H, W]`."""
        return look.in_window(score(self.observe(look, profile), profile, self.recipe.pooling).heat)


def verdict(row: Sequence[float]) -> Verdict:
    """What a row of `Pass.told` says.

    >>> verdict([3.0, 0.5, -20.0, 0.0, 4.0, 1.0, 2.0, 3.5])
    Verdict(score=3.0, p_value=0.5, level_db=-20.0, rows=(0, 4), columns=(1, 2), parts=(3.5,))
    """
    value, p, level, top, below, left, right, *parts = row
    return Verdict(value, p, level, (int(top), int(below)), (int(left), int(right)), tuple(parts))
