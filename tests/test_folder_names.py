"""What has taken a recording's name in a folder: another recording, or the same one, touched or longer."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from monitor.source.position import HEARD, Key, Piece, Trail
from tests.recordings import NOW_S, heard, heard_until, left_off, nothing_more, numbers, opened, put
from tests.scripted import RATE


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks again after some milliseconds."""
    monkeypatch.setattr("monitor.source.folder._POLL_S", 0.005)


def written(folder: Path, number: int, seconds: float, written_s: float, *, anew: bool = True) -> None:
    """A recording `a.wav` of so many seconds; brought as another file, or written into the one that is there."""
    path = folder / ("a.part" if anew else "a.wav")
    soundfile.write(path, np.full(round(seconds * RATE), number, np.float32), RATE, format="WAV", subtype="FLOAT")
    os.utime(path, (written_s,) * 2)
    path.replace(folder / "a.wav")


@pytest.mark.parametrize("restarted", [False, True])
def test_a_name_that_is_written_over_is_another_recording(restarted: bool, tmp_path: Path) -> None:
    """As by a recorder that begins its numbers anew; by another file, or by the same one made shorter, also while nobody looked."""
    written(tmp_path, 1, 1, NOW_S)
    found, position = [], left_off(tmp_path, 1)
    for number, seconds, anew in ((2, 1.0, True), (3, 0.5, False)):
        with opened(tmp_path, position=position if restarted else None) as source:
            blocks = source.blocks()
            if not restarted:
                found += heard(blocks, 1)
            written(tmp_path, number, seconds, NOW_S + 10 * number, anew=anew)
            found += heard_until(blocks, lambda more, number=number: number in numbers(more))  # type: ignore[misc]
    assert {2, 3} <= {*numbers(found)}


@pytest.mark.parametrize("restarted", [False, True])
def test_what_was_touched_or_brought_again_longer_is_not_judged_again(restarted: bool, tmp_path: Path) -> None:
    """As by a copy that is repeated while the recorder still writes: it began before it was first seen."""
    written(tmp_path, 1, 10, NOW_S)
    put(tmp_path, 7, NOW_S + 20)
    position = left_off(tmp_path, 11)
    with opened(tmp_path, position=position if restarted else None) as source:
        blocks = source.blocks()
        found = [next(blocks)] if restarted else heard(blocks, 11)
        written(tmp_path, 1, 14, NOW_S + 4)
        assert nothing_more(blocks)
        os.utime(tmp_path / "7.wav", (NOW_S + 300,) * 2)
        assert nothing_more(blocks)
    assert ([7] if restarted else [1, 7]) == numbers(found)


def test_a_folder_that_cannot_be_read_for_a_while_loses_nothing(tmp_path: Path) -> None:
    """It goes away in the middle of a backlog."""
    folder = tmp_path / "rec"
    folder.mkdir()
    for number in range(1, 9):
        put(folder, number, NOW_S + number)
    with opened(folder) as source:
        blocks = source.blocks()
        found = heard(blocks, 2)
        folder.rename(tmp_path / "away")
        while not found[-1].end >= 3 * RATE and len((block := next(blocks)).items):
            found.append(block)
        assert nothing_more(blocks)
        (tmp_path / "away").rename(folder)
        found += heard_until(blocks, lambda more: 8 in numbers(more))
    assert [*range(1, 9)] == numbers(found)


def test_one_from_the_future_is_no_measure_of_what_was_heard() -> None:
    """Else all that comes until then would be taken for heard at every restart."""
    trail = Trail()
    for i in range(HEARD + 10):
        trail.add(Piece(Key(10**18 if i == 3 else 1000 + i, f"{i}.wav"), i * RATE, i * RATE))
    position = trail.at((HEARD + 9) * RATE)
    assert position is not None
    assert Key(1008, "8.wav") == position.horizon
