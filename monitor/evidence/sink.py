"""A sink that keeps evidence, in a thread of its own: scoring waits neither for the disk nor for a picture."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, Full, Queue

import structlog

from monitor.config import EvidenceConfig
from monitor.evidence import Begin, Exhibit, Pictured
from monitor.evidence.store import Store
from monitor.records import Event, Reading, StreamStatus

MOST = 32
"""Events of which something may be open at the same time."""
CLOSE_S = 1.5
"""How long the end may take."""

_QUEUE = 1000
_TICK_S = 0.25
_HOUR_S = 3600.0

log = structlog.get_logger(__name__)


class Evidence:
    """A sink that never waits, but in `close`. One thread calls it; the thread "evidence" takes in, writes, draws and deletes.

    Args:
        folder: made when the first file is written.
        config: what is kept, and for how long.
        pictured: is handed the picture of each event, in the thread "evidence".
        clock: monotonic seconds.
    """

    def __init__(
        self,
        folder: Path,
        config: EvidenceConfig,
        *,
        pictured: Pictured = lambda stream, png: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.begin: Mapping[str, Begin] = {}
        """By stream, what begins with an event; to be set before the first."""
        self.store = Store(folder, config)
        self.config = config
        self.pictured = pictured
        self._clock = clock
        self._refused = 0  # counted by who tells
        self._crowded = False
        self._exhibits: dict[tuple[str, str], Exhibit] = {}
        self._steps: Queue[Event | None] = Queue(_QUEUE)
        self._leave_s = float("inf")
        self._thread = threading.Thread(target=self._run, name="evidence", daemon=True)
        self._thread.start()

    def event(self, event: Event) -> None:
        """Begins an exhibit, or goes on with it."""
        try:
            self._steps.put_nowait(event)
        except Full:
            self._refused += event.type == "new"

    def reading(self, reading: Reading) -> None:
        """Left out."""

    def status(self, stream: str, status: StreamStatus) -> None:
        """Left out."""

    def stats(self, stats: dict[str, object]) -> None:
        """Left out."""

    def counters(self) -> dict[str, object]:
        """Files written, failed and deleted, and what was left out for want of room or time; any thread may ask."""
        store = self.store
        counts = {"written": store.written, "failed": store.failed, "deleted": store.deleted, "skipped": store.skipped + self._refused}
        return {f"evidence.{name}": count for name, count in counts.items()}

    def failing(self) -> bool:
        """Whether the disk refused the last file; any thread may ask."""
        return self.store.failing

    def behind(self, stream: str) -> bool:
        """Whether a stream that can wait should, lest something of an event is overwritten; any thread may ask."""
        if not self._thread.is_alive():
            return False
        # A step counts until it is taken in, and not only until it is taken out.
        return self._steps.unfinished_tasks > 0 or any(e.behind() for key, e in list(self._exhibits.items()) if key[0] == stream)

    def close(self) -> None:
        """Finishes what is open with what is there, within `CLOSE_S`; may be called twice."""
        if self._leave_s == float("inf"):
            self._leave_s = time.monotonic() + CLOSE_S
            with suppress(Full):  # then it leaves by the clock
                self._steps.put_nowait(None)
        self._thread.join(max(0.0, self._leave_s - time.monotonic()))

    def _run(self) -> None:
        try:
            self.store.clean()
            self._watch()
            self._finish(list(self._exhibits))
        except Exception:  # a fault of ours: no more evidence until a restart, but nobody is to hear less for it
            log.exception("evidence.ended")
        finally:
            for exhibit in self._exhibits.values():
                exhibit.discard()

    def _watch(self) -> None:
        """Goes on until it is to leave."""
        hour_s = self._clock()
        self.store.keep_within()
        while self._heed(_TICK_S if self._exhibits else 60.0):
            now_s = self._clock()
            self._finish([key for key, exhibit in self._exhibits.items() if exhibit.advance(now_s)])
            if now_s - hour_s >= _HOUR_S:
                hour_s = now_s
                self.store.keep_within()

    def _heed(self, wait_s: float) -> bool:
        """Takes in all that was told, after a while at most; whether it goes on."""
        with suppress(Empty):
            event = self._steps.get(timeout=wait_s)
            while event is not None:
                self._take(event)
                self._steps.task_done()
                event = self._steps.get_nowait()
            return False
        return time.monotonic() < self._leave_s

    def _take(self, event: Event) -> None:
        key = event.stream, event.id
        if key in self._exhibits:
            self._exhibits[key].tell(event)
        elif event.type == "new" and event.evidence and event.stream in self.begin:
            self._begin(event)

    def _begin(self, event: Event) -> None:
        if len(self._exhibits) < MOST:
            self._crowded = False
            self._exhibits[event.stream, event.id] = self.begin[event.stream](event)
        elif self._crowded:
            self.store.skipped += 1
        else:
            self._crowded = True
            self.store.skip(event, f"{MOST} events are open already")

    def _finish(self, keys: Sequence[tuple[str, str]]) -> None:
        """Makes all of them whole first, and then draws for as long as there is time."""
        drawings = [self._exhibits[key].finish() for key in keys]
        for draw in drawings:
            if draw is not None:
                self._draw(draw)
        for key in keys:
            del self._exhibits[key]

    def _draw(self, draw: Callable[[], None]) -> None:
        if time.monotonic() < self._leave_s - CLOSE_S / 2:
            draw()
        else:
            self.store.skipped += 1
