"""Videos as files: the frames that are shown at regular times, and what is left of a damaged one."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import SourceError
from monitor.source.image import ImageFiles
from monitor.source.video import sampled
from monitor.source.view import View
from tests.films import CODECS, SIDE, counted, film, grey, numbers, sound_alone

FILES = ImageFiles(View(SIDE), rate_hz=2)


@st.composite
def shown(draw: st.DrawFn) -> list[tuple[float, float, int]]:
    """Frames with their number, one after another, also with holes, from about the beginning on."""
    lasts = draw(st.lists(st.floats(0.01, 3.0), min_size=1, max_size=30))
    ends = np.cumsum(lasts)
    return [(float(end - last), float(end), number) for number, (end, last) in enumerate(zip(ends, lasts, strict=True))]


@given(shown(), st.floats(0.2, 30.0), st.integers(0, 40), st.integers(0, 40))
def test_the_frame_is_taken_that_is_shown(frames: list[tuple[float, float, int]], rate_hz: float, first: int, count: int) -> None:
    """At each time that is asked for: the last that begins by then; and of a stretch what the whole has there."""
    whole = list(sampled(frames, rate_hz=rate_hz))
    assert max(1, int(frames[-1][1] * rate_hz + 1e-6)) - len(whole) in (0, 1, -1)
    for index, number in enumerate(whole):
        begin_s, end_s, _ = frames[number]
        assert begin_s - 0.0021 <= index / rate_hz <= end_s
    assert whole[first : first + count] == list(sampled(frames, rate_hz=rate_hz, first=first, last=first + count))[: len(whole[first:])]


@pytest.mark.parametrize("name", CODECS)
def test_every_codec_gives_the_frames_of_their_times(name: str, tmp_path: Path) -> None:
    """Of 50 frames at 10 a second every fifth; the length is known beforehand; a time is where a frame ends."""
    path = counted(tmp_path / name, 50)
    assert list(range(0, 50, 5)) == numbers(FILES.read(path))
    assert 5.0 == pytest.approx(FILES.probe(path).seconds, abs=0.11)
    blocks = list(FILES.blocks(path))
    assert [(i, (i + 1) / 2, (0, 0, SIDE, SIDE)) for i in range(10)] == [(b.start, b.time_s, b.shown) for b in blocks]


@pytest.mark.parametrize("name", CODECS)
def test_a_stretch_is_the_same_part_of_the_whole(name: str, tmp_path: Path) -> None:
    """From the middle, from a key frame, to beyond the end, and after it."""
    path = counted(tmp_path / name, 50)
    whole = FILES.read(path)
    for first, count in ((1, 3), (5, 2), (8, 9), (9, 1), (40, 2)):
        np.testing.assert_array_equal(whole[first : first + count], FILES.read(path, start_s=first / 2, seconds=count / 2))


@pytest.mark.parametrize(
    ("rate_hz", "expected"), [(10 / 3, [0, 3, 6, 9, 12, 15, 18]), (10, list(range(20))), (20, [i // 2 for i in range(40)])]
)
def test_any_rate(rate_hz: float, expected: list[int], tmp_path: Path) -> None:
    """Fewer frames than there are, all, and each of them twice; also where the file rounds its times."""
    path = counted(tmp_path / "a.mkv", 20 if rate_hz >= 10 else 21)
    assert expected == numbers(ImageFiles(View(SIDE), rate_hz=rate_hz).read(path))[: len(expected)]


@pytest.mark.parametrize("rate_hz", [0.5, 1.0, 2.0, 3.0, 7.0, 29.97])
def test_what_is_recorded_frame_by_frame_is_read_frame_by_frame(rate_hz: float, tmp_path: Path) -> None:
    """At the rate at which it was written each frame comes once, and none twice."""
    path = counted(tmp_path / "a.mkv", 40, rate_hz=rate_hz)
    files = ImageFiles(View(SIDE), rate_hz=rate_hz)
    assert list(range(40)) == numbers(files.read(path))
    assert [17, 18, 19] == numbers(files.read(path, start_s=17 / rate_hz, seconds=3 / rate_hz))


def test_a_video_shorter_than_a_frame_is_one(tmp_path: Path) -> None:
    """A tenth of a second at two frames a second."""
    path = counted(tmp_path / "a.mkv", 1)
    assert (0.5, [0]) == (FILES.probe(path).seconds, numbers(FILES.read(path)))


def test_the_crop_is_of_the_source(tmp_path: Path) -> None:
    """And is told with each block."""
    picture = grey(0, 64, 48)
    picture[16:32, 40:56] = grey(9, 16, 16)
    [block] = ImageFiles(View(16, (40, 16, 16, 16)), rate_hz=10).blocks(film(tmp_path / "a.mkv", [picture]))
    assert ((40, 16, 16, 16), [9]) == (block.shown, numbers(block.items))


@pytest.mark.parametrize("name", ["a.mkv", "a.ts", "a.avi"])
def test_what_is_left_of_a_cut_video_is_used_and_told(name: str, tmp_path: Path, logs: list[dict[str, object]]) -> None:
    """Half of the file: about half of the frames, and how long it was to be, where the file says that."""
    noise = np.random.default_rng(0).integers(0, 256, (60, SIDE, SIDE, 3), dtype=np.uint8)
    path = film(tmp_path / name, noise)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    found = FILES.read(path)
    assert 4 <= len(found) <= 7
    assert 3.0 == pytest.approx(FILES.probe(path).seconds, abs=0.8)
    told = [(e["event"], e["path"], e["promised_s"]) for e in logs]
    assert ([] if name == "a.ts" else [("source.truncated", str(path), 6.0)]) == told


def test_a_cut_video_with_its_index_before_it(tmp_path: Path, logs: list[dict[str, object]]) -> None:
    """As cameras write it for the web."""
    path = counted(tmp_path / "a.mp4", 50)
    with av.open(str(path)) as whole, av.open(str(tmp_path / "b.mp4"), "w", options={"movflags": "faststart"}) as moved:
        stream = moved.add_stream_from_template(whole.streams.video[0])
        for packet in whole.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                moved.mux(packet)
    data = (tmp_path / "b.mp4").read_bytes()
    body = data.index(b"mdat") + 4
    path.write_bytes(data[: body + (len(data) - body) // 2])
    found = FILES.read(path)
    assert 2 <= len(found) < 11
    assert list(range(0, 5 * len(found), 5)) == numbers(found)
    assert ["source.truncated"] == [e["event"] for e in logs]
    assert FILES.probe(path).seconds < 5.0


def test_a_video_that_lies_on_its_side_is_turned(tmp_path: Path) -> None:
    """As a telephone writes it: a matrix in the header."""
    lying = np.zeros((32, 48, 3), np.uint8)
    lying[:16, :16] = 240
    path = film(tmp_path / "a.mp4", [lying] * 5)
    data = path.read_bytes()
    upright = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    quarter = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    track = data.index(upright, data.index(b"tkhd"))
    path.write_bytes(data[:track] + quarter + data[track + 36 :])
    [block] = ImageFiles(View(48), rate_hz=2).blocks(path)
    assert (0, 0, 32, 48) == block.shown
    assert block.items[0, :10, -20:].min() > 180 > 60 > block.items[0, :10, :20].max()


def test_a_name_need_not_be_text(tmp_path: Path) -> None:
    """Nor is it ever taken for an address."""
    path = tmp_path / os.fsdecode(b"\xff\xfe: http:.mkv")
    path.write_bytes(counted(tmp_path / "a.mkv", 10).read_bytes())
    assert [0, 5] == numbers(FILES.read(path))


def a_cover_alone(path: Path) -> None:
    """Sound with a picture of what it is: an attachment of the file."""
    sound_alone(path.with_suffix(".m4a")).replace(path)


def no_frame(path: Path) -> None:
    """A file that ends with the beginning of its first frame."""
    data = counted(path.with_suffix(".mkv"), 20).read_bytes()
    path.write_bytes(data[: data.index(b"\x1f\x43\xb6\x75") + 60])  # where the first cluster begins, and somewhat on


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (sound_alone, "holds no picture, expected a picture or video"),
        (no_frame, "no picture can be read, the file is damaged or cut short"),
        (lambda p: film(p.with_name("x.mkv"), [grey(0, 16, 8)]).replace(p), "16 x 8 pixels to look at, expected at least 16 x 16"),
    ],
)
def test_says_what_is_wrong_with_a_video(make: Callable[[Path], object], message: str, tmp_path: Path) -> None:
    """By every way in."""
    path = tmp_path / "a.mp4"
    make(path)
    ways: list[Callable[[], object]] = [lambda: FILES.probe(path), lambda: FILES.read(path), lambda: list(FILES.blocks(path))]
    for way in ways:
        with pytest.raises(SourceError) as caught:
            way()
        assert f"{path}: {message}" == str(caught.value)
