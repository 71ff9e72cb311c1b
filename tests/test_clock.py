"""A wall clock that is set, and one that changes for the summer: events keep their order and their length."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from monitor.records import Event
from monitor.replay import Tally, replay
from tests.scripted import HOP, LENGTH, QUIET, RATE, STRANGE, Mean, Scripted, blocks, watch

AUTUMN = 1792890000.0 - 6.0
"""Six seconds before 03:00 summer time becomes 02:00 in Berlin, 2026-10-25."""
FAULT = blocks((QUIET, 400), (STRANGE, 600), (QUIET, 800), (STRANGE, 300), (QUIET, 600))


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine is in Berlin."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
    assert "TZ" not in os.environ or os.environ["TZ"] != "Europe/Berlin"


def told(step_s: float, at_s: float, epoch: float = 1767323045.0) -> list[Event]:
    """What is told of two events, the wall clock being set by so much at a time of the stream."""
    watched = watch()
    now = [0.0]
    watched._unix = lambda time_s: epoch + time_s + (step_s if now[0] >= at_s else 0.0)
    engine = Mean(lambda windows: now.__setitem__(0, windows[-1].end / RATE))
    return list(replay(Scripted(*FAULT), watched, engine, Tally()))


@pytest.mark.parametrize("step_s", [3600.0, -3600.0, 86400.0, -1.5])
def test_an_event_lasts_as_long_as_it_did_whatever_the_clock_does(step_s: float) -> None:
    """Its length comes from the items; its start stays what it was when it was first told."""
    true = told(0.0, 0.0)
    stepped = told(step_s, 6.0)
    assert [(e.type, e.seq, e.start_index, e.end_index) for e in true] == [(e.type, e.seq, e.start_index, e.end_index) for e in stepped]
    assert [round(e.end_unix - e.start_unix, 2) for e in true] == [round(e.end_unix - e.start_unix, 2) for e in stepped]
    for name in {e.id for e in stepped}:
        mine = [e for e in stepped if e.id == name]
        assert 1 == len({e.start for e in mine})
        assert sorted(mine, key=lambda e: e.seq) == mine


def test_an_event_over_the_end_of_summer_time_has_the_offsets_of_both(berlin: None) -> None:
    """It begins at +02:00 and ends at +01:00, a few seconds later, not an hour before."""
    events = told(0.0, 0.0, AUTUMN)
    last = [e for e in events if e.id == events[0].id][-1]
    start, end = datetime.fromisoformat(last.start), datetime.fromisoformat(last.end)
    assert ("+02:00", "+01:00") == (last.start[-6:], last.end[-6:])
    assert timedelta(seconds=last.end_unix - last.start_unix) == end - start
    assert LENGTH / HOP < (end - start).total_seconds() < 10
