"""Events as lines of JSON on a text stream."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import TextIO

import structlog

from monitor.backlog import Backlog
from monitor.records import Event, Reading, StreamStatus
from monitor.sink.payload import payload

CAPACITY = 10_000
"""Events that may wait for whoever reads; then the oldest is dropped."""
CLOSE_S = 0.5
"""How long the end waits for them."""
_TICK_S = 0.25

log = structlog.get_logger(__name__)


class JsonLines:
    """A sink that writes each event as one line; everything else is left out. One thread calls it, and never waits, but in `close`.

    The thread "jsonl" writes: a reader that stands still, or a full disk, costs these lines alone.
    """

    def __init__(self, stream: TextIO | None = None, *, capacity: int = CAPACITY) -> None:
        self.left: Callable[[], None] = lambda: None
        """Called once when the reader has left, in the thread "jsonl"; to be set before the first event."""
        self._write = _writing(sys.stdout if stream is None else stream)
        self._waiting: Backlog[str] = Backlog(capacity, of="events for standard output")
        self._written = self._failed = 0
        self._failing = self._alone = False
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="jsonl", daemon=True)
        self._thread.start()

    def event(self, event: Event) -> None:
        """Queues one line."""
        self._waiting.put(payload(event) + "\n")

    def reading(self, reading: Reading) -> None:
        """Left out."""

    def status(self, stream: str, status: StreamStatus) -> None:
        """Left out."""

    def stats(self, stats: dict[str, object]) -> None:
        """Left out."""

    def counters(self) -> dict[str, object]:
        """Lines written, and those that could not be or waited for too long; any thread may ask."""
        return {"jsonl.written": self._written, "jsonl.lost": self._failed + self._waiting.dropped}

    def close(self) -> None:
        """Waits a moment until all is written; the stream stays open, for it belongs to the caller. May be called twice."""
        if self._closing.is_set():
            return
        self._closing.set()
        idle = not len(self._waiting)
        if idle:
            self._waiting.put("")  # wakes the thread
        self._thread.join(CLOSE_S)
        if self._thread.is_alive():
            log.warning("jsonl.unwritten", events=len(self._waiting) + (not idle), reason="nobody reads them")

    def _run(self) -> None:
        while len(self._waiting) or not self._closing.is_set():
            line = self._waiting.take(_TICK_S)
            if line:
                self._put_out(line)

    def _put_out(self, line: str) -> None:
        try:
            self._write(line)
        except (OSError, ValueError) as error:  # ValueError: somebody has closed the stream
            self._failed += 1
            self._complain(error)
        else:
            self._written += 1
            self._failing = False

    def _complain(self, error: Exception) -> None:
        """Says it once, until a line is written again."""
        if not self._failing:
            log.error("jsonl.failed", reason=getattr(error, "strerror", None) or str(error), expected="standard output that can be written")
        self._failing = True
        if isinstance(error, BrokenPipeError) and not self._alone:
            self._alone = True
            self.left()


def _writing(stream: TextIO) -> Callable[[str], None]:
    """What writes a line to a stream, at once."""
    try:
        return _Unbuffered(stream, stream.fileno()).write
    except (OSError, ValueError):  # it has none

        def write(line: str) -> None:
            stream.write(line)
            stream.flush()

        return write


class _Unbuffered:
    """Writes past the stream: its buffer would keep what failed, and the process could not end while a write stands still in it."""

    def __init__(self, stream: TextIO, descriptor: int) -> None:
        self._stream, self._descriptor = stream, descriptor  # the stream is held, lest it be closed
        self._torn = False

    def write(self, line: str) -> None:
        """Writes a line whole. Raises OSError; what a full disk took of it is then a line of its own."""
        rest = ("\n" * self._torn + line).encode(errors="backslashreplace")
        while rest:
            written = os.write(self._descriptor, rest)
            rest = rest[written:]
            self._torn = bool(rest)
