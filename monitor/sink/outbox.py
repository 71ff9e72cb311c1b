"""Events that the broker has not acknowledged yet, in an SQLite database: on disk before anything is sent.

A row leaves only when the broker has acknowledged it, when there are too many, or when it is too old. What the last word on
each open event was stands in the same database, written in the same transaction: if the process dies, the next one
tells of their end (`interrupted`) before anything new.

What else must outlive the process stands there too: how far a stream that can be read again was judged, what was commanded. What
lies behind that place is found again after a crash, so the ids of events that have ended are kept for a while, nothing more is told
of them; and for each stream how far it was told of, so that what goes on can be told from there.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import structlog

from monitor.records import Event
from monitor.sink.database import in_memory, on_disk, transaction
from monitor.sink.payload import payload

CAPACITY = 10_000
"""Events that may wait; then the oldest is dropped."""
LIFE_S = 7 * 86400.0
"""How long an event may wait."""

_SET_S = 60.0  # a wall clock that moved by more against the monotonic one was set
_REMEMBERED = 10_000  # events that have ended
log = structlog.get_logger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Message:
    """One publication."""

    id: int
    """Place in the order of events, from 1; 0 for what is no event."""
    topic: str
    payload: str | bytes
    life_s: float | None = field(default=None, compare=False)
    """After so long it is of no use to anybody; none if it is not to be forgotten."""


class Outbox:
    """A bounded queue in order of arrival, oldest dropped first and counted. Any thread may call it.

    Where the disk fails, events wait in memory until a restart, and it is said: an alarm that may be lost is better than none. The
    file stays as it was, so the next process may tell again what it holds; ids and sequence numbers tell doubles.

    Args:
        path: the database, made if it is not there; none keeps events in memory alone, for as long as the process lives.
        unix: wall time in unix seconds.
        monotonic: by which it is noticed that the wall clock was set: that ages nothing.
    """

    def __init__(
        self,
        path: Path | None = None,
        capacity: int = CAPACITY,
        *,
        unix: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Opens the database and tells of the end of what a dead process left open. Raises SinkError if another process has it."""
        self.sent = 0
        """Events that left with the broker's acknowledgement."""
        self.dropped = 0
        """Events that left because there was no room, or because they were too old."""
        self._capacity = capacity
        self._unix, self._monotonic = unix, monotonic
        self._offset_s = unix() - monotonic()
        self.going_on: frozenset[str] = frozenset()
        """Streams whose indices the next life of the daemon goes on with; set before anything is put."""
        self._changed = threading.Condition()
        opened = None if path is None else on_disk(path)
        self.disk_failed = path is not None and opened is None
        """Whether events wait in memory alone because the disk failed."""
        self._database = in_memory() if opened is None else opened
        self._failed: sqlite3.Connection | None = None
        self._closed = False
        self._waiting = self._last = 0
        self._done(self._interrupt)

    def put(self, topic: str, event: Event) -> None:
        """Appends a step in an event's life, unless the event has ended; it is on disk when this returns."""
        text = payload(event)
        with self._changed:
            self._done(lambda: self._put(topic, event, text))
            self._changed.notify_all()

    def kept(self, name: str) -> str | None:
        """The text that was last kept by a name, or none."""
        with self._changed:
            row = self._done(lambda: self._database.execute("SELECT value FROM kept WHERE name = ?", (name,)).fetchone())
            return None if row is None else str(row[0])

    def keep(self, name: str, value: str) -> None:
        """Keeps a text by a name; it is on disk when this returns."""
        with self._changed:
            if not self._closed:
                self._done(lambda: _keep(self._database, name, value))

    def told_to(self, stream: str) -> int:
        """Absolute index at which the last step that was put of a stream that goes on ended; 0 if there was none."""
        return int(self.kept(_told(stream)) or 0)

    def after(self, last: int) -> Message | None:
        """The oldest event with an id above `last`, or none; it stays in the queue."""
        with self._changed:
            while not self._closed and (message := self._done(lambda: self._after(last))) is not None:
                if message.life_s is None or message.life_s > 0:
                    return message
                self.dropped += self._done(lambda number=message.id: self._remove(number))  # type: ignore[misc]
        return None

    def done(self, message: Message) -> None:
        """Removes an event that the broker has acknowledged; one that was dropped meanwhile is no error."""
        with self._changed:
            if not self._closed:
                self.sent += self._done(lambda: self._remove(message.id))
                self._changed.notify_all()

    def wait_empty(self, timeout_s: float) -> bool:
        """Whether the queue ran empty within the time."""
        with self._changed:
            return self._changed.wait_for(lambda: not len(self), timeout_s)

    def close(self) -> None:
        """Lets go of the database; may be called twice."""
        with self._changed:
            self._closed = True
            self._database.close()
            if self._failed is not None:
                self._failed.close()

    def __len__(self) -> int:
        return self._waiting

    def _done(self, work: Callable[[], T]) -> T:
        """What the work gives, done on disk, or in memory where the disk fails."""
        try:
            return work()
        except sqlite3.Error as error:
            self._retreat(error)
            return work()

    def _put(self, topic: str, event: Event, text: str) -> None:
        if self._database.execute("SELECT 1 FROM ended WHERE event = ?", (event.id,)).fetchone():
            return
        self._set_right()
        number = self._last + 1
        with transaction(self._database) as database:
            _append(database, number, topic, text, self._unix())
            if event.stream in self.going_on:
                _keep(database, _told(event.stream), str(event.end_index))
            if event.type == "end":
                database.execute("DELETE FROM open WHERE event = ?", (event.id,))
                _remember(database, event.id)
            else:
                database.execute("INSERT OR REPLACE INTO open VALUES (?, ?, ?)", (event.id, topic, text))
            excess = max(0, self._waiting + 1 - self._capacity)
            database.execute("DELETE FROM waiting WHERE id IN (SELECT id FROM waiting ORDER BY id LIMIT ?)", (excess,))
        self._last = number
        self._waiting += 1 - excess
        self.dropped += excess

    def _after(self, last: int) -> Message | None:
        self._set_right()
        row = self._database.execute("SELECT * FROM waiting WHERE id > ? ORDER BY id LIMIT 1", (last,)).fetchone()
        if row is None:
            return None
        number, topic, text, put_unix = row
        return Message(number, topic, text, put_unix + LIFE_S - self._unix())

    def _set_right(self) -> None:
        """Moves all that waits by as much as the wall clock was set."""
        offset_s = self._unix() - self._monotonic()
        if abs(offset_s - self._offset_s) > _SET_S:
            self._database.execute("UPDATE waiting SET put_unix = put_unix + ?", (offset_s - self._offset_s,))
            self._offset_s = offset_s

    def _remove(self, number: int) -> int:
        """How many left: none, if it had left before."""
        with transaction(self._database) as database:
            removed = database.execute("DELETE FROM waiting WHERE id = ?", (number,)).rowcount
        self._waiting -= removed
        return removed

    def _interrupt(self) -> None:
        """Ends what was open when the last process died."""
        with transaction(self._database) as database:
            # The largest number ever given, also of what has left.
            used = database.execute("SELECT seq FROM sqlite_sequence WHERE name = 'waiting'").fetchone()
            number = max(self._last, used[0] if used else 0)
            for topic, text in database.execute("SELECT topic, payload FROM open ORDER BY rowid").fetchall():
                number += 1
                last = json.loads(text)
                # What was to be kept of it died with the process.
                end = last | {"type": "end", "seq": last["seq"] + 1, "evidence": {}, "reason": "interrupted"}
                _append(database, number, topic, json.dumps(end), self._unix())
                _remember(database, last["id"])
                log.warning("event.interrupted", id=last["id"], stream=last["stream"])
            database.execute("DELETE FROM open")
        self._last = number
        self._waiting = self._database.execute("SELECT count(*) FROM waiting").fetchone()[0]

    def _retreat(self, error: sqlite3.Error) -> None:
        """Goes on in memory, with all that can still be read."""
        log.error("outbox.failed", reason=str(error), expected="a disk that can be written; until a restart events wait in memory alone")
        # Kept open, and with it the lock: what it holds is ours to send.
        memory, self._failed, self.disk_failed = in_memory(), self._database, True
        for table, columns in (("waiting", "?, ?, ?, ?"), ("open", "?, ?, ?"), ("ended", "?, ?"), ("kept", "?, ?")):
            try:
                for row in self._failed.execute(f"SELECT * FROM {table}"):  # noqa: S608  # a name of ours
                    memory.execute(f"INSERT INTO {table} VALUES ({columns})", row)  # noqa: S608
            except sqlite3.Error as unreadable:
                log.error("outbox.unreadable", reason=str(unreadable))
        self._database = memory
        self._waiting = memory.execute("SELECT count(*) FROM waiting").fetchone()[0]


def _append(database: sqlite3.Connection, number: int, topic: str, text: str, now: float) -> None:
    database.execute("INSERT INTO waiting VALUES (?, ?, ?, ?)", (number, topic, text, now))


def _keep(database: sqlite3.Connection, name: str, value: str) -> None:
    database.execute("INSERT OR REPLACE INTO kept VALUES (?, ?)", (name, value))


def _told(stream: str) -> str:
    return f"told/{stream}"


def _remember(database: sqlite3.Connection, event: str) -> None:
    """Keeps the id of an event that has ended, and of so many before it."""
    number = database.execute("INSERT INTO ended (event) VALUES (?)", (event,)).lastrowid or 0
    database.execute("DELETE FROM ended WHERE number <= ?", (number - _REMEMBERED,))
