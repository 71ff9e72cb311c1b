"""A score as a bar, with the alarm level marked in it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rich.text import Text

LEVEL = 2 / 3
"""Where in every bar the alarm level lies, so that streams of different levels can be compared."""


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
    """A bar so wide; its mark stands where the alarm level is reached, what is beyond it is red. Without a level it is empty."""
    mark = level(width)
    known = math.isfinite(threshold) and threshold > 0 and not math.isnan(score)
    share = min(max(score / threshold * LEVEL, 0.0), 1.0) if known else 0.0
    cells = _filled(share, width, glyphs)
    below, beyond = cells[:mark], cells[mark + 1 :]
    return Text.assemble((below, "green"), (glyphs.mark, "bold"), (beyond, "bold red"))


def level(width: int) -> int:
    """The cell of a bar in which the alarm level is marked."""
    return min(round(width * LEVEL), width - 1)


def _filled(share: float, width: int, glyphs: Glyphs) -> str:
    """So many cells, of which a share is filled."""
    steps = len(glyphs.filled)
    whole, rest = divmod(int(share * width * steps), steps)
    return (glyphs.filled[-1] * whole + (glyphs.filled[rest - 1] if rest else "")).ljust(width)
