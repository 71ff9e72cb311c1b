"""What the daemon has found lately, for whoever comes to look."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from monitor.records import Event, Reading, StreamStatus, Switch
from monitor.sink.payload import payload

EVENTS = 100
"""Events that are shown; of more, the oldest go."""
READINGS = 150
"""Readings of a stream that are shown."""


@dataclass(slots=True)
class Entry:
    """One event, as it was last told."""

    event: Mapping[str, Any]
    """Its payload, and its rarity in words."""
    told_unix: float
    """When."""
    marked: bool = False
    """Whether it was taken for normal."""
    refused: str | None = None
    """Why it could not be, when that was last tried."""
    changed: int = 0
    """The board's count of changes at its last."""


@dataclass(slots=True)
class Shown:
    """One stream: its readings, and what is in force on it."""

    readings: deque[Reading] = field(default_factory=lambda: deque(maxlen=READINGS))
    count: int = 0
    """Readings so far."""
    enabled: bool = True
    per_day: float = 1.0
    """False alarms."""
    silent_until: float = 0.0
    """Unix time."""


class Board:
    """A sink that remembers. The pipeline's thread calls what a sink has, `switch` and `refused`; any thread may ask the rest.

    Args:
        streams: that there are.
        kept: events of an earlier life, as `text` gave them.
        unix: wall time in unix seconds.
    """

    def __init__(self, streams: Iterable[str], *, kept: str = "[]", unix: Callable[[], float] = time.time) -> None:
        self.moved: Callable[[], None] = lambda: None
        """Called when an event has changed, in the pipeline's thread; must not wait."""
        self.rarity: Callable[[Event], str] = lambda event: ""
        """How often normal is as strange as an event, in words."""
        self.changes = 0
        """How often an event has changed."""
        self._unix = unix
        self._lock = threading.Lock()
        self._streams = {name: Shown() for name in streams}
        self._entries = _read(kept)

    def event(self, event: Event) -> None:
        """Remembers it as it is now."""
        told = {**json.loads(payload(event)), "rarity": self.rarity(event)}
        with self._lock:
            before = self._entries.pop((event.stream, event.id), None)
            entry = Entry(told, self._unix(), before is not None and before.marked)
            self._entries[event.stream, event.id] = entry
            while len(self._entries) > EVENTS:
                del self._entries[next(iter(self._entries))]
            self._change(entry)
        self.moved()

    def reading(self, reading: Reading) -> None:
        """Remembers it."""
        with self._lock:
            shown = self._streams[reading.stream]
            shown.readings.append(reading)
            shown.count += 1

    def status(self, stream: str, status: StreamStatus) -> None:
        """Left out: the vitals have it."""

    def stats(self, stats: dict[str, object]) -> None:
        """Left out."""

    def close(self) -> None:
        """Keeps what it knows."""

    def switch(self, stream: str, switch: Switch, value: bool | float | str) -> None:
        """Takes in what is in force on a stream, or that an event was taken for normal."""
        match switch, value:
            case "enabled", bool(on):
                self._streams[stream].enabled = on
            case "false_alarms_per_day", float(rate):
                self._streams[stream].per_day = rate
            case "silence_min", float(minutes):
                self._streams[stream].silent_until = self._unix() + 60 * minutes if minutes else 0.0
            case "mark_normal", str(event):
                self._answer(stream, event, marked=True, refused=None)

    def refused(self, stream: str, event: str, reason: str) -> None:
        """Takes in why an event could not be taken for normal."""
        self._answer(stream, event, marked=False, refused=reason)

    def shown(self, stream: str) -> Shown:
        """What there is of a stream."""
        return self._streams[stream]

    def readings(self, stream: str, since: int) -> tuple[int, list[Reading]]:
        """How many there were, and those after the first `since` that are remembered."""
        with self._lock:
            shown = self._streams[stream]
            return shown.count, list(shown.readings)[max(0, len(shown.readings) - (shown.count - since)) :]

    def entries(self, since: int = -1) -> Sequence[Entry]:
        """Events that have changed after so many changes, in the order in which they were last told."""
        with self._lock:
            return [replace(entry) for entry in self._entries.values() if entry.changed > since]

    def text(self) -> str:
        """The events, for another life."""
        return json.dumps([asdict(entry) for entry in self.entries()])

    def _answer(self, stream: str, event: str, *, marked: bool, refused: str | None) -> None:
        with self._lock:
            entry = self._entries.get((stream, event))
            if entry is None:
                return
            entry.marked, entry.refused = entry.marked or marked, refused
            self._change(entry)
        self.moved()

    def _change(self, entry: Entry) -> None:
        self.changes += 1
        entry.changed = self.changes


def _read(text: str) -> dict[tuple[str, str], Entry]:
    """Events as `text` gave them, of what can be read; those that were open then were interrupted."""
    entries = {}
    try:
        for each in json.loads(text)[-EVENTS:]:
            event = each["event"]
            if event["type"] != "end":
                event = {**event, "type": "end", "reason": "interrupted"}
            entries[str(event["stream"]), str(event["id"])] = Entry(event, float(each["told_unix"]), bool(each["marked"]))
    except (ValueError, TypeError, KeyError, AttributeError):  # not as we wrote it; the next event is remembered all the same
        return entries
    return entries
