"""A camera of this machine, driven by a scripted capture, and the library itself without a camera: there is no Video4Linux here."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config import CameraConfig
from monitor.errors import SourceError
from monitor.live import seen
from monitor.source import Source
from monitor.source.camera import Camera
from monitor.source.ticks import Ticks
from monitor.source.v4l import CameraDevice, cameras, found
from monitor.source.view import Picture, View
from tests import filmed
from tests.pictures import scene

USB = CameraDevice("/dev/video0", "HD Webcam", "/dev/v4l/by-id/usb-HD_Webcam_123-video-index0")
GRABBER = CameraDevice("/dev/video4", "Frame grabber", None)


class Scripted:
    """A capture at 30 frames a second of a clock of its own: frames that are red as their number, none that can be decoded, the end."""

    def __init__(self, *frames: str) -> None:
        self._frames = iter(enumerate(frames))
        self.number = -1
        self.kind = ""
        self.retrieved: list[int] = []
        self.released = 0

    def monotonic(self) -> float:
        """The time of the last frame."""
        return 50 + max(self.number, 0) / 30

    def grab(self) -> bool:
        """Waits for the next frame; whether one came."""
        self.number, self.kind = next(self._frames, (self.number, "end"))
        return self.kind != "end"

    def retrieve(self) -> Picture | None:
        """The frame that was grabbed."""
        self.retrieved.append(self.number)
        picture = scene(noise=False)
        picture[..., 0] = self.number
        return picture if self.kind == "fine" else None

    def release(self) -> None:
        """Closes the device."""
        self.released += 1


Opening = Callable[..., tuple[Camera, Scripted]]


@pytest.fixture
def opening(monkeypatch: pytest.MonkeyPatch) -> Opening:
    """Opens a camera of these frames, at 4 pictures a second."""

    def opened(*frames: str, size: tuple[int, int] | None = None, view: View = View(32)) -> tuple[Camera, Scripted]:  # noqa: B008
        capture = Scripted(*frames)
        monkeypatch.setattr("monitor.source.camera.opened", lambda device, size: capture)
        monkeypatch.setattr("monitor.source.camera.time.monotonic", capture.monotonic)
        return Camera("USB", size=size, rate_hz=4.0, view=view), capture

    return opened


def test_the_newest_frame_is_taken_when_one_is_due(opening: Opening) -> None:
    """All others are dropped undecoded; what comes in the first second, while the camera finds its exposure, is dropped too."""
    camera, capture = opening(*["fine"] * 90)
    blocks = list(islice(camera.blocks(), 8))
    assert list(range(8)) == [b.start for b in blocks]
    expected = [30, 34, 42, 49, 57, 64, 72, 79]
    assert expected == capture.retrieved == [int(b.items[0, 0, 0, 0]) for b in blocks]
    assert [50 + n / 30 for n in expected] == [b.time_s for b in blocks]
    assert {(0, 0, 160, 120)} == {b.shown for b in blocks}


def test_what_cannot_be_decoded_is_a_gap(opening: Opening) -> None:
    """A few frames are lost; a camera that delivers no other is an error, and is released."""
    camera, _ = opening(*["fine"] * 40, *["broken"] * 10, *["fine"] * 40)
    assert [0, 1, 4, 5] == [b.start for b in islice(camera.blocks(), 4)]
    camera, capture = opening(*["broken"] * 900)
    with pytest.raises(SourceError, match="camera 'USB': delivers what is no picture"):
        list(camera.blocks())
    assert 1 == capture.released


def test_a_camera_that_is_unplugged_is_an_error(opening: Opening) -> None:
    """After all that it delivered."""
    camera, capture = opening(*["fine"] * 31)
    blocks = camera.blocks()
    assert 0 == next(blocks).start
    with pytest.raises(SourceError, match="camera 'USB': delivers no pictures any more, it hangs or is unplugged"):
        next(blocks)
    assert 1 == capture.released


@pytest.mark.parametrize(
    ("size", "view", "message"),
    [
        ((1280, 720), View(32), "its picture has 160 x 120 pixels, source.size asks for 1280 x 720"),
        (
            None,
            View(32, crop=(100, 0, 100, 100)),
            "the crop of 100 x 100 pixels at x 100, y 0 reaches beyond the picture, which has 160 x 120",
        ),
    ],
)
def test_a_picture_that_is_not_as_configured_is_refused(size: tuple[int, int] | None, view: View, message: str, opening: Opening) -> None:
    """Another size than was asked for would show other things under crop and masks."""
    camera, _ = opening(*["fine"] * 31, size=size, view=view)
    with pytest.raises(SourceError) as caught:
        list(camera.blocks())
    assert f"camera 'USB': {message}" == str(caught.value)


def test_the_size_that_was_asked_for_is_seen(opening: Opening) -> None:
    """And closing ends it with the next frame."""
    camera, capture = opening(*["fine"] * 90, size=(160, 120))
    for block in camera.blocks():
        assert 0 == block.start
        camera.close()
        camera.close()
    assert 1 == capture.released


@given(st.floats(0.1, 30), st.lists(st.floats(0.0, 3.0), min_size=1, max_size=50))
def test_indices_follow_time(rate_hz: float, steps_s: list[float]) -> None:
    """Every index that is given is that of its time to half a step, none comes twice, and none is left out for which a frame came."""
    ticks, time_s, taken = Ticks(rate_hz), 1000.0, []
    for step_s in [0.0, *steps_s]:
        time_s += step_s
        index = ticks.taken(time_s)
        if index is not None:
            taken.append(index)
            assert abs(index / rate_hz - (time_s - 1000.0)) <= 0.5 / rate_hz + 1e-6
    assert sorted(set(taken)) == taken
    assert 0 == taken[0]
    assert taken[-1] == round((time_s - 1000.0) * rate_hz)


def test_pictures_cross_the_pipe_with_what_they_show() -> None:
    """The real process, the driver scripted: shape, type, the part that is shown, and one sentence where it fails."""
    with closing(filmed.process("fail")) as source, pytest.raises(SourceError, match=r"^camera 'USB': delivers no pictures any more"):
        list(source.blocks())
    with closing(filmed.process("live")) as source:
        blocks = list(islice(source.blocks(), 3))
    assert {((1, 64, 64, 3), "uint8", (20, 10, 100, 100))} == {(b.items.shape, str(b.items.dtype), b.shown) for b in blocks}
    assert not (blocks[0].items == blocks[1].items).all()


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Files as Linux has them for a webcam with two nodes and a frame grabber without a stable name."""
    for node, name, index in (("video0", "HD Webcam", "0"), ("video1", "HD Webcam", "1"), ("video10", "Frame grabber", "0")):
        (tmp_path / "sys" / node).mkdir(parents=True)
        (tmp_path / "sys" / node / "name").write_text(f"{name}\n")
        (tmp_path / "sys" / node / "index").write_text(f"{index}\n")
    (tmp_path / "by-id").mkdir()
    for index in (0, 1):
        (tmp_path / f"video{index}").touch()
        (tmp_path / "by-id" / f"usb-HD-video-index{index}").symlink_to(f"../video{index}")
    return tmp_path


