"""A spine without models, devices or networks: scripted sources, an engine that takes the mean, a sink that keeps everything."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np

from monitor.event import Rule
from monitor.health import Notifier
from monitor.pipeline import BATCH, Judge, Pipeline
from monitor.reader import Reader
from monitor.records import Block, Event, Judgement, Reading, StreamStatus, Window
from monitor.replay import Tally, replay
from monitor.ring import Ring
from monitor.sink import Sink
from monitor.source import Source
from monitor.source.pulse import SoundPulse
from monitor.watch import Identity, Level, Watch
from monitor.window import Windower
from tests.broker import until

RATE = 100
HOP, LENGTH = 50, 200
RULE = Rule(alarm_p=1e-3, confirm_s=1.0, quiet_s=1.0, cooldown_s=1.0, update_s=2.0, silence_s=5.0, rate_hz=RATE)
QUIET, STRANGE = 0.0, 9.0
"""Item values whose windows are normal, and whose windows begin an event at once."""
EPOCH = 1767323045.0
"""Wall time at time 0 of a scripted source."""

PATIENCE_S = 120.0
"""How long a test waits for what must come, on a slow and busy machine."""

Step = Block | threading.Event | Exception


def block(start: int, values: Sequence[float]) -> Block:
    """Items from an index on, on time."""
    return Block(start, np.array(values, np.float32).reshape(-1, 1), (start + len(values)) / RATE)


def blocks(*runs: tuple[float, int], size: int = 10) -> list[Block]:
    """Runs of equal items (value, count), in blocks of at most one size; a run of NaN is lost."""
    values = np.concatenate([np.full(n, value) for value, n in runs])
    heard = np.flatnonzero(~np.isnan(values))
    stretches = np.split(heard, np.flatnonzero(np.diff(heard) > 1) + 1)
    return [
        block(int(part[0]), values[part].tolist())
        for stretch in stretches
        for part in np.split(stretch, range(size, len(stretch), size))
        if len(part)
    ]


def hum(count: int, size: int = 10) -> list[Block]:
    """So many items that are normal and have a signal, in blocks of a size."""
    return [block(start, [0.0, 0.01] * (size // 2)) for start in range(0, count, size)]


class Scripted:
    """A source that goes through its steps: delivers a block, waits for an event, fails by an exception."""

    def __init__(self, *steps: Step) -> None:
        self.rate_hz: float = RATE
        self.item: tuple[int, ...] = (1,)
        self.dtype = "float32"
        self.closed = threading.Event()
        self._steps = steps

    def blocks(self) -> Iterator[Block]:
        """The blocks among the steps, until closed."""
        for step in self._steps:
            if isinstance(step, threading.Event):
                while not step.wait(0.01) and not self.closed.is_set():
                    pass
            if self.closed.is_set():
                return
            if isinstance(step, Exception):
                raise step
            if isinstance(step, Block):
                yield step

    def close(self) -> None:
        """Ends the script."""
        self.closed.set()


class Mean:
    """An engine whose score is a window's mean, the p-value ten to the minus that, and the strange part what is above 0.

    Before it judges, it calls `before` with the windows.
    """

    def __init__(self, before: Callable[[Sequence[Window]], None] = lambda windows: None) -> None:
        self.batches: list[list[Window]] = []
        self._before = before

    def judge(self, windows: Sequence[Window]) -> list[Judgement]:
        """A judgement of every window, in their order."""
        self._before(windows)
        self.batches.append(list(windows))
        return [judged(w) for w in windows]


def judged(window: Window) -> Judgement:
    """What the engine says of one window."""
    score = float(window.items.mean(dtype=np.float64))
    hot = np.flatnonzero(window.items[:, 0]) if window.items.any() else np.arange(len(window.items))
    span = (window.start + int(hot[0]), window.start + int(hot[-1]) + 1)
    place = {"low_hz": 100.0, "high_hz": 200.0}
    return Judgement(window.stream, window.start, window.end, window.lost, score, 10**-score, {}, -score, place, span)


class Kept:
    """A sink that keeps all it is told."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.readings: list[Reading] = []
        self.statuses: list[tuple[str, StreamStatus]] = []
        self.counters: list[dict[str, object]] = []
        self.closed = 0

    def event(self, event: Event) -> None:
        """Keeps it."""
        self.events.append(event)

    def reading(self, reading: Reading) -> None:
        """Keeps it."""
        self.readings.append(reading)

    def status(self, stream: str, status: StreamStatus) -> None:
        """Keeps it."""
        self.statuses.append((stream, status))

    def stats(self, stats: dict[str, object]) -> None:
        """Keeps them."""
        self.counters.append(stats)

    def close(self) -> None:
        """Counts."""
        self.closed += 1

    def of(self, stream: str) -> list[Event]:
        """The events of one stream."""
        return [e for e in list(self.events) if e.stream == stream]


def watch(stream: str = "fan", *, capacity: int = 100_000, arrived: threading.Condition | None = None) -> Watch:
    """All that one stream remembers, with nothing in it yet."""
    ring = Ring(capacity, item=(1,), rate_hz=RATE, arrived=arrived)
    return Watch(
        Identity("barn", stream, "audio", "0f0f"),
        Level(RULE, 3.0, extrapolated=True),
        ring=ring,
        windower=Windower(ring, stream=stream, length=LENGTH, hop=HOP),
        unix=lambda time_s: EPOCH + time_s,
    )


def pipeline(
    sources: Mapping[str, Source],
    *sinks: Sink,
    engines: Mapping[str, Judge] | None = None,
    clock: Callable[[], float] = lambda: 0.0,
    capacity: int = 100_000,
    batch: int = BATCH,
    max_wait_s: float = 0.0,
) -> Pipeline:
    """A spine from scripted sources, with one engine for all streams if none are given; a clock that stands still finds nothing late."""
    arrived, one = threading.Condition(), Mean()
    watches = {name: watch(name, capacity=capacity, arrived=arrived) for name in sources}
    readers = {
        name: Reader(name, lambda source=source: source, watches[name].ring, pulse=SoundPulse, live=False)
        for name, source in sources.items()
    }  # type: ignore[misc]
    return Pipeline(
        watches=watches,
        readers=readers,
        engines=engines or dict.fromkeys(sources, one),
        sinks=sinks,
        arrived=arrived,
        notifier=Notifier(),
        batch=batch,
        max_wait_s=max_wait_s,
        clock=clock,
    )


@contextmanager
def running(spine: Pipeline) -> Iterator[None]:
    """Runs it in another thread; stops it at the end of the block, and waits for it."""
    thread = threading.Thread(target=spine.run, name="pipeline")
    thread.start()
    try:
        yield
    finally:
        spine.stop()
        thread.join(PATIENCE_S)
    assert not thread.is_alive()


def replayed(delivered: Sequence[Step], stream: str = "fan") -> tuple[list[Event], list[Window]]:
    """What replay says of a script, and the windows it says it by."""
    engine = Mean()
    events = list(replay(Scripted(*delivered), watch(stream), engine, Tally()))
    return events, [w for batch in engine.batches for w in batch]


def told(events: Sequence[Event]) -> list[str]:
    """Events in short."""
    return [e.type if e.reason is None else f"{e.type}: {e.reason}" for e in events]


def places(windows: Sequence[Window]) -> list[tuple[int, int, int]]:
    """Windows in short."""
    return [(w.start, w.end, w.lost) for w in windows]


def finished(spine: Pipeline, *streams: str) -> None:
    """Returns when the sources of the streams have ended."""
    until(lambda: all(spine.watches[s].ring.finished for s in streams), timeout_s=PATIENCE_S)
