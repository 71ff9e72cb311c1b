"""One sound file as the offline verbs see it: its source, its length, and whether it is too short or cannot be used."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from monitor.errors import SourceError
from monitor.source import Source
from monitor.source.media import FileSource, probe, read
from monitor.source.memory import Memory
from monitor.window import fill

LEAST_S = 0.1
"""A recording must last this long to be judged at all."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A file that can be judged."""

    path: Path
    seconds: float
    short: bool
    """Less than one window: it is repeated to one."""
    source: Source


def open_recording(path: Path, *, rate_hz: int, length: int) -> Recording:
    """A file as a source for windows of `length` items. Raises SourceError."""
    seconds = probe(path).seconds
    if seconds < LEAST_S:
        raise SourceError(f"{path}: lasts {seconds:.4f} s, expected at least {LEAST_S} s")
    if seconds * rate_hz >= length:
        return Recording(path, seconds, short=False, source=FileSource([path], rate_hz=rate_hz))
    samples = read(path, rate_hz=rate_hz)
    return Recording(path, seconds, short=True, source=Memory(fill(samples, length), rate_hz=rate_hz))
