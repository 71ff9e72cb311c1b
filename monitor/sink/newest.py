"""The latest of every stream, for whoever looks at the running daemon."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from monitor.records import Event, Reading, StreamStatus

KEPT = 32
"""Events that are kept, the newest."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The last window of a stream."""

    reading: Reading
    unix_s: float
    """When it had been judged."""


class Newest:
    """A sink that keeps what it was told last. One thread calls it, and never waits; any thread may read it.

    Args:
        unix: wall time in unix seconds.
    """

    def __init__(self, *, unix: Callable[[], float] = time.time) -> None:
        self.heard: dict[str, Heard] = {}
        """By stream; none before its first window."""
        self.latest: dict[str, Event] = {}
        """By stream, the last step of its last event; none before the first."""
        self._events: dict[str, Event] = {}
        self._unix = unix

    def event(self, event: Event) -> None:
        """Keeps it, in the place of an earlier step of the same."""
        self.latest[event.stream] = self._events[event.id] = event
        if len(self._events) > KEPT:
            del self._events[next(iter(self._events))]

    def reading(self, reading: Reading) -> None:
        """Keeps it."""
        self.heard[reading.stream] = Heard(reading, self._unix())

    def status(self, stream: str, status: StreamStatus) -> None:
        """Left out: it is among the vitals."""

    def stats(self, stats: dict[str, object]) -> None:
        """Left out."""

    def close(self) -> None:
        """Keeps what it has."""

    def events(self) -> list[Event]:
        """The last step of each event; first the one whose beginning was told last."""
        return list(self._events.values())[::-1]

    def open(self, stream: str) -> Event | None:
        """The event that goes on now, if one does."""
        event = self.latest.get(stream)
        return None if event is None or event.type == "end" else event
