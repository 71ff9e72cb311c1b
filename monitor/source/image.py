"""Pictures and videos as a camera's frames: a still picture is one frame, of a video those that are shown at the asked rate."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from monitor.errors import SourceError
from monitor.records import Block, Box
from monitor.source import pictures, video
from monitor.source.medium import Files, check, reached
from monitor.source.view import Picture, View

FILES = Files("picture or video", pictures.SUFFIXES | video.SUFFIXES)


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What a picture or video holds."""

    path: Path
    seconds: float
    """Of a picture as long as one frame."""


class ImageFiles:
    """Pictures and videos as frames of a view, `[n, side, side, 3]` uint8 RGB. Any thread may call it.

    Args:
        view: what of each picture is looked at.
        rate_hz: frames a second.
    """

    files = FILES
    dtype = "uint8"

    def __init__(self, view: View, *, rate_hz: float) -> None:
        self.rate_hz = rate_hz
        self.item: tuple[int, ...] = (view.side, view.side, 3)
        self._view = view

    def probe(self, path: Path) -> ImageInfo:
        """What a file holds. Raises SourceError if it is missing, out of reach, empty, no picture, or not one that the view fits."""
        with reached(path):
            check(path, FILES)
            size = pictures.size(path)
            if size is not None:
                self._shown(path, *size)
                return ImageInfo(path, 1 / self.rate_hz)
            info = video.probe(path)
        self._shown(path, info.width, info.height)
        return ImageInfo(path, max(info.seconds, 1 / self.rate_hz))

    def blocks(self, path: Path) -> Iterator[Block]:
        """A block a frame. Raises SourceError."""
        return self._blocks(path, 0, sys.maxsize)

    def read(self, path: Path, *, start_s: float = 0.0, seconds: float | None = None) -> Picture:
        """A stretch of a file: the same frames as in the whole; fewer if the file ends before. Raises SourceError."""
        first = round(start_s * self.rate_hz)
        last = sys.maxsize if seconds is None else first + round(seconds * self.rate_hz)
        items = [block.items for block in self._blocks(path, first, last)]
        return np.concatenate([np.zeros((0, *self.item), np.uint8), *items])

    def _blocks(self, path: Path, first: int, last: int) -> Iterator[Block]:
        for index, picture in enumerate(self._pictures(path, first, last), first):
            height, width, _ = picture.shape
            shown = self._shown(path, width, height)
            yield Block(index, self._view.item(picture)[None], (index + 1) / self.rate_hz, shown)

    def _pictures(self, path: Path, first: int, last: int) -> Iterator[Picture]:
        """Those of a file from one frame on until before another."""
        with reached(path):
            check(path, FILES)
            if pictures.size(path) is None:
                yield from video.frames(path, rate_hz=self.rate_hz, first=first, last=last)
            elif first == 0 < last:
                yield pictures.load(path)

    def _shown(self, path: Path, width: int, height: int) -> Box:
        """The part of a picture that is shown; what does not fit is told with the file's name."""
        try:
            return self._view.shown(width, height)
        except SourceError as error:
            raise SourceError(f"{path}: {error}") from None
