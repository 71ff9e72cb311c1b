"""The three pictures of a camera's event, as files."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from monitor.config import EvidenceConfig
from monitor.errors import OutOfMemoryError
from monitor.evidence.image import Explain, ImageExhibit, suffixes
from monitor.evidence.names import namer
from monitor.evidence.overlay import BOX_RGB, outline, overlay
from monitor.evidence.sink import Evidence
from monitor.records import Block, Box, Event, Explanation, Window
from monitor.ring import Ring
from tests.broker import until
from tests.disk import no_room
from tests.events import said, step

SIDE, RATE = 64, 2.0
ID = "0123456789abcdef"
SHOWN: Box = (100.0, 50.0, 320.0, 128.0)
"""A crop: an item's pixel is 5 x 2 of the source's."""
FRAME, RECONSTRUCTION, OVERLAY = (f"belt/2026-01-02/030405-{ID}-{name}.png" for name in ("frame", "reconstruction", "overlay"))


def frames(count: int) -> np.ndarray:
    """Grey frames that differ: each as bright as its index times two, with a dark square."""
    drawn = np.broadcast_to(2 * np.arange(count, dtype=np.uint8)[:, None, None, None], (count, SIDE, SIDE, 3)).copy()
    drawn[:, 40:48, 16:24] = 0
    return drawn


def ring(count: int = 20, *, capacity: int = 100) -> Ring:
    """A camera that has come so far."""
    made = Ring(capacity, item=(SIDE, SIDE, 3), dtype="uint8", rate_hz=RATE)
    made.write(Block(0, frames(count), count / RATE, SHOWN))
    return made


def explained(windows: Sequence[Window]) -> list[Explanation]:
    """What the engine says of one: normal is a red picture, and what is strange is the square."""
    (window,) = windows
    assert (1, SIDE, SIDE, 3) == window.items.shape
    normal = np.zeros((3, SIDE, SIDE), np.float32)
    normal[0] = 1.2  # a reconstruction may be brighter than white
    heat = np.zeros((SIDE, SIDE), np.float32)
    heat[40:48, 16:24] = 9.0
    return [Explanation(window.items[0].transpose(2, 0, 1).astype(np.float32) / 255, normal, heat)]


@contextmanager
def keeping(
    folder: Path,
    stream: Ring,
    *,
    explain: Explain = explained,
    pictured: Callable[[str, bytes], None] = lambda stream, png: None,
    **limits: object,
) -> Iterator[Evidence]:
    """Evidence of one camera."""
    evidence = Evidence(folder, EvidenceConfig.model_validate({"free": 0, **limits}), pictured=pictured)
    evidence.begin = {"belt": partial(ImageExhibit, ring=stream, store=evidence.store, explain=explain, pictured=evidence.pictured)}
    try:
        yield evidence
    finally:
        evidence.close()


def told(evidence: Evidence, kind: str, *, strangest: int, peak: float, number: str = ID) -> Event:
    """Tells of an event that began with frame 4, in source pixels about the dark square."""
    where = {"x": 180.0, "y": 130.0, "width": 40.0, "height": 16.0, "start_s": (strangest - 4) / RATE, "end_s": (strangest - 3) / RATE}
    paths = namer("belt", suffixes(evidence.config))(number, 1767323045.678)
    event = step(0, type=kind, id=number, stream="belt", kind="image", evidence=paths, where=where, peak_score=peak, start_index=4)
    evidence.event(event)
    return event


def files(folder: Path) -> list[str]:
    """Every file there is, hidden or not."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def shown(path: Path) -> np.ndarray:
    """A picture as pixels."""
    with Image.open(path) as found:
        return np.asarray(found)


def written(evidence: Evidence, count: int) -> None:
    """Returns once so many files were written."""
    until(lambda: evidence.counters()["evidence.written"] == count)


