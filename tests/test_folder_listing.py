"""Which recordings of a folder are judged: each that appears, once, whatever clocks, restarts and slow recorders do."""

from __future__ import annotations

import os
import time
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from monitor.records import Block
from monitor.source.folder import FolderSource
from monitor.source.position import HEARD, Key, Piece, Position, Trail
from monitor.source.sound import SoundFiles
from tests.broker import until
from tests.recordings import NOW_S, heard, left_off, nothing_more, numbers, opened, put
from tests.scripted import PATIENCE_S, RATE

HOUR_S = 3600.0


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks again after some milliseconds."""
    monkeypatch.setattr("monitor.source.folder._POLL_S", 0.005)


@pytest.mark.parametrize("step_s", [-HOUR_S, HOUR_S])
def test_a_recording_is_heard_whatever_its_time_says(step_s: float, tmp_path: Path) -> None:
    """The recorder's clock is set: what comes then is heard, once, behind what came before; the index never goes back."""
    put(tmp_path, 1, NOW_S - 1)
    with opened(tmp_path) as source:
        blocks = source.blocks()
        found = heard(blocks, 1)
        for number in (2, 3):
            put(tmp_path, number, NOW_S + step_s + number)
            found += heard(blocks, 1)
        assert nothing_more(blocks)
    assert [1, 2, 3] == numbers(found)
    assert all(before.end <= after.start and before.time_s < after.time_s for before, after in pairwise(found))


def test_what_came_late_comes_directly_after_what_was_heard(tmp_path: Path) -> None:
    """An item's gap in between, and none between two that follow one another by their own time; then the distance is true again."""
    put(tmp_path, 1, NOW_S)
    with opened(tmp_path) as source:
        blocks = source.blocks()
        found = heard(blocks, 1)
        for number, written_s in ((2, NOW_S - 500), (3, NOW_S - 499), (4, NOW_S + 10)):
            put(tmp_path, number, written_s)
            found += heard(blocks, 1)
    starts = {number: min(b.start for b in found if int(b.items[0, 0]) == number) for number in numbers(found)}
    assert {1: 0, 2: RATE + 1, 3: 2 * RATE + 1, 4: 10 * RATE} == starts


def test_times_in_the_future_do_not_put_off_all_the_others(tmp_path: Path) -> None:
    """A recording that claims to be of 2100 ends now at the latest."""
    put(tmp_path, 1, NOW_S + 100 * 365 * 86400)
    put(tmp_path, 2, NOW_S, "fan-21000101T000000.000Z.wav")
    with opened(tmp_path) as source:
        found = heard(source.blocks(), 2)
    assert max(b.time_s for b in found) <= time.time() + 2


@pytest.mark.parametrize("name", ["hall-20261399T236060.000Z.wav", "hall-00010101T000000.000Z.wav"])
def test_digits_that_are_no_time_are_a_name(name: str, tmp_path: Path) -> None:
    """When it was last written counts then."""
    put(tmp_path, 1, NOW_S, name)
    with opened(tmp_path) as source:
        assert NOW_S == pytest.approx(heard(source.blocks(), 1)[-1].time_s)


# Over restarts


@pytest.mark.parametrize("step_s", [-HOUR_S, HOUR_S])
def test_what_came_while_nobody_looked_is_heard(step_s: float, tmp_path: Path) -> None:
    """Whatever its time says; what was heard before is not heard again."""
    for number in (1, 2, 3):
        put(tmp_path, number, NOW_S + number)
    position = left_off(tmp_path, 3)
    put(tmp_path, 4, NOW_S + step_s)
    with opened(tmp_path, position=position) as source:
        blocks = source.blocks()
        found = [next(blocks), *heard(blocks, 1)]
        assert nothing_more(blocks)
    assert [3, 4] == numbers(found)
    assert [1, RATE] == [len(found[0].items), sum(len(b.items) for b in found[1:])]
    assert position.index == found[0].start
    assert found[0].end <= found[1].start


def test_the_recordings_heard_last_are_known_by_name_and_older_ones_by_time() -> None:
    """Of very many the place stays small: what is not after those that fell out of it was heard."""
    trail = Trail()
    for i in range(HEARD + 3):
        trail.add(Piece(Key(1000 + i, f"{i}.wav"), i * RATE, i * RATE))
    position = trail.at((HEARD + 2) * RATE)
    assert position is not None
    assert (HEARD, Key(1001, "1.wav")) == (len(position.heard), position.horizon)
    assert position == Position.read(position.text())
    later = Trail(position).at(0)
    assert later is None


