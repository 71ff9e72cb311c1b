"""The closeups that a report has room for, the strangest first. A part of the composition root: it knows which sense is looked at how."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.errors import OutOfMemoryError, SourceError
from monitor.evidence.overlay import png
from monitor.offline import Judging
from monitor.report import heard, seen
from monitor.report.chronicle import Chronicle
from monitor.report.closeup import Closeup

ROOM = 3_000_000
"""Bytes of pictures and sounds: in base64 4 million, which with the longest tables stays below 5 MB."""
MOST = 40
"""Closeups, however small: nobody looks at more."""

_CLOSEUP = {"audio": heard.closeup, "image": seen.closeup}


def gather(chronicle: Chronicle, by: Judging, room: int = ROOM) -> dict[str, Closeup]:
    """Closeups by the id of their events, as many as there is room for; what cannot be looked at again says why."""
    gathered: dict[str, Closeup] = {}
    for event, closeup in _strangest(chronicle, by):
        room -= weight(closeup)
        if room < 0 or len(gathered) == MOST:
            break
        gathered[event] = closeup
    return gathered


def weight(closeup: Closeup) -> int:
    """Bytes of its pictures and sounds."""
    return sum(len(png(each.pixels)) for each in closeup.pictures) + sum(len(each.flac) for each in closeup.sounds)


def _strangest(chronicle: Chronicle, by: Judging) -> Iterator[tuple[str, Closeup]]:
    for section, event in chronicle.events:
        try:
            yield event.id, _CLOSEUP[event.kind](event, section.recording, section.curve.end, by)
        except (SourceError, OutOfMemoryError) as error:
            yield event.id, Closeup((), notes=(f"It cannot be shown: {error}.",))