def test_cameras_are_listed_with_their_stable_names(machine: Path) -> None:
    """A node that carries no pictures is none."""
    webcam = CameraDevice(str(machine / "video0"), "HD Webcam", str(machine / "by-id" / "usb-HD-video-index0"))
    listed = cameras(machine / "sys", machine / "by-id", machine)
    assert [webcam, CameraDevice(str(machine / "video10"), "Frame grabber", None)] == listed
    assert [] == cameras(machine / "none", machine / "none", machine)


@pytest.mark.parametrize("device", ["webcam", "usb-HD", "video0", "/dev/null"])
def test_a_camera_is_found_by_a_part_of_its_name(device: str) -> None:
    """Of its id, or its path; a path that is there is taken as it is."""
    assert (device if device == "/dev/null" else "/dev/video0") == found(device, [USB, GRABBER])


@pytest.mark.parametrize(
    ("device", "listed"),
    [
        ("nikon", "'HD Webcam' at /dev/video0, 'Frame grabber' at /dev/video4"),
        ("/dev/video", "'HD Webcam' at"),
        ("video", "'HD Webcam' at"),
    ],
)
def test_a_camera_that_is_not_one_is_told_with_those_there_are(device: str, listed: str) -> None:
    """None by that name, or more than one."""
    with pytest.raises(SourceError) as caught:
        found(device, [USB, GRABBER])
    assert str(caught.value).startswith(f"camera {device!r}: expected one camera by this name, found {listed}")
    assert str(caught.value).endswith("see `diffmon devices`")


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("no such", "expected one camera by this name, found "),
        ("/dev/null", "cannot be opened: it is in use, or is no camera"),
        ("/dev/video99", "expected one camera by this name, found "),
    ],
)
def test_the_real_process_says_what_a_camera_lacks(device: str, message: str) -> None:
    """Without one: one sentence, through OpenCV and the pipe."""
    with closing(seen(CameraConfig(type="camera", device=device), 2.0, View(64))) as source, pytest.raises(SourceError) as caught:
        list(source.blocks())
    assert str(caught.value).startswith(f"camera {device!r}: {message}")


def test_a_camera_is_a_source(opening: Opening) -> None:
    """It knows its rate and item, and can be closed before it is read, twice."""
    camera, _ = opening(*["fine"] * 90)
    source: Source = camera
    assert (4.0, (32, 32, 3), "uint8") == (source.rate_hz, source.item, source.dtype)
    source.close()
    source.close()
    assert [] == list(source.blocks())