def test_a_place_of_before_names_were_kept_is_understood(tmp_path: Path) -> None:
    """All that is not after its recording was heard, at this restart and at the next."""
    for number in (1, 2, 3):
        put(tmp_path, number, NOW_S + number)
    key = f'{{"written_ns": {round((NOW_S + 2) * 1e9)}, "name": "2.wav"}}'
    position = Position.read(f'{{"piece": {{"key": {key}, "index": 70, "began": 0}}, "index": 120}}')
    for left in range(2):
        trail = Trail(position)
        with opened(tmp_path, trail, position) as source:
            blocks = source.blocks()
            found: list[Block] = []
            while sum(len(b.items) for b in found) < RATE + (50 if left == 0 else 1):
                found.append(next(blocks))
            assert nothing_more(blocks)
        assert ([2, 3], [3, 4])[left] == numbers(found)
        again = trail.at(found[-1].end - 1)
        assert again is not None
        position = Position.read(again.text())
        put(tmp_path, 4, NOW_S + 4)


def test_a_disk_that_is_away_brings_nothing_back_twice(tmp_path: Path) -> None:
    """A folder that is empty for a while, as where nothing is mounted, then holds what was heard before, and one more."""
    folder, aside = tmp_path / "mounted", tmp_path / "aside"
    folder.mkdir()
    put(folder, 1, NOW_S)
    position = left_off(folder, 1)
    folder.rename(aside)
    folder.mkdir()
    with opened(folder, position=position) as source:
        blocks = source.blocks()
        assert nothing_more(blocks)
        for number in (2, 3):
            put(aside, number, NOW_S + number)
            folder.rmdir()
            aside.rename(folder)
            rest = [next(blocks)] if number == 2 else []
            assert [1] * len(rest) + [number] == numbers([*rest, *heard(blocks, 1)])
            assert nothing_more(blocks)
            folder.rename(aside)
            folder.mkdir()
            assert nothing_more(blocks)


def test_a_name_that_is_used_again_is_another_recording(tmp_path: Path) -> None:
    """Once the first one has gone: a recorder may have only one name."""
    put(tmp_path, 1, NOW_S, "a.wav")
    with opened(tmp_path) as source:
        blocks = source.blocks()
        found = heard(blocks, 1)
        (tmp_path / "a.wav").unlink()
        assert nothing_more(blocks)
        put(tmp_path, 2, NOW_S + 5, "a.wav")
        assert [1, 2] == numbers(found + heard(blocks, 1))


# Slow recorders


@pytest.mark.parametrize("step_s", [-HOUR_S, HOUR_S])
def test_a_recording_that_pauses_less_than_asked_is_heard_whole(step_s: float, tmp_path: Path) -> None:
    """Also if the wall clock is set meanwhile: it must lie still by a clock that nobody sets."""
    whole = tmp_path / "whole.part"
    soundfile.write(whole, np.full(3 * RATE, 0.5, np.float32), RATE, format="WAV", subtype="FLOAT")
    data, wall = whole.read_bytes(), [0.0]
    source = FolderSource(
        tmp_path,
        SoundFiles(RATE),
        position=None,
        trail=Trail(),
        room=lambda start: True,
        settled_s=1.0,
        silence_s=0.0,
        unix=lambda: time.time() + wall[0],
    )
    with closing(source), (tmp_path / "a.wav").open("wb", buffering=0) as file:
        blocks = source.blocks()
        for part in range(3):
            file.write(data[part * len(data) // 3 : (part + 1) * len(data) // 3])
            os.utime(tmp_path / "a.wav", (time.time() + wall[0],) * 2)
            assert nothing_more(blocks)
            wall[0] = step_s
            began_s = time.monotonic()
            while time.monotonic() < began_s + 0.5:
                assert not len(next(blocks).items)
        assert 3 * RATE == sum(len(b.items) for b in heard(blocks, 3))


def test_a_recording_that_has_grown_since_is_told_once(tmp_path: Path, logs: list[dict[str, object]]) -> None:
    """What was written after it was begun is not judged, and that is said."""
    put(tmp_path, 1, NOW_S)
    with opened(tmp_path) as source:
        blocks = source.blocks()
        heard(blocks, 1)
        with (tmp_path / "1.wav").open("ab") as file:
            file.write(bytes(400))
        until(lambda: nothing_more(blocks) and any(e["event"] == "source.grown" for e in logs), timeout_s=PATIENCE_S)
        assert nothing_more(blocks)
    assert [("1.wav", 400)] == [(e["file"], e["by_bytes"]) for e in logs if e["event"] == "source.grown"]
