"""`record`: what a stream delivers on disk, through the very capture that the daemon takes it through, as normal to learn from.

Segments of a minute, 24-bit FLAC or video without loss, named after the stream and the time at which they begin (UTC). A segment
is there whole or not at all, and has no gap within: what was lost begins a new one. What is there already counts, so that a
recording that was broken off goes on.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np

from monitor import feed
from monitor.config import FolderConfig, inside, load
from monitor.errors import ConfigError, DiffmonError, SinkError, SourceError
from monitor.interrupt import asked_to_stop
from monitor.opened import check_source, medium, pulse
from monitor.reader import Reader
from monitor.records import Items, Progress
from monitor.ring import Ring
from monitor.segment import Segment, SegmentKind
from monitor.source.medium import Medium

SEGMENT_S = 60.0
_RING_S = 30.0
_LEAST_S = 0.1  # a shorter segment is of use to nobody
_TICK_S = 0.25


@dataclass(frozen=True, slots=True)
class Recorded:
    """What came of it."""

    folder: str
    stream: str
    seconds: float
    """Of the stream in the folder, over all segments."""
    wanted_s: float
    segments: int
    """Written now."""
    lost_s: float
    """Not heard in between, now."""


class Segments:
    """Writes a stream's items into segments below a folder. One thread calls it; `close` may be called twice."""

    def __init__(self, folder: Path, stream: str, kind: SegmentKind, *, rate_hz: float) -> None:
        self.count = 0
        """Segments finished."""
        self.written = 0
        """Items in them, and in the one that is open."""
        self._folder, self._stream = folder, stream
        self._kind, self._rate_hz = kind, rate_hz
        self._segment: Segment | None = None
        for left in folder.glob(f".{stream}-*{kind.suffix}.part"):  # by one that was killed
            left.unlink(missing_ok=True)

    def write(self, items: Items, began_unix: float) -> None:
        """Appends items `[n, *item]`, the first of which came at a unix time. Raises DiffmonError if the disk fails."""
        step = math.ceil(self._rate_hz)
        for at in range(0, len(items), step):
            some = items[at : at + step]
            with self._told():
                if self._segment is None:
                    self._segment = self._kind.begin(self._folder / self._named(began_unix + at / self._rate_hz), self._rate_hz)
                self._segment.write(some)
            self.written += len(some)
            if self._segment.items >= SEGMENT_S * self._rate_hz:
                self.close()

    def close(self) -> None:
        """Finishes the segment that is open; the next item begins a new one. Raises DiffmonError if the disk fails."""
        if self._segment is None:
            return
        segment, self._segment = self._segment, None
        if segment.items < _LEAST_S * self._rate_hz:
            self.written -= segment.items
            segment.discard()
            return
        with self._told():
            segment.finish()
        self.count += 1

    def _named(self, began_unix: float) -> str:
        stamp = datetime.fromtimestamp(began_unix, UTC).strftime("%Y%m%dT%H%M%S.%f")[:-3]
        return f"{self._stream}-{stamp}Z{self._kind.suffix}"

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Says what the disk failed with, and what is left."""
        try:
            yield
        except SinkError as error:
            self._segment = None
            raise DiffmonError(f"{error}; the segments before it are whole") from None


def record(config_path: Path, stream: str, seconds: float, folder: Path) -> Iterator[Progress | Recorded]:
    """Records until the folder holds so many seconds of the stream, or until SIGINT or SIGTERM.

    A live source that fails is tried again, but if nothing came of it in the time that was to be recorded, it is given up. What was
    made of the folder is taken away again if nothing was recorded. Raises DiffmonError.
    """
    config = load(config_path)
    number, chosen = next(((i, s) for i, s in enumerate(config.stream) if s.name == stream), (0, None))
    if chosen is None:
        raise ConfigError(f"{config_path}: no stream {stream!r}, expected one of {', '.join(s.name for s in config.stream)}")
    if isinstance(chosen.source, FolderConfig):
        raise ConfigError(f"{config_path}: stream {stream!r} is a folder of recordings already, expected one that is heard as it plays")
    sense, kind = feed.recorded_sense(chosen), feed.segment(chosen)
    with inside(config_path):
        check_source(chosen, number, sense)
    rate_hz = sense.rate_hz
    with _made(folder), asked_to_stop() as stop:
        before_s = found_s(folder, stream, kind, medium(chosen.kind, sense))
        ring = Ring(math.ceil(_RING_S * rate_hz), item=sense.item, dtype=sense.dtype, rate_hz=rate_hz)
        opening = partial(feed.recorded_source, chosen)
        reader = Reader(stream, opening, ring, pulse=pulse(chosen), live=feed.is_live(chosen), once=feed.is_once(chosen))
        segments = Segments(folder, stream, kind, rate_hz=rate_hz)
        wanted = max(0, round((seconds - before_s) * rate_hz))
        lost = 0
        reader.start()
        began_s = time.monotonic()
        try:
            for missing in pour(ring, segments, wanted, stop.is_set):
                lost = missing
                if not segments.written and reader.why is not None and time.monotonic() - began_s > wanted / rate_hz:
                    raise SourceError(f"{reader.why}; nothing of {stream} was heard in {wanted / rate_hz:g} s")
                yield Progress("recording", min(1.0, (before_s + segments.written / rate_hz) / seconds))
        finally:
            reader.close()
            segments.close()
    if ring.error is not None:
        raise ring.error
    yield Recorded(str(folder), stream, round(before_s + segments.written / rate_hz, 1), seconds, segments.count, round(lost / rate_hz, 3))


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """The folder, with those above it; what was not there before goes again if nothing is in it. Raises DiffmonError."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DiffmonError(f"{folder}: cannot be made: {error.strerror}") from None
    try:
        yield
    finally:
        for each in missing:
            with suppress(OSError):  # something is in it
                each.rmdir()


def found_s(folder: Path, stream: str, kind: SegmentKind, reads: Medium) -> float:
    """How much of a stream a folder holds already (s)."""
    total_s = 0.0
    digits = "[0-9]"
    # The whole form of the time, since another stream may be named like the beginning of a segment of this one.
    for path in folder.glob(f"{stream}-{8 * digits}T{6 * digits}.*Z{kind.suffix}"):
        with suppress(SourceError):  # somebody else's
            total_s += reads.probe(path).seconds
    return total_s


def pour(ring: Ring, segments: Segments, wanted: int, stopped: Callable[[], bool]) -> Iterator[int]:
    """Moves so many items from the ring into segments; yields how many were lost so far, about four times a second."""
    index = lost = 0
    while segments.written < wanted and not stopped():
        with ring.arrived:
            if index >= ring.end and not ring.finished:
                ring.arrived.wait(_TICK_S)
            first, after = _run(ring, index)
            items = ring.read(first, min(after, first + wanted - segments.written))
        if first > index:
            lost += first - index
            segments.close()
        index = first
        if items is not None and len(items):
            segments.write(np.asarray(items), time.time() - (time.monotonic() - ring.time_of(first)))
            index = first + len(items)
        elif ring.finished:
            return
        yield lost


def _run(ring: Ring, index: int) -> tuple[int, int]:
    """The next items `[first, after)` from an index on that are there without a gap; none if `first == after`."""
    first = max(index, ring.oldest)
    for begin, end in ring.gaps:
        if begin <= first < end:
            first = end
        elif begin > first:
            return first, begin
    return first, max(first, ring.end)