def test_three_pictures_are_there_while_the_event_lasts(tmp_path: Path) -> None:
    """The strangest frame to the pixel, what would have been normal, and both compared; the event names them, the last is handed on."""
    pictures: list[tuple[str, bytes]] = []
    with keeping(tmp_path, ring(), pictured=lambda stream, png: pictures.append((stream, png))) as evidence:
        event = told(evidence, "new", strangest=5, peak=9.0)
        assert {"frame": FRAME, "reconstruction": RECONSTRUCTION, "overlay": OVERLAY} == event.evidence
        written(evidence, 3)
        until(lambda: pictures != [])
    assert [FRAME, OVERLAY, RECONSTRUCTION] == files(tmp_path)
    np.testing.assert_array_equal(frames(6)[5], shown(tmp_path / FRAME))
    np.testing.assert_array_equal(np.broadcast_to((255, 0, 0), (SIDE, SIDE, 3)), shown(tmp_path / RECONSTRUCTION))
    assert [("belt", (tmp_path / OVERLAY).read_bytes())] == pictures


def test_the_overlay_has_the_events_box_where_it_is_in_the_item(tmp_path: Path) -> None:
    """A line of a pixel about the square, warm colours in it, and the frame as it was everywhere else."""
    with keeping(tmp_path, ring()) as evidence:
        told(evidence, "new", strangest=5, peak=9.0)
        written(evidence, 3)
    found, frame = shown(tmp_path / OVERLAY), frames(6)[5]
    line = np.zeros((SIDE, SIDE), bool)
    line[39:49, 15:25] = True
    line[40:48, 16:24] = False
    assert (line == (found == BOX_RGB).all(-1)).all()
    square = found[40:48, 16:24].astype(int)
    assert (square[..., 0] > square[..., 2] + 100).all()
    line[40:48, 16:24] = True
    np.testing.assert_array_equal(frame[~line], found[~line])


def test_a_stranger_frame_takes_their_places(tmp_path: Path) -> None:
    """Not one that is as strange; whoever reads meanwhile finds either picture, and never a part of one."""
    pictures: list[bytes] = []
    with keeping(tmp_path, ring(), pictured=lambda stream, png: pictures.append(png)) as evidence:
        told(evidence, "new", strangest=5, peak=9.0)
        written(evidence, 3)
        with (tmp_path / FRAME).open("rb") as reading:
            told(evidence, "update", strangest=6, peak=9.0)
            told(evidence, "end", strangest=8, peak=9.5)
            written(evidence, 6)
            before = reading.read()
        until(lambda: len(pictures) == 2)
        until(lambda: evidence._exhibits == {})
    np.testing.assert_array_equal(frames(6)[5], np.asarray(Image.open(io.BytesIO(before))))
    np.testing.assert_array_equal(frames(9)[8], shown(tmp_path / FRAME))
    assert [FRAME, OVERLAY, RECONSTRUCTION] == files(tmp_path)


def test_a_stranger_frame_that_is_gone_changes_nothing(tmp_path: Path) -> None:
    """Its pictures stay those of the frame before."""
    stream = ring(10, capacity=10)
    with keeping(tmp_path, stream) as evidence:
        told(evidence, "new", strangest=5, peak=9.0)
        written(evidence, 3)
        stream.write(Block(10, frames(10), 10.0, SHOWN))
        told(evidence, "end", strangest=8, peak=9.5)
        until(lambda: evidence._exhibits == {})
    np.testing.assert_array_equal(frames(6)[5], shown(tmp_path / FRAME))


def test_what_was_overwritten_before_it_could_be_taken_is_skipped(tmp_path: Path, logs: list[dict[str, object]]) -> None:
    """And counted, and said."""
    with keeping(tmp_path, ring(30, capacity=10)) as evidence:
        told(evidence, "new", strangest=5, peak=9.0)
        until(lambda: evidence.counters()["evidence.skipped"] == 1)
    assert [] == files(tmp_path)
    assert ["frame 5 is not in the ring any more"] == [entry["reason"] for entry in said(logs, "evidence.skipped")]


def test_a_device_without_memory_costs_the_pictures_of_that_frame_alone(tmp_path: Path, logs: list[dict[str, object]]) -> None:
    """The next stranger one has them."""

    def crowded(windows: Sequence[Window]) -> list[Explanation]:
        if windows[0].start == 5:
            raise OutOfMemoryError("no memory for 1 windows at once")
        return explained(windows)

    with keeping(tmp_path, ring(), explain=crowded) as evidence:
        told(evidence, "new", strangest=5, peak=9.0)
        until(lambda: evidence.counters()["evidence.skipped"] == 1)
        told(evidence, "update", strangest=6, peak=9.5)
        written(evidence, 3)
    assert 1 == len(said(logs, "evidence.skipped"))


