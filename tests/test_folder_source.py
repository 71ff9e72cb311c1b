"""A folder that a recorder fills: every recording once, in order, also over restarts."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import soundfile

from monitor.reader import Reader
from monitor.records import Block
from monitor.ring import Ring
from monitor.sink.outbox import Outbox
from monitor.source.folder import FolderSource
from monitor.source.position import Position, Trail
from monitor.source.pulse import SoundPulse
from monitor.source.sound import SoundFiles
from tests.broker import until
from tests.scripted import PATIENCE_S, RATE, Kept, running
from tests.standin import STREAM, Slow, spine

NOW = time.time()


def recorded(folder: Path, name: str, values: list[float], *, ended_s: float) -> None:
    """A recording of so many items that ended so many seconds after some time in the past."""
    soundfile.write(folder / name, np.array(values, np.float32), RATE, subtype="FLOAT")
    os.utime(folder / name, (NOW - 10_000 + ended_s,) * 2)


def source(folder: Path, position: Position | None = None, trail: Trail | None = None) -> FolderSource:
    """The folder's source, with room for everything."""
    return FolderSource(
        folder, SoundFiles(RATE), position=position, trail=trail or Trail(position), room=lambda start: True, settled_s=0.5, silence_s=60.0
    )


def taken(blocks: Iterator[Block], count: int) -> list[Block]:
    """The first blocks that together hold so many items."""
    found: list[Block] = []
    while sum(len(b.items) for b in found) < count:
        found.append(next(blocks))
    return found


def values(blocks: list[Block]) -> list[float]:
    """All items, in order."""
    return [float(v) for b in blocks for v in b.items[:, 0]]


def test_recordings_come_in_order_of_time_and_what_lies_between_is_a_gap(tmp_path: Path) -> None:
    """By the time they were written, not by name; times that fit are joined; the index keeps the distance of those that do not."""
    recorded(tmp_path, "b.wav", [0.1] * 200, ended_s=2)
    recorded(tmp_path, "a.wav", [0.2] * 100, ended_s=3.02)
    recorded(tmp_path, "c.wav", [0.3] * 100, ended_s=10)
    with closing(source(tmp_path)) as folder:
        blocks = taken(folder.blocks(), 400)
    assert [0.1] * 200 + [0.2] * 100 + [0.3] * 100 == pytest.approx(values(blocks))
    assert [(0, 300), (900, 1000)] == [(blocks[0].start, blocks[29].end), (blocks[30].start, blocks[-1].end)]
    assert NOW - 10_000 + 10 == pytest.approx(blocks[-1].time_s, abs=0.02)


def test_a_recording_is_taken_when_it_lies_still_and_only_once(tmp_path: Path) -> None:
    """One that was written to just now waits; what is hidden or no sound is left alone; a broken one is passed over and named."""
    recorded(tmp_path, "whole.wav", [0.1] * 100, ended_s=0)
    (tmp_path / ".part.wav").write_bytes((tmp_path / "whole.wav").read_bytes())
    (tmp_path / "notes.txt").write_text("hm", encoding="utf-8")
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    os.utime(tmp_path / "broken.wav", (NOW - 20_000,) * 2)
    soundfile.write(tmp_path / "growing.wav", np.full(50, 0.2, np.float32), RATE, subtype="FLOAT")
    with closing(source(tmp_path)) as folder:
        blocks = folder.blocks()
        assert [0.1] * 100 == pytest.approx(values(taken(blocks, 100)))
        assert [0.2] * 50 == pytest.approx(values(taken(blocks, 50)))


def test_another_process_goes_on_at_the_item(tmp_path: Path) -> None:
    """From a position in the middle of a file: the same indices, times and items, to the last digit."""
    recorded(tmp_path, "1.wav", list(np.linspace(-1, 1, 200)), ended_s=2)
    recorded(tmp_path, "2.wav", list(np.linspace(0, 1, 333)), ended_s=9.777)
    trail = Trail()
    with closing(source(tmp_path, trail=trail)) as whole:
        everything = taken(whole.blocks(), 533)
    index = everything[-1].end - 200
    position = trail.at(index)
    assert position is not None
    again = Position.read(position.text())
    assert position == again
    with closing(source(tmp_path, again)) as rest:
        found = taken(rest.blocks(), 200)
    assert (index, values(everything)[-200:]) == (found[0].start, values(found))
    assert {b.end: b.time_s for b in everything}.items() >= {b.end: b.time_s for b in found}.items()


def test_a_folder_that_is_missing_is_waited_for(tmp_path: Path, logs: list[dict[str, object]]) -> None:
    """It is said once, and when the folder is there its recordings are read."""
    folder = tmp_path / "later"
    sink, outbox = Kept(), Outbox()
    with running(spine(folder, outbox, sink)):
        until(lambda: any(e["event"] == "source.missing" for e in logs), timeout_s=PATIENCE_S)
        folder.mkdir()
        recorded(folder, "a.wav", [0.0] * 500, ended_s=0)
        until(lambda: len(sink.readings) == 7, timeout_s=PATIENCE_S)
    assert 1 == sum(e["event"] == "source.missing" for e in logs)


def test_nothing_is_lost_however_fast_it_is_read(tmp_path: Path) -> None:
    """Ten minutes in one file, far more than the ring holds: every window is judged, none across what was overwritten."""
    recorded(tmp_path, "long.wav", [0.0] * 600 * RATE, ended_s=0)
    sink, outbox = Kept(), Outbox()
    windows = (600 * RATE - 200) // 50 + 1
    with running(spine(tmp_path, outbox, sink)):
        until(lambda: len(sink.readings) == windows, timeout_s=PATIENCE_S)
    place = outbox.kept(STREAM)
    assert place is not None
    assert 600 * RATE - 200 < Position.read(place).index <= 600 * RATE


def test_nothing_is_lost_before_a_gap(tmp_path: Path) -> None:
    """A recording that is still being judged when the next one begins an hour later, far beyond what the ring holds."""
    recorded(tmp_path, "a.wav", [0.0] * 19 * RATE, ended_s=0)
    recorded(tmp_path, "b.wav", [0.0] * 5 * RATE, ended_s=3600)
    sink, outbox = Kept(), Outbox()
    windows = sum((seconds * RATE - 200) // 50 for seconds in (19, 5))
    with running(spine(tmp_path, outbox, Slow(), sink)):
        until(lambda: len(sink.readings) >= windows, timeout_s=PATIENCE_S)


def test_a_folder_whose_recorder_is_dead_has_no_signal(tmp_path: Path) -> None:
    """When for so long no recording came, also not the first one; it is online again with the next."""
    ring = Ring(10 * RATE, item=(1,), rate_hz=RATE)

    def opened() -> FolderSource:
        return FolderSource(tmp_path, SoundFiles(RATE), position=None, trail=Trail(), room=lambda start: True, settled_s=0.0, silence_s=0.7)

    reader = Reader("yard", opened, ring, pulse=SoundPulse, live=False)
    reader.start()
    try:
        assert "starting" == reader.status
        for number in (1, 2):
            until(lambda: "no_signal" == reader.status, timeout_s=PATIENCE_S)
            recorded(tmp_path, f"{number}.wav", [0.1, 0.2] * 50, ended_s=number)
            until(lambda: "online" == reader.status, timeout_s=PATIENCE_S)
        until(lambda: 200 == ring.end, timeout_s=PATIENCE_S)
    finally:
        reader.close()
