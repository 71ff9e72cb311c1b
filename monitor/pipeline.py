"""The live spine: readers fill rings, one thread cuts windows, has them judged, decides and publishes."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Protocol

import structlog

from monitor.errors import SourceError
from monitor.health import Notifier
from monitor.reader import Reader
from monitor.records import Event, Judgement, StreamStatus, Window
from monitor.sink import Sink
from monitor.watch import Watch

log = structlog.get_logger(__name__)

BATCH = 32
_TICK_S = 0.1
_STATS_S = 60.0


class Judge(Protocol):
    """What the pipeline needs of an engine."""

    def judge(self, windows: Sequence[Window]) -> list[Judgement]:
        """A judgement of every window, in their order."""


class Pipeline:
    """Runs until stopped or until every source has ended. `run` belongs to one thread; `stop` may be called from any, or a signal.

    Args:
        watches: by stream.
        readers: by stream.
        engines: by stream; streams that share a network share an engine, and its batches.
        arrived: the condition that all rings notify.
    """

    def __init__(
        self,
        *,
        watches: Mapping[str, Watch],
        readers: Mapping[str, Reader],
        engines: Mapping[str, Judge],
        sinks: Sequence[Sink],
        arrived: threading.Condition,
        notifier: Notifier,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.watches = watches
        self._readers = readers
        self._engines = engines
        self._sinks = sinks
        self._arrived = arrived
        self._notifier = notifier
        self._clock = clock
        self._stopping = False
        self._status: dict[str, StreamStatus] = {}
        self._idle: set[str] = set()
        self._counts: Counter[str] = Counter()
        self._began_s = clock()
        self._stats_s = self._began_s

    def run(self) -> None:
        """Watches; returns once everything open is ended and told. Raises SourceError if a source ended by one."""
        for reader in self._readers.values():
            reader.start()
        try:
            while not self._stopping:
                self._step()
                if all(self._drained(name) for name in self.watches):
                    break
        finally:
            self._close()
        for watch in self.watches.values():
            if watch.ring.error is not None:
                raise watch.ring.error

    def stop(self) -> None:
        """Asks `run` to end soon; safe in a signal handler."""
        self._stopping = True

    def _step(self) -> None:
        """One round: wait for items, judge what is there, see to the clock."""
        with self._arrived:
            windows = self._cut()
            if not windows:
                self._arrived.wait(_TICK_S)
                windows = self._cut()
        self._judge(windows)
        self._tick()
        self._notifier.progress()

    def _cut(self) -> list[Window]:
        """Windows that are ready, the streams in turn, about a batch; a stream that has no more is idle."""
        windows: list[Window] = []
        self._idle.clear()
        while len(windows) < BATCH and len(self._idle) < len(self.watches):
            for name, watch in self.watches.items():
                window = None if name in self._idle else watch.windower.next()
                if window is None:
                    self._idle.add(name)
                else:
                    windows.append(window)
        return windows

    def _drained(self, name: str) -> bool:
        """Whether a stream's source has ended and its last window was judged."""
        return name in self._idle and self.watches[name].ring.finished

    def _judge(self, windows: Sequence[Window]) -> None:
        for engine in {id(e): e for e in self._engines.values()}.values():
            mine = [w for w in windows if self._engines[w.stream] is engine]
            if mine:
                for judgement in engine.judge(mine):
                    self._decide(judgement)

    def _decide(self, judgement: Judgement) -> None:
        watch = self.watches[judgement.stream]
        self._counts["windows"] += 1
        self._counts["items_lost"] += judgement.lost
        self._publish(watch.take(judgement))
        for sink in self._sinks:
            sink.reading(watch.reading(judgement))

    def _publish(self, events: Sequence[Event]) -> None:
        for event in events:
            self._counts[f"events_{event.type}"] += 1
            log.info("event", type=event.type, id=event.id, stream=event.stream, score=round(event.score, 2), where=dict(event.where))
            for sink in self._sinks:
                sink.event(event)

    def _tick(self) -> None:
        now_s = self._clock()
        for name, watch in self.watches.items():
            if watch.ring.error is not None and not isinstance(watch.ring.error, SourceError):
                raise watch.ring.error
            if self._drained(name):
                self._publish(watch.stop("stopped" if watch.ring.error is None else "signal_lost"))
            elif name in self._idle:  # not while windows wait: then it is us who are late
                self._publish(watch.lapse(now_s))
            self._set_status(name, self._readers[name].status)
        if now_s - self._stats_s >= _STATS_S:
            self._stats_s = now_s
            for sink in self._sinks:
                sink.stats(self._stats(now_s))

    def _set_status(self, stream: str, status: StreamStatus) -> None:
        if self._status.get(stream) == status:
            return
        self._status[stream] = status
        log.info("stream.status", stream=stream, status=status)
        for sink in self._sinks:
            sink.status(stream, status)
        self._notifier.state(", ".join(f"{s} {v}" for s, v in self._status.items()))
        if status == "online":
            self._notifier.ready()

    def _stats(self, now_s: float) -> dict[str, object]:
        return {"uptime_s": round(now_s - self._began_s), "streams": dict(self._status), **self._counts}

    def _close(self) -> None:
        """Ends what is open, tells it, and says goodbye to every sink even if one of them fails."""
        self._notifier.stopping()
        with ExitStack() as closing:
            for sink in self._sinks:
                closing.callback(sink.close)
            for reader in self._readers.values():
                reader.close()
            for watch in self.watches.values():
                self._publish(watch.stop("stopped"))
