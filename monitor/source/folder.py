"""A folder that a recorder fills: every sound file in it once, in order of time, also over restarts.

A file is taken when it has lain still for a while; files come in the order in which they were last written. One that begins where
the one before it ended goes on without a gap; anything between is a gap. The times are the recording's, in unix seconds. They are
kept as a number of items, so that an event that is found again has the same time to the last digit.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

from monitor.errors import SourceError
from monitor.records import Block
from monitor.source.media import SUFFIXES, FileSource, probe

log = structlog.get_logger(__name__)

SETTLED_S = 2.0
"""A file that was not written to for so long is whole."""
_JOIN_S = 0.25  # files whose times differ by no more follow one another without a gap
_POLL_S = 0.5
_STAMP = re.compile(r"(\d{8}T\d{6}\.\d{3})Z$")  # what `record` puts at the end of a name


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """The order of files."""

    written_ns: int
    """When it was last written."""
    name: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A file that was begun: its place on the stream's index and in time."""

    key: Key
    index: int
    """Absolute index of its first item."""
    began: int
    """Unix time of its first item, counted in items."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where to go on: at an item of a file."""

    piece: Piece
    index: int
    """Absolute index of the next item."""

    def text(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> Position:
        """What `text` wrote."""
        values = json.loads(text)
        piece = values["piece"]
        return cls(Piece(Key(**piece["key"]), piece["index"], piece["began"]), values["index"])


class Trail:
    """Which file each index came from. Written by the source's thread, read by another."""

    def __init__(self) -> None:
        self._pieces: deque[Piece] = deque()
        self._lock = threading.Lock()

    def add(self, piece: Piece) -> None:
        """Takes in the file that begins now."""
        with self._lock:
            self._pieces.append(piece)

    def at(self, index: int) -> Position | None:
        """The position of an index, none before the first file; what lies before it is forgotten."""
        with self._lock:
            while len(self._pieces) > 1 and self._pieces[1].index <= index:
                self._pieces.popleft()
            return Position(self._pieces[0], index) if self._pieces and self._pieces[0].index <= index else None


class FolderSource:
    """Blocks of every file of a folder, old and new, as fast as `room` lets it; never ends by itself.

    `blocks` runs in one thread; `close` may come from another, and twice.

    Args:
        folder: looked through at every poll; one that is missing is waited for.
        rate_hz: rate of the items, whatever the files' own.
        position: where to go on; at the oldest file if none.
        trail: is told of each file that is begun.
        room: whether there is room for another block; asked until there is.
        unix: wall time in unix seconds.
    """

    def __init__(
        self,
        folder: Path,
        *,
        rate_hz: int,
        position: Position | None,
        trail: Trail,
        room: Callable[[], bool],
        unix: Callable[[], float] = time.time,
    ) -> None:
        self.rate_hz: float = rate_hz
        self.item: tuple[int, ...] = (1,)
        self._folder, self._out_hz = folder, rate_hz
        self._trail, self._room, self._unix = trail, room, unix
        self._piece = None if position is None else position.piece
        self._end = 0 if position is None else position.index
        self._resuming = position is not None
        self._passed: set[str] = set()
        self._missing = False
        self._closed = threading.Event()

    def blocks(self) -> Iterator[Block]:
        """Blocks of about 0.1 s; a file that cannot be read is named and passed over."""
        if self._piece is not None and self._resuming:
            yield from self._rest_of(self._piece)
        while not self._closed.is_set():
            keys = self._found()
            for key in keys:
                try:
                    yield from self._file(key)
                except SourceError as error:
                    log.warning("source.skipped", file=key.name, error=str(error))
                if self._closed.is_set():
                    return
            if not keys:
                self._closed.wait(_POLL_S)

    def close(self) -> None:
        """Ends `blocks` soon."""
        self._closed.set()

    def _found(self) -> list[Key]:
        """Files that have settled and were not begun yet, in order."""
        try:
            with os.scandir(self._folder) as entries:
                names = {e.name for e in entries if not e.name.startswith(".") and Path(e.name).suffix.lower() in SUFFIXES}
        except OSError as error:
            if not self._missing:
                log.warning("source.missing", folder=str(self._folder), reason=error.strerror)
            self._missing = True
            return []
        self._missing = False
        self._passed &= names
        keys = [key for name in names - self._passed if (key := self._key(name)) is not None]
        done = None if self._piece is None else self._piece.key
        self._passed |= {key.name for key in keys if done is not None and key <= done}
        latest_ns = (self._unix() - SETTLED_S) * 1e9
        return sorted(key for key in keys if key.name not in self._passed and key.written_ns <= latest_ns)

    def _key(self, name: str) -> Key | None:
        try:
            return Key((self._folder / name).stat().st_mtime_ns, name)
        except OSError:
            return None  # gone again

    def _file(self, key: Key) -> Iterator[Block]:
        """One file from its beginning. Raises SourceError."""
        self._passed.add(key.name)
        seconds = probe(self._folder / key.name).seconds
        self._piece = self._placed(key, round(_began_s(key, seconds) * self._out_hz))
        self._trail.add(self._piece)
        yield from self._from(self._piece, self._piece.index)

    def _placed(self, key: Key, began: int) -> Piece:
        """Where a file goes on the index: behind the one before it, at the distance that their times say."""
        before = self._piece
        if before is None:
            return Piece(key, 0, began)
        ended = before.began + self._end - before.index
        # Never back in time, and never without a gap but where there is none.
        began = ended if abs(began - ended) <= _JOIN_S * self._out_hz else max(began, ended + 1)
        return Piece(key, self._end + began - ended, began)

    def _rest_of(self, piece: Piece) -> Iterator[Block]:
        """What was not judged yet of a file that another process had begun."""
        self._passed.add(piece.key.name)
        self._trail.add(piece)
        try:
            yield from self._from(piece, self._end)
        except SourceError as error:
            log.warning("source.skipped", file=piece.key.name, error=str(error))

    def _from(self, piece: Piece, index: int) -> Iterator[Block]:
        """Blocks of a file from an absolute index on, each as soon as there is room for it."""
        for block in FileSource([self._folder / piece.key.name], rate_hz=self._out_hz).blocks():
            begin, end = piece.index + block.start, piece.index + block.end
            if end <= index:
                continue
            items = block.items[max(0, index - begin) :]
            while not self._room():
                if self._closed.wait(0.005):
                    return
            self._end = end
            yield Block(end - len(items), items, (piece.began + end - piece.index) / self._out_hz)


def _began_s(key: Key, seconds: float) -> float:
    """Unix time at which a recording began: as its name says, if `record` made it; else it ended when it was last written."""
    stamp = _STAMP.search(Path(key.name).stem)
    if stamp is None:
        return key.written_ns / 1e9 - seconds
    return datetime.strptime(stamp[1], "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC).timestamp()
