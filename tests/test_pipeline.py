"""The live spine: that it says what replay says, and that nobody's fault is another's."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import SourceError
from monitor.pipeline import BATCH
from monitor.records import Block, Event, Window
from monitor.replay import Tally, replay
from tests.broker import until
from tests.scripted import (
    HOP,
    LENGTH,
    PATIENCE_S,
    QUIET,
    STRANGE,
    Kept,
    Mean,
    Scripted,
    Step,
    blocks,
    finished,
    hum,
    pipeline,
    places,
    replayed,
    running,
    told,
    watch,
)

LOST = float("nan")
FAULT = [(QUIET, 400), (STRANGE, 300), (QUIET, 600)]
"""Runs of items with one event in them."""


# The same as replay


runs = st.lists(st.tuples(st.sampled_from([QUIET, 3.0, STRANGE, LOST]), st.integers(1, 800)), min_size=1, max_size=8)


@given(runs, st.sampled_from([3, 70, 1000]))
@settings(max_examples=20, deadline=None, derandomize=True)
def test_says_what_replay_says(stretches: list[tuple[float, int]], size: int) -> None:
    """Whatever comes, with losses or without, in blocks large or small: the same windows, and the same events to the last field."""
    expected, windows = replayed(blocks(*stretches, size=10))
    engine, sink = Mean(), Kept()
    pipeline({"fan": Scripted(*blocks(*stretches, size=size))}, sink, engines={"fan": engine}).run()
    assert expected == sink.events
    assert places(windows) == places([w for batch in engine.batches for w in batch])
    assert len(windows) == len(sink.readings)


def test_streams_of_different_networks_each_have_their_own_engine() -> None:
    """Two engines judge two streams side by side, and neither sees the other's windows."""
    scripts = {"fan": blocks(*FAULT), "pump": blocks((QUIET, 900), (STRANGE, 200))}
    engines, sink = {"fan": Mean(), "pump": Mean()}, Kept()
    pipeline({name: Scripted(*script) for name, script in scripts.items()}, sink, engines=engines).run()
    for name, script in scripts.items():
        expected, windows = replayed(script, name)
        assert expected == sink.of(name)
        assert places(windows) == places([w for batch in engines[name].batches for w in batch])
        assert {name} == {w.stream for batch in engines[name].batches for w in batch}


