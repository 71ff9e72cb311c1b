"""One file as the offline verbs see it: its source, its length, and whether it is too short or cannot be used."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from monitor.errors import SourceError
from monitor.source import Source
from monitor.source.file import FileSource
from monitor.source.medium import Info, Medium
from monitor.source.memory import Memory
from monitor.window import fill

LEAST_S = 0.1
"""A recording of less than a window must last this long to be judged at all."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A file that can be judged."""

    path: Path
    seconds: float
    short: bool
    """Less than one window: it is repeated to one."""
    source: Source


def open_recording(path: Path, medium: Medium, *, length: int) -> Recording:
    """A file as a source for windows of `length` items. Raises SourceError."""
    info = medium.probe(path)
    if not is_short(info, rate_hz=medium.rate_hz, length=length):
        return Recording(path, info.seconds, short=False, source=FileSource([path], medium))
    return Recording(path, info.seconds, short=True, source=Memory(fill(medium.read(path), length), rate_hz=medium.rate_hz))


def is_short(info: Info, *, rate_hz: float, length: int) -> bool:
    """Whether a file holds less than a window of `length` items. Raises SourceError if it is too little to fill one up with."""
    if round(info.seconds * rate_hz, 3) >= length:
        return False
    if info.seconds < LEAST_S:
        raise SourceError(f"{info.path}: lasts {info.seconds:.4f} s, expected at least {LEAST_S} s")
    return True
