"""`doctor` and the streams of pictures, and `devices`."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from monitor.config import Config, StreamConfig, parse
from monitor.doctor import audio, camera, permissions
from monitor.errors import SourceError
from monitor.opened import view
from monitor.records import Block
from monitor.source.v4l import CameraDevice
from monitor.source.view import View
from tests import filmed
from tests.command import diffmon
from tests.films import grey, still
from tests.pictures import filmed as pictures
from tests.scripted import PATIENCE_S
from tests.television import Television


def config(folder: Path, view: dict[str, Any] | None = None, **source: Any) -> Config:
    """A stream `belt` of this source."""
    source = source or {"type": "camera", "device": "USB"}
    stream = {"name": "belt", "kind": "image", "model": "belt.model", "source": source} | ({"view": view} if view else {})
    return parse({"stream": [stream]}, name="diffmon.toml", folder=folder)


class Scripted:
    """A camera that delivers these pictures, then waits until it is closed; or fails."""

    def __init__(self, view: View, *runs: tuple[str, int], error: str = "") -> None:
        self.rate_hz, self.item, self.dtype = 2.0, (view.side, view.side, 3), "uint8"
        self._view, self._runs, self._error, self._closed = view, runs, error, threading.Event()

    def blocks(self) -> Iterator[Block]:
        """The pictures, two a second."""
        for number, picture in enumerate(pictures(*self._runs)):
            yield Block(number, self._view.item(picture)[None], number / 2, self._view.shown(160, 120))
        if self._error:
            raise SourceError(self._error)
        assert self._closed.wait(PATIENCE_S)

    def close(self) -> None:
        """Ends it."""
        self._closed.set()


@pytest.mark.parametrize(
    ("runs", "error", "status", "detail", "mend"),
    [
        ([("scene", 1)], "", "ok", "seen, 100 x 100 pixels, brightness 4", ""),
        ([("black", 3), ("scene", 1)], "", "ok", "seen, 100 x 100 pixels, brightness ", ""),
        ([("black", 9)], "", "failed", "the picture is black", "ffplay -f v4l2 USB"),
        ([("covered", 9)], "", "failed", "the picture is covered", "ffplay -f v4l2 USB"),
        ([], "", "failed", "no picture within 0.2 s", "ffplay -f v4l2 USB"),
        ([], "expected one camera by this name", "failed", "one camera", "diffmon devices"),
        ([], "cannot be opened: Permission denied", "failed", "Permission", "usermod -aG video"),
        ([], "cannot be opened: it is in use, or is no camera", "failed", "in use", "systemctl stop diffmon"),
        ([], "its picture has 1 x 1 pixels, source.size asks for 2 x 2", "failed", "source.size", "v4l2-ctl -d USB --list-formats-ext"),
        ([], "the crop of 9 x 9 pixels at x 0, y 0 reaches beyond", "failed", "the crop", "crop = [x, y, width, height]"),
    ],
)
def test_a_camera_must_see(runs: list[tuple[str, int]], error: str, status: str, detail: str, mend: str, tmp_path: Path) -> None:
    """One picture of something, in time; what it shows and how bright that is, or the line that mends it."""

    def opening(stream: StreamConfig) -> Scripted:
        seen = view(stream, 128)
        assert seen is not None
        return Scripted(seen, *runs, error=error)

    (found,) = camera.findings(config(tmp_path, {"crop": [10, 10, 100, 100]}), opening, within_s=0.2 if not runs else PATIENCE_S)
    assert ("picture of belt", status) == (found.check, found.status)
    assert detail in found.detail
    assert mend in found.mend
    assert bool(mend) == bool(found.mend)


@pytest.mark.parametrize(("behaviour", "status"), [("live", "ok"), ("missing", "failed")])
def test_a_camera_is_seen_through_a_process_of_its_own(behaviour: str, status: str, tmp_path: Path) -> None:
    """Whatever it does, it is no end of the doctor."""
    (found,) = camera.findings(config(tmp_path), lambda *_: filmed.process(behaviour))
    assert status == found.status


def test_a_stream_of_files_must_be_readable(tmp_path: Path) -> None:
    """Pictures and videos, of which the crop must be a part."""
    path = still(tmp_path / "a.png", grey(0, 64, 48))
    (found,) = camera.findings(config(tmp_path, type="file", paths=[str(path)]))
    assert ("ok", "1 recording to play") == (found.status, found.detail)
    (found,) = camera.findings(config(tmp_path, {"crop": [40, 0, 32, 32]}, type="file", paths=[str(path)]))
    assert ("failed", f"{path}: the crop of 32 x 32 pixels at x 40, y 0 reaches beyond the picture, which has 64 x 48") == (
        found.status,
        found.detail,
    )


def test_a_network_camera_is_seen_as_the_daemon_would(tmp_path: Path) -> None:
    """In its process; one that is not there is told with what asks for it by hand. Nobody tries to hear them."""
    with closing(Television()) as television:
        seen = config(tmp_path, type="network", url=television.url("/ts"))
        (found,) = camera.findings(seen)
        assert ("ok", "seen, 160 x 120 pixels") == (found.status, found.detail[:22])
        assert [] == list(audio.findings(seen))
        (found,) = camera.findings(config(tmp_path, type="network", url=television.url("/none")))
        assert f'ffprobe -v error {television.url("/none")}  # from here; then, in the stream\'s source: url = "..."' == found.mend


def test_cameras_must_be_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There, and to be opened."""
    (found,) = permissions.findings(config(tmp_path), devices=tmp_path)
    assert ("failed", f"no camera in {tmp_path}") == (found.status, found.detail)
    (tmp_path / "video0").touch()
    (found,) = permissions.findings(config(tmp_path), devices=tmp_path)
    assert ("ok", "") == (found.status, found.mend)
    monkeypatch.setattr("os.access", lambda *_: False)
    (found,) = permissions.findings(config(tmp_path), devices=tmp_path)
    assert ("failed", True) == (found.status, found.mend.startswith("usermod -aG video "))


@pytest.mark.parametrize("hears", [True, False])
def test_devices_lists_cameras(hears: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the name that stays; also where there can be no microphones, which is told after."""

    def refuses() -> list[object]:
        raise SourceError("PortAudio is not installed")

    heard: Callable[[], list[object]] = list if hears else refuses
    monkeypatch.setattr("monitor.source.microphone.input_devices", heard)
    monkeypatch.setattr("monitor.source.v4l.cameras", lambda: [CameraDevice("/dev/video2", "HD Webcam", "/dev/v4l/by-id/usb-HD")])
    done = diffmon("devices")
    assert (0 if hears else 1, "HD Webcam  (/dev/v4l/by-id/usb-HD)\n") == (done.exit_code, done.stdout)
    (found,) = json.loads(diffmon("devices", "--json").stdout)
    assert {"kind": "camera", "path": "/dev/video2", "name": "HD Webcam", "id": "/dev/v4l/by-id/usb-HD"} == found
