"""Normal that is not all normal: foreign sound in some of the seconds that a place learns from.

Nobody listens through the recordings that a place is learned from. So a share of a place's training seconds gets an event
each, mixed in exactly as an anomaly is; what is judged stays as it is. Which seconds and which events depends on the seed
and the row alone, not on what other places there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path

import numpy as np

from monitor.errors import SourceError
from monitor.learn.places import Place
from monitor.learn.protocol import Mix, Row, clip_seconds, read_rows

SNR_DB = 0.0
"""Of every event, over the clip that it is mixed into."""


@dataclass(frozen=True, slots=True)
class _Second:
    """A second of a training clip, and what would be mixed into it."""

    order: float
    """Drawn: the lowest are taken."""
    row: Row
    mix: Mix


def foreign(sites_table: Path, ovr_table: Path) -> list[Row]:
    """Training clips of `ovr.csv`, none from a recording that is a site. Raises SourceError if there is none.

    A site is named CLASS-RECORDING.
    """
    if not ovr_table.is_file():
        raise SourceError(f"{ovr_table}: no such file, expected the table whose train clips contaminate the normal")
    taken = {row.group.rsplit("-", 1)[-1] for row in read_rows(sites_table)}
    found = [row for row in read_rows(ovr_table) if row.role == "train" and row.recording not in taken]
    if not found:
        raise SourceError(f"{ovr_table}: no train clip of a recording that is no site, expected some to contaminate the normal with")
    return found


def contaminated(place: Place, clips: Sequence[Row], data: Path, *, share: float, seed: int) -> Place:
    """The site with events of other classes' clips in a share of its training seconds, one at least. Raises SourceError."""
    strange = [clip for clip in clips if clip.group != place.name.rsplit("-", 1)[0]]
    if not strange:
        raise SourceError(f"site {place.name!r}: no train clip of another class to contaminate its normal with, expected at least one")
    lasts_s = {row: clip_seconds(data / row.file) for row in place.normal}
    seconds = [second for row in place.normal for second in _seconds(row, lasts_s[row], strange, seed)]
    count = max(1, round(share * sum(lasts_s.values())))
    chosen = sorted(seconds, key=attrgetter("order"))[:count]
    return replace(place, normal=[replace(row, spoilt=tuple(s.mix for s in chosen if s.row is row)) for row in place.normal])


def _seconds(row: Row, lasts_s: float, strange: Sequence[Row], seed: int) -> Iterator[_Second]:
    """Every whole second of a row's clip."""
    rng = np.random.default_rng([seed, row.number])
    for onset_s in range(int(lasts_s)):
        clip = strange[int(rng.integers(len(strange)))]
        yield _Second(rng.random(), row, Mix(clip.file, clip.group, SNR_DB, float(onset_s)))
