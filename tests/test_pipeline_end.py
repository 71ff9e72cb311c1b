"""The live spine: that what is lost is counted, and that it ends in good order."""

from __future__ import annotations

import threading
import time

import pytest

from monitor.errors import SinkError
from monitor.pipeline import BATCH
from monitor.records import Event
from monitor.source import Source
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
    blocks,
    finished,
    pipeline,
    running,
    told,
)

LOST = float("nan")


# Losses


@pytest.mark.parametrize("disabled", [False, True])
def test_every_item_that_is_in_no_window_is_counted(disabled: bool) -> None:
    """Also of a stream that is not judged, and what is left behind a gap when the source ends."""
    spine = pipeline({"fan": Scripted(*blocks((QUIET, 400), (LOST, 1000), (QUIET, 150)))}, Kept())
    spine.disable("fan", disabled)
    spine.run()
    assert 1150 == spine._stats(0.0)["items_lost"]


def test_a_gap_within_an_event_is_counted_in_it() -> None:
    """An event goes on over a short gap and says how many items were not judged."""
    sink = Kept()
    pipeline({"fan": Scripted(*blocks((STRANGE, 400), (LOST, 120), (STRANGE, 480)))}, sink).run()
    assert [("new", 0), ("end", 150)] == [(e.type, e.gaps) for e in sink.events if e.type != "update"]


def test_a_slow_engine_loses_the_oldest_and_counts_it() -> None:
    """A source far ahead of its engine overwrites what was not judged; what is lost is counted; memory stays what it was."""
    total, capacity = 20_000, LENGTH + 4 * HOP
    engine = Mean(lambda windows: finished(spine, "fan"))
    spine = pipeline({"fan": Scripted(*blocks((QUIET, total)))}, engines={"fan": engine}, capacity=capacity)
    spine.run()
    windows = [w for batch in engine.batches for w in batch]
    heard = {i for w in windows for i in range(w.start, w.end)}
    assert total == windows[-1].end
    overruns = [w.lost for w in windows if w.lost]
    assert overruns
    # After an overrun it goes on at the next hop: what lies before that is kept, but in no window.
    assert 0 <= total - len(heard) - sum(overruns) < len(overruns) * HOP
    assert capacity == spine.watches["fan"].ring.capacity
    assert len(windows) <= 2 * (BATCH + 1)


# Stopping


class Failing(Kept):
    """A sink that cannot take events."""

    def event(self, event: Event) -> None:
        """Fails."""
        super().event(event)
        raise SinkError("standard output: closed by its reader")


def test_stop_ends_it_within_a_second() -> None:
    """Sources that are waited for are closed, what is open ends as stopped, every sink is closed."""
    sources: dict[str, Source] = {name: Scripted(*blocks((STRANGE, 400)), threading.Event()) for name in ("fan", "pump")}
    sinks = Kept(), Kept()
    spine = pipeline(sources, *sinks)
    with running(spine):
        until(lambda: 2 == told(sinks[1].events).count("new"), timeout_s=PATIENCE_S)
        began_s = time.monotonic()
        spine.stop()
        until(lambda: sinks[0].closed and sinks[1].closed, timeout_s=PATIENCE_S)
        assert time.monotonic() - began_s < 1.0
    for sink in sinks:
        assert 2 == told(sink.events).count("end: stopped")
        assert 1 == sink.closed


def test_stop_before_run_ends_it_at_once() -> None:
    """A signal that comes before the first round is not lost."""
    sink = Kept()
    spine = pipeline({"fan": Scripted(threading.Event())}, sink)
    spine.stop()
    spine.run()
    assert (1, []) == (sink.closed, sink.events)


def test_a_sink_that_fails_keeps_nothing_from_the_others() -> None:
    """Its failure ends the pipeline, after each other sink has heard the event and its end, and was closed."""
    sinks: list[Failing | Kept] = [Failing(), Kept(), Failing()]
    source = Scripted(*blocks((STRANGE, 400)), threading.Event())
    with pytest.raises(SinkError, match="closed by its reader"):
        pipeline({"fan": source}, *sinks).run()
    assert source.closed.is_set()
    assert [["new", "end: interrupted"]] * 3 == [told(sink.events) for sink in sinks]
    assert [1, 1, 1] == [sink.closed for sink in sinks]


def test_an_event_is_told_before_it_is_logged(logs: list[dict[str, object]]) -> None:
    """Whatever becomes of the line, the event is out."""
    logged: list[int] = []

    class Logged(Kept):
        def event(self, event: Event) -> None:
            super().event(event)
            logged.append(sum(str(line["event"]).startswith("event.") for line in logs))

    sink = Logged()
    pipeline({"fan": Scripted(*blocks((STRANGE, 400), (QUIET, 600)))}, sink).run()
    assert list(range(len(sink.events))) == logged
    assert ["event.new", "event.end"] == [line["event"] for line in logs if line["event"] in ("event.new", "event.end")]
