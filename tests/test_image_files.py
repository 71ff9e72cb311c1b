"""Pictures and videos as a source: in a row, in a folder that is filled, and as `record` writes them."""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import DiffmonError, SourceError
from monitor.ffv1 import Video
from monitor.recorder import Segments, found_s, pour
from monitor.records import Block
from monitor.ring import Ring
from monitor.segment import SegmentKind
from monitor.source.file import FileSource
from monitor.source.folder import FolderSource
from monitor.source.image import FILES as PICTURES
from monitor.source.image import ImageFiles
from monitor.source.medium import search
from monitor.source.position import Key, Position, Trail
from monitor.source.view import View
from monitor.window import Windower
from tests.command import names
from tests.disk import no_room
from tests.films import SIDE, counted, grey, numbers, still
from tests.scripted import PATIENCE_S

RATE = 2.0
FILES = ImageFiles(View(SIDE), rate_hz=RATE)
FFV1 = SegmentKind(".mkv", Video)
PAST_S = float(int(time.time()) - 100_000)


def test_stills_and_videos_play_one_after_another(tmp_path: Path) -> None:
    """On one index without a gap, in the order of a folder's names, a picture for as long as a frame."""
    for name, number in (("a.png", 7), ("c.jpg", 9), ("d.bmp", 3)):
        still(tmp_path / name, grey(number))
    counted(tmp_path / "b.mkv", 15)
    (tmp_path / "notes.txt").touch()
    blocks = list(FileSource(search([tmp_path], PICTURES), FILES).blocks())
    assert [7, 0, 5, 10, 9, 3] == numbers(np.concatenate([b.items for b in blocks]))
    assert [(i, (i + 1) / RATE) for i in range(6)] == [(b.start, b.time_s) for b in blocks]
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match=r"no picture or video in this folder, expected one of \.3gp "):
        search([tmp_path / "empty"], PICTURES)


# --- a folder that is filled


def written(path: Path, at_s: float) -> None:
    """Sets the time at which a file was last written, in seconds after some time in the past."""
    os.utime(path, (PAST_S + at_s,) * 2)


def opened(folder: Path, position: Position | None = None, trail: Trail | None = None) -> FolderSource:
    """The folder's source, with room for everything."""
    trail = trail or Trail(position)
    return FolderSource(folder, FILES, position=position, trail=trail, room=lambda start: True, settled_s=0.0, silence_s=0.0)


def taken(source: FolderSource, count: int) -> list[Block]:
    """So many frames, a block each."""
    deadline_s = time.monotonic() + PATIENCE_S
    with closing(source):
        found: list[Block] = []
        for block in source.blocks():
            assert time.monotonic() < deadline_s
            assert (SIDE, SIDE, 3) == block.items.shape[1:]
            found += [block] * len(block.items)
            if len(found) == count:
                return found
    raise AssertionError("it ended")


def test_uploads_of_a_camera(tmp_path: Path) -> None:
    """Stills half a second apart, not quite in time, are a run without a gap; one a minute later stands alone, at its time."""
    for number, at_s in enumerate((0.0, 0.48, 1.03, 1.5, 1.95, 62.0, 122.0)):
        written(still(tmp_path / f"{number:06d}.jpg", grey(number)), at_s)
    blocks = taken(opened(tmp_path), 7)
    assert list(range(7)) == numbers(np.concatenate([b.items for b in blocks]))
    assert [0, 1, 2, 3, 4, 124, 244] == [b.start for b in blocks]
    assert [PAST_S + s for s in (0, 0.5, 1, 1.5, 2, 62, 122)] == [b.time_s for b in blocks]
    assert {(0, 0, SIDE, SIDE)} == {b.shown for b in blocks}


@settings(max_examples=20, deadline=None)
@given(st.floats(0.5, 3.0), st.floats(0.0, 0.1), st.integers(0, 99))
def test_time_never_runs_ahead_of_videos_in_a_row(length_s: float, jitter_s: float, seed: int) -> None:
    """Segments of any length, one after another: what is told of a frame is never more than two frames off, after however many."""
    rng, source = np.random.default_rng(seed), object.__new__(FolderSource)
    source.rate_hz, source._piece, source._end = RATE, None, 0
    items = max(1, int(length_s * RATE))
    for number in range(100):
        began_s = PAST_S + number * length_s + rng.uniform(-jitter_s, jitter_s)
        source._piece = source._placed(Key(number, ""), began_s * RATE)
        source._end = source._piece.index + items
        assert abs(source._piece.began - began_s * RATE) <= 2 + jitter_s * RATE


