"""A folder that a recorder fills: every recording in it once, in order of time, also over restarts.

A recording is taken when it has lain still for a while; those that are there together come in the order in which they were last written.
One that begins where the one before it ended goes on without a gap; anything between is a gap. One whose time lies before what was
heard already comes directly after that: neither index nor time goes back. The times are the recording's, in unix seconds. They are
kept as a number of items, so that an event that is found again has the same time to the last digit.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import structlog

from monitor.errors import SourceError
from monitor.records import Block
from monitor.source.listing import Listing
from monitor.source.medium import Medium
from monitor.source.position import Key, Piece, Position, Trail

log = structlog.get_logger(__name__)

_JOIN_S = 0.25  # recordings whose times differ by no more follow one another without a gap
_POLL_S = 0.5
_STAMP = re.compile(r"(\d{8}T\d{6}\.\d{3})Z$")  # what `record` puts at the end of a name


class FolderSource:
    """Blocks of every recording of a folder, old and new, as fast as `room` lets it; never ends by itself.

    `blocks` runs in one thread; `close` may come from another, and twice.

    Args:
        folder: looked through at every poll; one that is missing is waited for.
        medium: reads the recordings.
        position: where to go on; at the oldest recording if none.
        trail: is told of each recording that is begun.
        room: whether there is room for a block that begins at an absolute index; asked until there is.
        settled_s: a recording that was not written to for so long is whole.
        silence_s: after so long without another recording there is no signal.
        unix: wall time in unix seconds.
    """

    def __init__(
        self,
        folder: Path,
        medium: Medium,
        *,
        position: Position | None,
        trail: Trail,
        room: Callable[[int], bool],
        settled_s: float,
        silence_s: float,
        unix: Callable[[], float] = time.time,
    ) -> None:
        self.rate_hz = medium.rate_hz
        self.item, self.dtype = medium.item, medium.dtype
        self._folder, self._medium = folder, medium
        self._trail, self._room, self._unix = trail, room, unix
        self._listing = Listing(folder, medium, position=position, settled_s=settled_s, unix=unix)
        self._silence_s = silence_s
        self._piece = None if position is None else position.piece
        self._end = 0 if position is None else position.index
        self._heard_s = time.monotonic()
        self._closed = threading.Event()

    def blocks(self) -> Iterator[Block]:
        """Blocks of about 0.1 s, and ones without items while there is no signal; what cannot be read is named and passed over."""
        self._heard_s = time.monotonic()
        if self._piece is not None:
            # A disk that is not there yet comes with what was left off.
            while not self._listing.names() and not self._closed.is_set():
                yield from self._idle()
            if self._listing.lies(self._piece.key):
                yield from self._named(self._piece.key, self._rest_of(self._piece))
        while not self._closed.is_set():
            keys = self._listing.ready()
            for key in keys:
                yield from self._named(key, self._file(key))
                if self._closed.is_set():
                    return
            if not keys:
                yield from self._idle()

    def close(self) -> None:
        """Ends `blocks` soon."""
        self._closed.set()

    def _idle(self) -> Iterator[Block]:
        """Waits until the next look; a block without items if nothing came for long."""
        if time.monotonic() - self._heard_s >= self._silence_s:
            yield Block(self._end, np.zeros((0, *self.item), self.dtype), self._unix())
        self._closed.wait(_POLL_S)

    def _named(self, key: Key, blocks: Iterator[Block]) -> Iterator[Block]:
        """A recording's blocks; one that cannot be read, or no further, is named."""
        try:
            yield from blocks
        except SourceError as error:
            log.warning("source.skipped", file=key.name, error=str(error))

    def _file(self, key: Key) -> Iterator[Block]:
        """One recording from its beginning. Raises SourceError."""
        self._listing.begin(key.name)
        seconds = self._medium.probe(self._folder / key.name).seconds
        self._piece = self._placed(key, _began_s(key, seconds, self._unix()) * self.rate_hz)
        self._trail.add(self._piece)
        yield from self._from(self._piece, self._piece.index)

    def _placed(self, key: Key, began: float) -> Piece:
        """Where a recording that began so many items after 1970 goes on the index: behind the one before it, as far as their times say."""
        before, first = self._piece, round(began)
        if before is None:
            return Piece(key, 0, first)
        ended = before.began + self._end - before.index
        apart = began + before.late - ended
        # What followed by its own time follows, also if both came late. Less than an item is no distance.
        if abs(apart) <= _JOIN_S * self.rate_hz or abs(apart) < 1:
            return Piece(key, self._end, ended, before.late)
        # Never back in time, and never without a gap but where there is none.
        put = max(first, ended + 1)
        return Piece(key, self._end + put - ended, put, put - first)

    def _rest_of(self, piece: Piece) -> Iterator[Block]:
        """What was not judged yet of a recording that another process had begun. Raises SourceError."""
        self._listing.begin(piece.key.name)
        self._trail.add(piece)
        yield from self._from(piece, self._end)

    def _from(self, piece: Piece, index: int) -> Iterator[Block]:
        """Blocks of a recording from an absolute index on, each as soon as there is room for it."""
        for block in self._medium.blocks(self._folder / piece.key.name):
            begin, end = piece.index + block.start, piece.index + block.end
            if end <= index:
                continue
            items = block.items[max(0, index - begin) :]
            while not self._room(end - len(items)):
                if self._closed.wait(0.005):
                    return
            self._end, self._heard_s = end, time.monotonic()
            yield Block(end - len(items), items, (piece.began + end - piece.index) / self.rate_hz, block.shown)


def _began_s(key: Key, seconds: float, now_s: float) -> float:
    """Unix time at which a recording began: as its name says, if `record` made it; else it ended when it was last written.

    Never later than that fits before now: one time in the future, and all that comes until then would be late.
    """
    written_s = min(key.written_ns / 1e9, now_s)
    stamped_s = _stamped_s(Path(key.name).stem)
    return written_s - seconds if stamped_s is None or not 0 <= stamped_s <= written_s else stamped_s


def _stamped_s(stem: str) -> float | None:
    """The unix time at the end of a name, if one is there."""
    stamp = _STAMP.search(stem)
    if stamp is None:
        return None
    try:
        return datetime.strptime(stamp[1], "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None  # digits, but no time