def test_without_pictures_nothing_is_kept_of_a_camera(tmp_path: Path) -> None:
    """Nor named."""
    with keeping(tmp_path, ring(), picture=False) as evidence:
        assert {} == told(evidence, "new", strangest=5, peak=9.0).evidence
        until(lambda: not evidence.behind("belt"))
    assert [] == files(tmp_path)


def test_a_stop_draws_what_waits(tmp_path: Path) -> None:
    """An event that was told just before."""
    with keeping(tmp_path, ring()) as evidence:
        told(evidence, "new", strangest=5, peak=9.0)
    assert [FRAME, OVERLAY, RECONSTRUCTION] == files(tmp_path)


def test_a_full_disk_leaves_no_part_of_a_picture(tmp_path: Path, logs: list[dict[str, object]]) -> None:
    """The overlay goes to the broker all the same."""
    pictures: list[bytes] = []
    with keeping(tmp_path, ring(), pictured=lambda stream, png: pictures.append(png)) as evidence, no_room(50):
        told(evidence, "new", strangest=5, peak=9.0)
        until(lambda: pictures != [])
    assert [] == files(tmp_path)
    assert 3 == evidence.counters()["evidence.failed"]
    # On a slow machine another test's evidence may still be at work, and meet the same disk.
    assert 1 == len([entry for entry in said(logs, "evidence.failed") if str(tmp_path) in str(entry["reason"])])


def test_retention_takes_the_oldest_pictures_first(tmp_path: Path) -> None:
    """With room for three files of two events the later one's stay."""
    with keeping(tmp_path, ring()) as evidence:
        told(evidence, "new", strangest=5, peak=9.0)
        written(evidence, 3)
    size = sum((tmp_path / name).stat().st_size for name in files(tmp_path))
    with keeping(tmp_path, ring(), max_size=size) as evidence:
        told(evidence, "new", strangest=5, peak=9.0, number="ff")
        written(evidence, 3)
        until(lambda: evidence.counters()["evidence.deleted"] == 3)
    assert {"ff"} == {name.split("-")[3] for name in files(tmp_path)}


@pytest.mark.parametrize("name", ["overlay.png", "frame.png"])
def test_what_a_dead_process_left_is_removed_at_the_start(tmp_path: Path, name: str) -> None:
    """A picture that was being written."""
    part = tmp_path / f"belt/2026-01-01/.030405-{ID}-{name}.part"
    part.parent.mkdir(parents=True)
    part.touch()
    with keeping(tmp_path, ring()):
        until(lambda: not part.parent.exists())


sides = st.floats(0, 40)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(sides, sides, st.floats(0.1, 40), st.floats(0.1, 40))
def test_a_box_hides_nothing_of_what_is_in_it_but_at_the_pictures_edge(x: float, y: float, width: float, height: float) -> None:
    """Its line runs outside; a box that reaches out of the picture is cut off."""
    on = outline((48, 64), (x, y, width, height))
    assert on.any()
    rows, columns = np.nonzero(on)
    inside = (rows > y) & (rows + 1 < y + height) & (columns > x) & (columns + 1 < x + width)
    assert all(r in (0, 47) or c in (0, 63) for r, c in zip(rows[inside], columns[inside], strict=True))


def test_heat_of_nothing_is_the_frame_itself() -> None:
    """But for the box; and a coarser map is spread over the frame."""
    frame = frames(6)[5]
    cold = overlay(frame, np.zeros((8, 8), np.float32), (60, 60, 4, 4))
    np.testing.assert_array_equal(frame[:58, :58], cold[:58, :58])
    heat = np.zeros((8, 8), np.float32)
    heat[0, 7] = 1.0
    changed = (overlay(frame, heat, (60, 60, 4, 4)) != frame).any(-1)
    assert changed[:8, 56:].all()
    assert not changed[:8, :56].any()
