"""A USB camera as a source, through Video4Linux: at each tick the newest frame, the others dropped."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from threading import Event
from typing import Protocol

from monitor.errors import SourceError
from monitor.records import Block
from monitor.source import v4l
from monitor.source.journal import Journal
from monitor.source.ticks import Ticks
from monitor.source.view import Picture, View

log = Journal(__name__)

_SETTLING_S = 1.0
"""Frames before are dropped: a camera that was just opened has yet to find its exposure."""
_WAIT_S = 5
"""How long the library waits for a frame."""
_MOST_BROKEN = 10
"""Frames in a row that cannot be decoded; a cable that is touched spoils fewer."""


class Capture(Protocol):
    """An open camera, as the library gives it."""

    def grab(self) -> bool:
        """Waits for the next frame; whether one came."""

    def retrieve(self) -> Picture | None:
        """The frame that was grabbed, `[height, width, 3]` RGB; none if it cannot be decoded."""

    def release(self) -> None:
        """Closes the device."""


class Camera:
    """A camera that is open from construction on. One thread runs `blocks`, once; `close` may come from another, and twice.

    Args:
        device: path, stable id, or part of a name, as `cameras` lists it.
        size: width and height of the picture; what the camera prefers if none.
        rate_hz: rate of the items.
        view: what of a picture is looked at.

    Raises:
        SourceError: no such device, or it cannot be opened.
    """

    def __init__(self, device: str, *, size: Sequence[int] | None, rate_hz: float, view: View) -> None:
        self.rate_hz = rate_hz
        self.item: tuple[int, ...] = (view.side, view.side, 3)
        self.dtype = "uint8"
        self._name = v4l.called(device)
        self._size = None if size is None else (size[0], size[1])
        self._view = view
        self._closed = Event()
        self._capture = opened(device, self._size)

    def blocks(self) -> Iterator[Block]:
        """A block a frame that is taken, until `close`.

        Raises SourceError if the camera stops delivering, or its picture is not of the asked size or does not have what is looked at.
        """
        ticks = Ticks(self.rate_hz)
        begins_s = time.monotonic() + _SETTLING_S
        broken = 0
        try:
            while not self._closed.is_set():
                if not self._capture.grab():
                    raise SourceError(f"{self._name}: delivers no pictures any more, it hangs or is unplugged")
                now_s = time.monotonic()
                index = ticks.taken(now_s) if now_s >= begins_s else None
                if index is None:
                    continue
                picture = self._capture.retrieve()
                broken = broken + 1 if picture is None else 0
                if broken > _MOST_BROKEN:
                    raise SourceError(f"{self._name}: delivers what is no picture, is its cable sound?")
                if picture is not None:
                    yield self._block(index, picture, now_s)
        finally:
            self._capture.release()

    def close(self) -> None:
        """Ends `blocks` with the next frame; the device is released by the thread that reads it, or with its process."""
        self._closed.set()

    def _block(self, index: int, picture: Picture, now_s: float) -> Block:
        height, width = picture.shape[:2]
        if index == 0:
            log.info("camera.opened", camera=self._name, width=width, height=height)
        if self._size not in (None, (width, height)):
            asked = "{} x {}".format(*self._size or ())
            raise SourceError(f"{self._name}: its picture has {width} x {height} pixels, source.size asks for {asked}")
        try:
            return Block(index, self._view.item(picture)[None], now_s, self._view.shown(width, height))
        except SourceError as error:
            raise SourceError(f"{self._name}: {error}") from None


class Library:
    """OpenCV's capture of a Video4Linux device. Raises SourceError if it cannot be opened."""

    def __init__(self, path: str, size: tuple[int, int] | None) -> None:
        os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", str(_WAIT_S))
        os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")
        import cv2

        self._colours = cv2.COLOR_BGR2RGB
        self._convert = cv2.cvtColor
        self._video = cv2.VideoCapture(path, cv2.CAP_V4L2)
        if not self._video.isOpened():
            raise SourceError(_refused(path))
        if size is not None:
            self._video.set(cv2.CAP_PROP_FRAME_WIDTH, size[0])
            self._video.set(cv2.CAP_PROP_FRAME_HEIGHT, size[1])

    def grab(self) -> bool:
        """Waits for the next frame; whether one came."""
        return bool(self._video.grab())

    def retrieve(self) -> Picture | None:
        """The frame that was grabbed, in RGB; none if it cannot be decoded."""
        done, picture = self._video.retrieve()
        return self._convert(picture, self._colours).astype("uint8", copy=False) if done and picture.ndim == 3 else None

    def release(self) -> None:
        """Closes the device."""
        self._video.release()


def opened(device: str, size: tuple[int, int] | None) -> Capture:
    """The camera of a name, open. Raises SourceError."""
    path = v4l.found(device, v4l.cameras())
    try:
        return Library(os.path.realpath(path), size)
    except SourceError as error:
        raise SourceError(f"{v4l.called(device)}: {error}") from None


def _refused(path: str) -> str:
    """Why a device cannot be opened, which the library does not say."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))
    except OSError as error:
        return f"cannot be opened: {error.strerror or error}"
    return "cannot be opened: it is in use, or is no camera"