def test_segments_of_videos_go_on_where_they_were_left(tmp_path: Path) -> None:
    """The same frames, indices and times from the middle of a file on."""
    for number in range(2):
        written(counted(tmp_path / f"{number}.mp4", 40), 4.0 * (number + 1))
    trail = Trail()
    whole = taken(opened(tmp_path, trail=trail), 16)
    assert [(i, PAST_S + (i + 1) / RATE) for i in range(16)] == [(b.start, b.time_s) for b in whole]
    position = trail.at(5)
    assert position is not None
    rest = taken(opened(tmp_path, Position.read(position.text())), 11)
    assert [(b.start, b.time_s) for b in whole[5:]] == [(b.start, b.time_s) for b in rest]
    np.testing.assert_array_equal([b.items for b in whole[5:]], [b.items for b in rest])


def test_what_cannot_be_read_is_passed_over(tmp_path: Path, logs: list[dict[str, object]]) -> None:
    """A picture that is cut short and a name that is none; both are told."""
    for number in (1, 3):
        written(still(tmp_path / f"{number}.png", grey(number)), number)
    whole = still(tmp_path / "2.png", np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)).read_bytes()
    (tmp_path / "2.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "0.mkv").write_text("none")
    for number, name in ((0, "0.mkv"), (2, "2.png")):
        written(tmp_path / name, number)
    assert [1, 3] == numbers(np.concatenate([b.items for b in taken(opened(tmp_path), 2)]))
    assert {"0.mkv", "2.png"} == {e["file"] for e in logs if e["event"] == "source.skipped"}


# --- what is recorded


def noise(count: int, seed: int = 0) -> np.ndarray:
    """Pictures that no codec with loss would give back."""
    return np.random.default_rng(seed).integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)


@settings(max_examples=6, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 150)), min_size=1, max_size=4), st.sampled_from([1.0, 2.0, 3.0, 12.5]))
def test_all_that_was_seen_is_in_segments_without_a_gap(runs: list[tuple[int, int]], rate_hz: float) -> None:
    """Of runs (lost before, frames): every pixel is there again, in stretches without a gap of at most a minute."""
    ring, seen, at = Ring(1000, item=(SIDE, SIDE, 3), dtype=np.uint8, rate_hz=rate_hz), {}, 0
    for lost, count in runs:
        at += lost
        frames = noise(count, at)
        ring.write(Block(at, frames, at / rate_hz))
        seen |= {at + i: frame.tobytes() for i, frame in enumerate(frames)}
        at += count
    ring.finish()
    files = ImageFiles(View(SIDE), rate_hz=rate_hz)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        segments = Segments(folder, "gate", FFV1, rate_hz=rate_hz)
        list(pour(ring, segments, 10**9, lambda: False))
        segments.close()
        read = [files.read(path) for path in sorted(folder.iterdir())]
        assert segments.count == len(read)
        assert sum(map(len, read)) / rate_hz == pytest.approx(found_s(folder, "gate", FFV1, files), abs=0.01 * len(read))
    known = {frame: index for index, frame in seen.items()}
    indices = sorted([known[frame.tobytes()] for frame in part] for part in read)
    assert all(part == list(range(part[0], part[0] + len(part))) and len(part) <= 60 * rate_hz for part in indices)
    assert sorted(seen) == [index for part in indices for index in part] or rate_hz > 10  # a segment of one frame is too short there


def test_a_segment_is_named_and_seen_like_one_of_sound(tmp_path: Path) -> None:
    """After the time at which it begins; what was left by one that was killed goes; what is too short is not kept."""
    (tmp_path / ".gate-20260102T030405.678Z.mkv.part").touch()
    segments = Segments(tmp_path, "gate", FFV1, rate_hz=RATE)
    segments.write(noise(121), 1767323045.678)
    segments.close()
    assert ["gate-20260102T030405.678Z.mkv", "gate-20260102T030505.678Z.mkv"] == names(tmp_path)
    assert 60.5 == found_s(tmp_path, "gate", FFV1, FILES)


def test_a_full_disk_ends_it_and_leaves_whole_segments_alone(tmp_path: Path) -> None:
    """Nothing half-written stays."""
    segments = Segments(tmp_path, "gate", FFV1, rate_hz=RATE)
    segments.write(noise(120), 1767323045.678)
    with no_room(50_000), pytest.raises(DiffmonError, match=r"cannot be written: .*the segments before it are whole"):
        segments.write(noise(120), 1767323105.678)
    segments.close()
    assert ["gate-20260102T030405.678Z.mkv"] == names(tmp_path)


# --- nothing is lost at a gap


def test_a_gap_waits_for_what_lies_before_it() -> None:
    """What would drive frames out of the ring that are not cut yet may not come; the next frame of a run may."""
    ring = Ring(20, item=(SIDE, SIDE, 3), dtype=np.uint8, rate_hz=RATE)
    windower = Windower(ring, stream="gate", length=1, hop=1)
    ring.write(Block(0, noise(3), 1.5))
    assert windower.reaches(3, ahead=10)
    assert not windower.reaches(120, ahead=10)
    assert [0, 1, 2] == [w.start for w in iter(windower.next, None)]
    assert windower.reaches(120, ahead=10)
    ring.write(Block(120, noise(8), 64.0))
    assert not windower.reaches(128, ahead=7)
