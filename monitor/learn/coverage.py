"""Whether scores of normal that was not learned from lie where those of the normal that was learned from do.

A site's own training scores, taken crosswise, say above which level a share p of its normal should lie. Of normal that is
heard later, as much should. A site's 20 to 60 s are too little for that; all sites together are not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from monitor.learn.detection import Values

LEVELS = (0.1, 0.2, 0.3)


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of the later normal lies above the level that a share p of the learned normal exceeds; none where there is no clip."""

    p: float
    """What should."""
    share: float | None
    """What does, of the windows of all sites."""
    first: float | None
    """The same of the first half of each site's clips in file order."""
    second: float | None
    """The same of the second half: where it is higher, normal drifts away."""


def coverage(usual: Mapping[str, Values], normal: Mapping[str, Sequence[Values]]) -> Iterator[Coverage]:
    """One record a level, of crosswise training scores `[n]` by site, and of scores `[n]` of its normal clips in file order."""
    for p in LEVELS:
        halves: tuple[list[Values], list[Values]] = ([], [])
        for site, clips in normal.items():
            above = [clip > np.quantile(usual[site], 1 - p) for clip in clips]
            halves[0].extend(above[: len(above) // 2])
            halves[1].extend(above[len(above) // 2 :])
        yield Coverage(p, _share([*halves[0], *halves[1]]), *map(_share, halves))


def lines(found: Iterable[Coverage]) -> list[str]:
    """A line of text a level."""
    return [
        f"p = {each.p:g}: {_told(each.share)} of all normal windows lie above the level of their site; "
        f"of the first half of its clips {_told(each.first)}, of the second {_told(each.second)}"
        for each in found
    ]


def _share(above: Sequence[Values]) -> float | None:
    return float(np.concatenate(above).mean()) if above else None


def _told(share: float | None) -> str:
    return "none" if share is None else f"{share:.3f}"
