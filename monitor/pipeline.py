"""The live spine: readers fill rings, one thread cuts windows, has them judged, decides and publishes."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from queue import Empty, SimpleQueue
from typing import Protocol

import structlog

from monitor.batch import Batcher
from monitor.errors import OutOfMemoryError, SourceError
from monitor.health import Notifier
from monitor.reader import Reader
from monitor.records import EndReason, Event, Judgement, StreamStatus, Window
from monitor.sink import Sink
from monitor.student import Student
from monitor.watch import Watch

log = structlog.get_logger(__name__)

BATCH = 32
_TICK_S = 0.1
_STATS_S = 60.0


class Judge(Protocol):
    """What the pipeline needs of an engine."""

    def judge(self, windows: Sequence[Window]) -> list[Judgement]:
        """A judgement of every window, in their order. Raises OutOfMemoryError if there are too many at once."""


class Pipeline:
    """Runs until stopped or until every source has ended. `run` belongs to one thread.

    `stop` and `soon` may be called from any, or from a signal handler; the rest only in what `soon` was asked to do.

    Args:
        watches: by stream.
        readers: by stream.
        engines: by stream; streams that share a network share an engine, and its batches.
        arrived: the condition that all rings notify.
        reached: by stream that can be read again, is told the index from which it would have to be.
        batch: how many windows are judged together at most.
        max_wait_s: how long a window may wait for others to be judged with.
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
        reached: Mapping[str, Callable[[int], None]] | None = None,
        batch: int = BATCH,
        max_wait_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.watches = watches
        self._readers = readers
        self._engines = engines
        self._sinks = sinks
        self._arrived = arrived
        self.notifier = notifier
        self._reached = reached or {}
        self.students: Mapping[str, Student] = {}
        """By stream, follow what is heard; set before `run`."""
        self._clock = clock
        self.attend: Callable[[], None] = lambda: None
        """Called in every round, a few times a second."""
        self.also: Callable[[], Mapping[str, object]] = dict
        """What else belongs into the node's counters."""
        self._batcher = Batcher({name: watch.windower for name, watch in watches.items()}, size=batch)
        self._room = batch
        self._max_wait_s = max_wait_s
        self._stopping = False
        self._requests: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._disabled: set[str] = set()
        self._status: dict[str, StreamStatus] = {}
        self._reasons: dict[str, str | None] = {}
        """Why a stream has no signal; none if it has."""
        self._counts: Counter[str] = Counter()
        self._began_s = clock()
        self._stats_s = self._looked_s = self._began_s

    def run(self) -> None:
        """Watches; returns once everything open is ended and told. Raises SourceError if a source ended by one."""
        for reader in self._readers.values():
            reader.start()
        try:
            done = False
            while not (done or self._stopping):
                done = self._step()
        except BaseException:  # Ctrl-C too: whatever ends it, what is open is ended and told first
            self._close("interrupted")
            raise
        self._close("stopped")
        for watch in self.watches.values():
            if watch.ring.error is not None:
                raise watch.ring.error

    def stop(self) -> None:
        """Asks `run` to end soon; safe in a signal handler."""
        self._stopping = True

    def soon(self, request: Callable[[], None]) -> None:
        """Has something done in the pipeline's thread, between two batches."""
        self._requests.put(request)

    def mute(self, stream: str, muted: bool) -> None:
        """Tells nothing more of a stream, but its scores; or all again. What is open ends."""
        self._publish(self.watches[stream].mute(muted))

    def disable(self, stream: str, disabled: bool) -> None:
        """Does not judge a stream any more, or does again."""
        (self._disabled.add if disabled else self._disabled.discard)(stream)

    def _step(self) -> bool:
        """One round: wait for items, judge what is there, see to the clock. Whether every source has ended and was judged."""
        with self._arrived:
            windows, empty = self._gather()
            # Asked while nothing can arrive: what comes while we judge is neither late nor the end.
            events = self._passed(self._clock(), empty)
            done = not windows and all(w.ring.finished for w in self.watches.values())
        self._publish(events)
        self._judge([w for w in windows if w.stream not in self._disabled and not self._learned(w)])
        self._settle({w.stream for w in windows})
        self._obey()
        self.attend()
        self._tick()
        self.notifier.progress()
        return done

    def _gather(self) -> tuple[list[Window], set[str]]:
        """A batch as soon as it is full or its first window may have waited for long enough; and the streams that have no window in it."""
        windows: list[Window] = []
        empty = self._batcher.cut(windows, self._room)
        if not windows:
            self._looked_s = self._clock()
            self._arrived.wait(_TICK_S)
            empty = self._batcher.cut(windows, self._room)
        # What is found came after no stream had any, so it has waited no longer than since then.
        while windows and not self._batcher.full(windows, self._room):
            left_s = self._looked_s + self._max_wait_s - self._clock()
            if left_s <= 0:
                self._looked_s = self._clock()
                break
            self._arrived.wait(left_s)
            empty = self._batcher.cut(windows, self._room)
        return windows, empty

    def _passed(self, now_s: float, empty: set[str]) -> list[Event]:
        """What there is to tell of the streams that have no window: that one has ended, or been silent for too long."""
        events: list[Event] = []
        for watch in (watch for name, watch in self.watches.items() if name in empty):
            if watch.ring.finished:
                events += watch.stop("stopped" if watch.ring.error is None else "signal_lost")
            else:
                events += watch.lapse(now_s)
        return events

    def _judge(self, windows: Sequence[Window]) -> None:
        for engine in {id(e): e for e in self._engines.values()}.values():
            mine = [w for w in windows if self._engines[w.stream] is engine]
            if mine:
                for window, judgement in zip(mine, self._judged(engine, mine), strict=True):
                    self._decide(judgement)
                    if window.stream in self.students:
                        self.students[window.stream].take(window, judgement)

    def _learned(self, window: Window) -> bool:
        """Whether a window is of a stream that is only learned yet, and so not judged."""
        student = self.students.get(window.stream)
        if student is None or not student.learning:
            return False
        student.take(window, None)
        return True

    def _judged(self, engine: Judge, windows: Sequence[Window]) -> list[Judgement]:
        """A judgement of every window; fewer at a time, now and from now on, where the device has no room for so many at once."""
        judgements: list[Judgement] = []
        while len(judgements) < len(windows):
            some = windows[len(judgements) :][: self._room]
            try:
                judgements += engine.judge(some)
            except OutOfMemoryError as error:
                if len(some) == 1:
                    raise
                self._room = (len(some) + 1) // 2
                log.warning("engine.out_of_memory", reason=str(error), windows=self._room)
        return judgements

    def _decide(self, judgement: Judgement) -> None:
        watch = self.watches[judgement.stream]
        self._counts["windows"] += 1
        self._publish(watch.take(judgement))
        reading = watch.reading(judgement)
        for sink in self._sinks:
            sink.reading(reading)

    def _publish(self, events: Sequence[Event]) -> None:
        for event in events:
            self._counts[f"events_{event.type}"] += 1
            # Each is told, even if another raises.
            with ExitStack() as telling:
                for sink in reversed(self._sinks):
                    telling.callback(sink.event, event)
            log.info(f"event.{event.type}", id=event.id, stream=event.stream, score=round(event.score, 2), where=dict(event.where))

    def _settle(self, judged: set[str]) -> None:
        """Has kept how far the streams that can be read again were judged, once all that was found is told."""
        for name in judged & self._reached.keys():
            index = self.watches[name].settled()
            if index is not None:
                self._reached[name](index)

    def _obey(self) -> None:
        """Does what was asked for."""
        with suppress(Empty):
            while True:
                self._requests.get_nowait()()

    def _tick(self) -> None:
        now_s = self._clock()
        for name, watch in self.watches.items():
            if watch.ring.error is not None and not isinstance(watch.ring.error, SourceError):
                raise watch.ring.error
            self._set_status(name, self._status_of(name), self._readers[name].reason)
        for student in self.students.values():
            student.tick()
        self._batcher.tell(now_s)
        if now_s - self._stats_s >= _STATS_S:
            self._stats_s = now_s
            stats = self._stats(now_s)
            for sink in self._sinks:
                sink.stats(stats)

    def _status_of(self, stream: str) -> StreamStatus:
        if stream in self._disabled:
            return "disabled"
        status = self._readers[stream].status
        learning = stream in self.students and self.students[stream].learning
        return "learning" if status == "online" and learning else status

    def _set_status(self, stream: str, status: StreamStatus, reason: str | None) -> None:
        before, why = self._status.get(stream), reason if status == "no_signal" else None
        if before == status and self._reasons.get(stream) == why:
            return
        self._status[stream], self._reasons[stream] = status, why
        log.info("stream.status", stream=stream, status=status, **({"reason": why} if status == "no_signal" else {}))
        if before == status:
            return
        for sink in self._sinks:
            sink.status(stream, status)
        self.notifier.state(", ".join(f"{s} {v}" for s, v in self._status.items()))
        # A source that is dead delivers too: starting again would not mend it.
        if status in ("online", "learning", "no_signal", "disabled"):
            self.notifier.ready()

    def _stats(self, now_s: float) -> dict[str, object]:
        restarts = sum(reader.restarts for reader in self._readers.values())
        windowers = [watch.windower for watch in self.watches.values()]
        drifts = {name: {"log10": s.drift.log10, "flagged": s.drift.flagged} for name, s in self.students.items()}
        return {
            "uptime_s": round(now_s - self._began_s),
            "streams": dict(self._status),
            "no_signal": {name: reason for name, reason in self._reasons.items() if reason is not None},
            "source_restarts": restarts,
            "windows_skipped": sum(w.skipped for w in windowers),
            "windows_dropped": self._batcher.dropped,
            "items_lost": sum(w.lost for w in windowers),
            **self._counts,
            **({"drift": drifts} if drifts else {}),
            **self.also(),
        }

    def _close(self, reason: EndReason) -> None:
        """Ends what is open, tells it, and says goodbye to every sink even if one of them fails."""
        self.notifier.stopping()
        # Called last to first, and each even if another raises.
        with ExitStack() as closing:
            for sink in self._sinks:
                closing.callback(sink.close)
            for student in self.students.values():
                closing.callback(student.close)
            for watch in self.watches.values():
                closing.callback(self._end, watch, reason)
            for reader in self._readers.values():
                closing.callback(reader.close)

    def _end(self, watch: Watch, reason: EndReason) -> None:
        self._publish(watch.stop(reason))
