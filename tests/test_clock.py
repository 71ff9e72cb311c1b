"""A wall clock that is set, and one that changes for the summer: events keep their order and their length."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import soundfile

from monitor.records import Event
from monitor.replay import Tally, replay
from monitor.sink.outbox import LIFE_S, Outbox
from tests.broker import until
from tests.events import messages, step
from tests.scripted import HOP, LENGTH, PATIENCE_S, QUIET, RATE, STRANGE, Kept, Mean, Scripted, blocks, running, watch
from tests.standin import STREAM, spine

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


@pytest.mark.parametrize("step_s", [3600.0, -3600.0])
def test_every_recording_of_a_folder_is_judged_whatever_the_clock_does(step_s: float, tmp_path: Path) -> None:
    """A fault before the recorder's clock is set, one after, and one when the daemon was started anew: each an event, in this order."""
    sound = np.zeros(8 * RATE, np.float32)
    sound[3 * RATE : 4 * RATE] = 0.5
    began_s, outbox, told = time.time() - 8000, Outbox(), Kept()

    def judged(number: int, written_s: float) -> None:
        soundfile.write(tmp_path / "whole.part", sound, RATE, format="WAV")
        os.utime(tmp_path / "whole.part", (written_s,) * 2)
        (tmp_path / "whole.part").rename(tmp_path / f"{number}.wav")
        until(lambda: number == len({e.id for e in told.of(STREAM) if e.type == "end"}), timeout_s=PATIENCE_S)

    with running(spine(tmp_path, outbox, told)):
        judged(1, began_s)
        judged(2, began_s + step_s)
    with running(spine(tmp_path, outbox, told)):
        judged(3, began_s + step_s + 20.0)
    # What was told just before the restart may be told again, under the same id.
    events = list({e.id: e for e in told.of(STREAM) if e.type == "new"}.values())
    assert sorted(events, key=lambda e: e.start_index) == events == sorted(events, key=lambda e: e.start_unix)


def test_setting_the_clock_ages_nothing(tmp_path: Path) -> None:
    """A box without a battery learns the time only once it has a network; the next life finds right times too."""
    now = [0.0, 100.0]  # of the wall, and of the monotonic clock
    with closing(Outbox(tmp_path / "outbox", unix=lambda: now[0], monotonic=lambda: now[1])) as outbox:
        outbox.put("t", step(0))
        now[0] += 8 * 86400.0
        outbox.put("t", step(1))
        assert [0, 1] == [json.loads(m.payload)["seq"] for m in messages(outbox)]
        now[:] = [now[0] + 3600.0, now[1] + 3600.0]
        first = outbox.after(0)
        assert first is not None
        assert LIFE_S - 3600.0 == first.life_s
    with closing(Outbox(tmp_path / "outbox", unix=lambda: now[0], monotonic=lambda: 0.0)) as outbox:
        assert ["new", "new", "end"] == [json.loads(m.payload)["type"] for m in messages(outbox)]
