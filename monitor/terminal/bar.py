"""A score as a bar, with the alarm level marked in it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rich.text import Text

LEVEL = 2 / 3
"""Where in every bar the alarm level lies, so that streams of different levels can be compared."""
_ENDS = 1.5
"""At so many times its alarm level a bar is full."""


@dataclass(frozen=True, slots=True)
class Glyphs:
    """What bars are drawn with."""

    filled: tuple[str, ...]
    """A cell that is filled ever more; the last wholly."""
    mark: str
    """The alarm level."""


BLOCKS = Glyphs(tuple("▏▎▍▌▋▊▉█"), "│")
ASCII = Glyphs(("=",), "|")


def bar(score: float, threshold: float, width: int, glyphs: Glyphs) -> Text:
    """A bar so wide: up to its mark what is below the alarm level, behind it, in red, what is above. Without a level it is empty."""
    mark = level(width)
    known = math.isfinite(threshold) and threshold > 0 and not math.isnan(score)
    times = score / threshold if known else 0.0
    below, beyond = _filled(times, mark, glyphs), _filled((times - 1) / (_ENDS - 1), width - mark - 1, glyphs)
    return Text.assemble((below, "green"), (glyphs.mark, "bold"), (beyond, "bold red"))


def level(width: int) -> int:
    """The cell of a bar in which the alarm level is marked."""
    return int(width * LEVEL)


def _filled(share: float, width: int, glyphs: Glyphs) -> str:
    """So many cells, of which a share is filled."""
    steps = len(glyphs.filled)
    whole, rest = divmod(int(min(max(share, 0.0), 1.0) * width * steps), steps)
    return (glyphs.filled[-1] * whole + (glyphs.filled[rest - 1] if rest else "")).ljust(width)
