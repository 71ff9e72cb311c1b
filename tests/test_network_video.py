"""A network stream as a source of pictures: a real server over HTTP, through PyAV, the capture process and the reader."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise, takewhile

import pytest

from monitor.config import NetworkConfig
from monitor.errors import SourceError
from monitor.live import seen
from monitor.reader import Reader
from monitor.records import Block
from monitor.ring import Ring
from monitor.source.network_video import Clock, NetworkVideo
from monitor.source.pulse import PicturePulse
from monitor.source.view import View
from tests.broker import until
from tests.pictures import HEIGHT, WIDTH
from tests.scripted import PATIENCE_S
from tests.television import FPS, Television, number

RATE_HZ = 5.0


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy stands between."""
    for variable in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture(scope="module")
def television() -> Iterator[Television]:
    """A server for all tests that do not end it."""
    with closing(Television()) as television:
        yield television


def video(url: str, view: View = View(64)) -> NetworkVideo:  # noqa: B008
    """The source, in this process."""
    return NetworkVideo(url, username=None, password=None, rate_hz=RATE_HZ, view=view)


def first(source: NetworkVideo, after: int) -> list[Block]:
    """Its blocks up to an index."""
    with closing(source):
        return list(takewhile(lambda block: block.start < after, source.blocks()))


def test_every_picture_is_the_frame_of_its_time(television: Television) -> None:
    """By the stream's own time stamps, also where frames come in a burst; at the time when it came; and what it shows is told."""
    began_s = time.monotonic()
    blocks = first(video(television.url("/ts")), 12)
    assert list(range(12)) == [b.start for b in blocks]
    assert [round(FPS / RATE_HZ * b.start) for b in blocks] == pytest.approx([number(b.items[0]) for b in blocks], abs=1.3)
    assert {(1, 64, 64, 3)} == {b.items.shape for b in blocks}
    assert {(0, 0, WIDTH, HEIGHT)} == {b.shown for b in blocks}
    assert began_s < blocks[0].time_s
    assert all(before.time_s <= after.time_s for before, after in pairwise(blocks))


def test_pictures_without_times_are_placed_by_when_they_come(television: Television) -> None:
    """The library's own guess of 25 a second is not believed: what takes a second is one."""
    blocks = first(video(television.url("/mjpeg")), 8)
    passed_s = blocks[-1].time_s - blocks[0].time_s
    assert (blocks[-1].start - blocks[0].start) / RATE_HZ == pytest.approx(passed_s, abs=0.3)


def test_what_a_stream_leaves_out_is_a_gap(television: Television) -> None:
    """As long as it is in the stream's time."""
    blocks = first(video(television.url("/gap")), 22)
    gaps = [(before.start, after.start - before.end) for before, after in pairwise(blocks) if after.start != before.end]
    assert [pytest.approx((14, 4), abs=1)] == gaps


def test_crop_and_masks_are_those_of_the_view(television: Television) -> None:
    """The item shows the crop, and says so."""
    [block] = first(video(television.url("/ts"), View(32, crop=(0, 10, 40, 80))), 1)
    assert (0, 10, 40, 80) == block.shown
    assert pytest.approx(0, abs=0.5) == number(block.items[0])


@pytest.mark.parametrize(
    ("path", "view", "message"),
    [
        ("/hang", View(64), "sent nothing for 2 s"),
        ("/none", View(64), "cannot be opened: server returned 404 Not Found"),
        ("/tone", View(64), "has no picture, expected a stream with a picture in it"),
        (
            "/ts",
            View(64, crop=(100, 0, 100, 100)),
            "the crop of 100 x 100 pixels at x 100, y 0 reaches beyond the picture, which has 160 x 120",
        ),
    ],
)
def test_what_is_wrong_is_one_sentence_in_time(television: Television, path: str, view: View, message: str) -> None:
    """A server that stops or has nothing there, no picture, or not what is looked at."""
    began_s = time.monotonic()
    with pytest.raises(SourceError) as caught:
        list(video(television.url(f"{path}?key=t0ken"), view).blocks())
    assert f"network stream '{television.url(path)}': {message}" == str(caught.value)
    assert 6 + 2 + 4 > time.monotonic() - began_s


def test_time_goes_on_by_stamps_or_by_the_clock() -> None:
    """By its stamps while they go on; where they jump back, far ahead or are missing, by when the frames came."""
    clock = Clock()
    frames = [(5.0, 100.0), (5.5, 100.1), (7.5, 100.2), (1.0, 101.0), (1.5, 101.1), (9000.0, 101.5), (None, 102.0), (None, 103.0)]
    assert [0.0, 0.5, 2.5, 3.3, 3.8, 4.2, 4.7, 5.7] == pytest.approx([clock.time_s(own_s, came_s) for own_s, came_s in frames])


def test_a_server_that_starts_again_is_seen_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Through its process: pictures, what they show and a gap that is counted; the log names no secret."""
    monkeypatch.setattr("monitor.reader._FIRST_S", 0.05)
    monkeypatch.setattr("monitor.reader._MOST_S", 0.2)
    into = Ring(200, item=(64, 64, 3), rate_hz=RATE_HZ, dtype="uint8")
    with closing(Television()) as television:
        config = NetworkConfig(type="network", url=television.url("/ts?key=t0ken"))
        view = View(64, crop=(8, 16, 100, 80))
        reader = Reader("gate", lambda: seen(config, RATE_HZ, view), into, pulse=PicturePulse, live=True)
        reader.start()
        with closing(reader):
            until(lambda: into.end > 8, timeout_s=PATIENCE_S)
            television.close()
            until(lambda: reader.status == "offline", timeout_s=PATIENCE_S)
            before = into.end
            with closing(Television(television.port)):
                until(lambda: into.end > before and reader.status == "online", timeout_s=PATIENCE_S)
                assert 1 <= reader.restarts
                assert (before, True) == (into.gaps[-1][0], into.gaps[-1][1] > before)
                assert (8, 16, 100, 80) == into.shown_at(into.end - 1)
