"""Batches: never more than one, the streams in turn, and what there is no time for is dropped evenly and counted."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.batch import Batcher
from monitor.records import Block, Window
from monitor.ring import Ring
from monitor.window import Windower
from tests.broker import until
from tests.scripted import HOP, LENGTH, PATIENCE_S, Kept, Mean, Scripted, finished, hum, pipeline, running

SIZE = 4


class Hall:
    """Streams of plain numbers that all come equally fast, into rings that hold four windows."""

    def __init__(self, streams: int) -> None:
        self.rings = {f"s{i}": Ring(4, item=(), rate_hz=1.0, dtype=np.int64) for i in range(streams)}
        self.windowers = {name: Windower(ring, stream=name, length=1, hop=1) for name, ring in self.rings.items()}
        self.batcher = Batcher(self.windowers, size=SIZE)
        self.judged: Counter[str] = Counter()

    def come(self, count: int) -> None:
        """So many items of every stream come."""
        for ring in self.rings.values():
            ring.write(Block(ring.end, np.arange(ring.end, ring.end + count), float(ring.end + count)))

    def cut(self, room: int = SIZE) -> list[Window]:
        """A batch is judged."""
        windows: list[Window] = []
        self.batcher.cut(windows, room)
        self.judged.update(w.stream for w in windows)
        return windows

    def drain(self) -> None:
        """All that waits is judged."""
        while self.cut():
            pass


@given(st.integers(1, 40), st.lists(st.tuples(st.integers(0, 3), st.integers(1, 6)), max_size=60))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_every_window_is_judged_or_counted(streams: int, rounds: list[tuple[int, int]]) -> None:
    """However fast they come and however many there is room for: a batch is bounded, and in the end each was judged or dropped."""
    hall = Hall(streams)
    for items, room in rounds:
        hall.come(items)
        assert len(hall.cut(room)) <= min(SIZE, room)
    hall.drain()
    come = next(iter(hall.rings.values())).end
    assert all(come == hall.judged[name] + windower.dropped for name, windower in hall.windowers.items())
    assert sum(w.dropped for w in hall.windowers.values()) == hall.batcher.dropped


@given(st.integers(2, 40), st.integers(1, SIZE), st.integers(1, 80))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_under_overload_streams_lose_evenly(streams: int, room: int, rounds: int) -> None:
    """Where all streams always have windows that wait, none has two more judged than another, nor two more dropped."""
    hall = Hall(streams)
    for _ in range(rounds):
        hall.come(4)
        assert room == len(hall.cut(room))
    counts = [hall.judged[name] for name in hall.rings]
    assert max(counts) - min(counts) <= 1
    hall.drain()
    dropped = [windower.dropped for windower in hall.windowers.values()]
    assert max(dropped) - min(dropped) <= 1


def test_a_stream_that_is_behind_takes_nothing_from_one_that_is_not() -> None:
    """Many windows of one stream wait, one of another: that is in the next batch."""
    hall = Hall(2)
    hall.rings["s0"].write(Block(0, np.arange(4), 4.0))
    hall.cut(1)
    hall.rings["s1"].write(Block(0, np.arange(1), 1.0))
    assert ["s1", "s0"] == [w.stream for w in hall.cut(2)]


def test_overload_is_said_when_it_begins_and_when_it_is_over(logs: list[dict[str, object]]) -> None:
    """Once each, however long it lasts; the second says how many windows it took."""
    hall = Hall(2)
    for now_s in range(5):
        hall.come(6)
        hall.drain()
        hall.batcher.tell(float(now_s))
    for now_s in (5.0, 63.9, 64.0, 200.0):
        hall.batcher.tell(now_s)
    assert ["batch.overloaded", "batch.recovered"] == [entry["event"] for entry in logs]
    assert 2 * 5 * 2 == logs[1]["dropped"]


# In the spine


def test_many_streams_that_wait_make_no_more_than_a_batch() -> None:
    """A hundred streams, each with more than one window: no batch is larger than it may be, and nothing is forgotten."""
    scripts = {f"s{i}": hum(LENGTH + 2 * HOP) for i in range(100)}
    engine, sink = Mean(lambda windows: finished(spine, *scripts)), Kept()
    spine = pipeline({name: Scripted(*script) for name, script in scripts.items()}, sink, engines=dict.fromkeys(scripts, engine))
    spine.run()
    assert max(len(batch) for batch in engine.batches) <= 32
    assert dict.fromkeys(scripts, 3) == Counter(reading.stream for reading in sink.readings)


def test_a_window_waits_for_others_no_longer_than_it_may() -> None:
    """By a clock that stands still nothing has waited yet: a batch leaves when it is full, and what is over when the time has come."""
    now_s, stay = [0.0], threading.Event()
    engine, sink = Mean(), Kept()
    spine = pipeline(
        {name: Scripted(*hum(LENGTH), stay) for name in ("a", "b", "c")},
        sink,
        engines=dict.fromkeys("abc", engine),
        clock=lambda: now_s[0],
        batch=2,
        max_wait_s=0.05,
    )
    with running(spine):
        until(lambda: 1 == len(engine.batches) and all(200 == w.ring.end for w in spine.watches.values()), timeout_s=PATIENCE_S)
        now_s[0] = 1.0
        until(lambda: 3 == len(sink.readings), timeout_s=PATIENCE_S)
    assert [2, 1] == sizes(engine.batches)


def sizes(batches: Sequence[Sequence[Window]]) -> list[int]:
    """Of batches."""
    return [len(batch) for batch in batches]