def test_streams_share_a_batch_in_turn() -> None:
    """When all are behind, a batch has as many windows of each; none waits until another has caught up."""
    scripts = {name: blocks((QUIET, 3000), size=100) for name in ("a", "b", "c", "d")}
    engine = Mean(lambda windows: finished(spine, *scripts))
    spine = pipeline({name: Scripted(*script) for name, script in scripts.items()}, engines=dict.fromkeys(scripts, engine))
    spine.run()
    # The first batch was cut before all had come.
    streams = [[w.stream for w in batch] for batch in engine.batches[1:]]
    assert sorted(scripts) == sorted(streams[0][:4])
    assert streams[0][:4] * (BATCH // 4) == streams[0]
    assert all(BATCH == len(batch) for batch in streams[:-1])


# The end of a source


def test_what_waits_when_a_source_ends_is_judged_before_its_event_ends() -> None:
    """A source that ends several batches ahead of its engine loses nothing by it."""
    script = blocks((STRANGE, 3 * BATCH * HOP))
    sink = Kept()
    spine = pipeline({"fan": Scripted(*script)}, sink, engines={"fan": Mean(lambda windows: finished(spine, "fan"))})
    spine.run()
    assert replayed(script)[0] == sink.events
    assert "end: stopped" == told(sink.events)[-1]


def test_a_source_that_ends_while_others_are_judged_is_judged_too() -> None:
    """Windows that come, the last ones of their source, while the engine is busy with another stream are not forgotten."""
    go, script = threading.Event(), blocks(*FAULT)

    def busy(windows: Sequence[Window]) -> None:
        go.set()
        finished(spine, "fan")

    sink = Kept()
    spine = pipeline(
        {"fan": Scripted(go, *script), "pump": Scripted(*blocks((QUIET, LENGTH)))}, sink, engines={"fan": Mean(), "pump": Mean(busy)}
    )
    spine.run()
    assert replayed(script)[0] == sink.of("fan")


def test_an_open_event_of_a_source_that_fails_ends_as_signal_lost_and_others_go_on() -> None:
    """The failed stream is offline; the other is heard to its end; then the failure is raised."""
    go, unplugged = threading.Event(), SourceError("unplugged")
    failing, going_on = blocks((STRANGE, 400)), blocks(*FAULT)
    sink = Kept()
    spine = pipeline({"fan": Scripted(*failing, unplugged), "pump": Scripted(*going_on[:5], go, *going_on[5:])}, sink)
    raised: list[BaseException] = []

    def run() -> None:
        with pytest.raises(SourceError) as caught:
            spine.run()
        raised.append(caught.value)

    thread = threading.Thread(target=run)
    thread.start()
    until(lambda: ("fan", "offline") in sink.statuses and "end: signal_lost" in told(sink.of("fan")), timeout_s=PATIENCE_S)
    assert thread.is_alive()
    go.set()
    thread.join(PATIENCE_S)
    assert [unplugged] == raised
    assert replayed(going_on, "pump")[0] == sink.of("pump")


def test_replay_of_a_source_that_fails_says_the_same() -> None:
    """Offline too the open event ends as signal_lost before the failure is raised."""
    script: list[Step] = [*blocks((QUIET, 130), (STRANGE, 333)), SourceError("cut short")]
    sink = Kept()
    offline: list[Event] = []
    with pytest.raises(SourceError, match="cut short"):
        pipeline({"fan": Scripted(*script)}, sink).run()
    with pytest.raises(SourceError, match="cut short"):
        offline.extend(replay(Scripted(*script), watch(), Mean(), Tally()))
    assert offline == sink.events
    assert ["new", "end: signal_lost"] == [told(offline)[0], told(offline)[-1]]


def test_a_fault_of_ours_in_a_reader_ends_the_pipeline() -> None:
    """What is no SourceError is not lived with: the process ends by it and can be started anew."""
    waiting = Scripted(*blocks((QUIET, 100)), threading.Event())
    sink = Kept()
    spine = pipeline({"fan": Scripted(*blocks((STRANGE, 400)), ZeroDivisionError("ours")), "pump": waiting}, sink)
    with pytest.raises(ZeroDivisionError, match="ours"):
        spine.run()
    assert (1, True) == (sink.closed, waiting.closed.is_set())


# Status


def test_a_status_is_told_once_a_change(logs: list[dict[str, object]]) -> None:
    """Online when items come, offline when they end, and nothing twice."""
    go, sink = threading.Event(), Kept()
    with running(pipeline({"fan": Scripted(*hum(300), go, *hum(600)[30:])}, sink)):
        until(lambda: ("fan", "online") in sink.statuses and 3 == len(sink.readings), timeout_s=PATIENCE_S)
        go.set()
        until(lambda: ("fan", "offline") in sink.statuses, timeout_s=PATIENCE_S)
    assert [("fan", "online"), ("fan", "offline")] == [s for s in sink.statuses if s[1] != "starting"]
    assert all(before != after for before, after in pairwise(sink.statuses))
    assert len(sink.statuses) == [entry["event"] for entry in logs].count("stream.status")


# The clock


def test_an_event_ends_by_the_clock_when_items_stop_coming() -> None:
    """The source is open and silent: the event ends as signal_lost once that has lasted, though no window came."""
    now_s, sink = [4.0], Kept()
    spine = pipeline({"fan": Scripted(*blocks((STRANGE, 400)), threading.Event())}, sink, clock=lambda: now_s[0])
    with running(spine):
        until(lambda: 5 == len(sink.readings), timeout_s=PATIENCE_S)
        until(lambda: spine.watches["fan"].heard == 400, timeout_s=PATIENCE_S)
        assert "end" not in {e.type for e in sink.events}
        now_s[0] = 9.02
        until(lambda: "end: signal_lost" in told(sink.events), timeout_s=PATIENCE_S)
    assert ["end"] == [e.type for e in sink.events if e.type == "end"]


def test_a_slow_engine_is_no_lost_signal() -> None:
    """Items that came while the engine was busy for long are judged before anyone asks whether they stopped coming."""
    now_s, opened, go = [0.0], threading.Event(), threading.Event()
    script = blocks((STRANGE, 1600))

    def slow(windows: Sequence[Window]) -> None:
        go.set()
        until(lambda: 1600 == spine.watches["fan"].ring.end, timeout_s=PATIENCE_S)
        now_s[0] = 16.0

    sink = Kept()
    spine = pipeline(
        {
            "fan": Scripted(*script[:20], opened, *script[20:40], go, *script[40:], threading.Event()),
            "pump": Scripted(opened, *blocks((QUIET, LENGTH))),
        },
        sink,
        engines={"fan": Mean(lambda windows: opened.set()), "pump": Mean(slow)},
        clock=lambda: now_s[0],
    )
    with running(spine):
        until(lambda: 30 == len(sink.readings), timeout_s=PATIENCE_S)
    assert replayed(script)[0] == sink.of("fan")


def test_counters_are_told_every_minute() -> None:
    """By the clock, once a minute: how long it runs, how the streams are, what was judged, told and lost, and what others add."""
    now_s, go, sink = [100.0], threading.Event(), Kept()
    script = [each for each in hum(800) if not 400 <= each.start < 500]
    spine = pipeline({"fan": Scripted(*script, go)}, sink, clock=lambda: now_s[0])
    spine.also = lambda: {"evidence.written": 3}
    with running(spine):
        until(lambda: 8 == len(sink.readings), timeout_s=PATIENCE_S)
        for minute in (1, 2):
            now_s[0] += 60
            until(lambda minute=minute: minute == len(sink.counters), timeout_s=PATIENCE_S)  # type: ignore[misc]
    assert [
        {
            "uptime_s": s,
            "streams": {"fan": "online"},
            "no_signal": {},
            "source_restarts": 0,
            "windows_skipped": 5,
            "windows_dropped": 0,
            "windows": 8,
            "items_lost": 100,
            "evidence.written": 3,
        }
        for s in (60, 120)
    ] == sink.counters


def test_why_there_is_no_signal_is_logged_and_counted(logs: list[dict[str, object]]) -> None:
    """Also when the reason becomes another one, of which no sink is told: for them the status is what it was."""
    now_s, sink = [100.0], Kept()
    first, second, stay = (threading.Event() for _ in range(3))
    empty = [Block(100, np.zeros((0, 1), np.float32), 1.0, reason=reason) for reason in ("black", "frozen")]
    spine = pipeline({"fan": Scripted(*hum(100), empty[0], first, empty[1], second, *hum(200)[10:], stay)}, sink, clock=lambda: now_s[0])
    with running(spine):
        for event, reasons in ((first, {"fan": "black"}), (second, {"fan": "frozen"}), (stay, {})):
            until(lambda reasons=reasons: reasons == spine._stats(0.0)["no_signal"] and spine._status, timeout_s=PATIENCE_S)  # type: ignore[misc]
            event.set()
    told = [(entry["status"], entry.get("reason")) for entry in logs if entry["event"] == "stream.status"]
    reasons = [("no_signal", "black"), ("no_signal", "frozen"), ("online", None)]
    assert reasons == [each for each in told if each in reasons][-3:]
    assert all(before != after for before, after in pairwise(sink.statuses))
