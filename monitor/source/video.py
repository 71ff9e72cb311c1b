"""Videos as files: the frames that are shown at regular times, by the time stamps of the file, in constant memory."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import structlog

from monitor.errors import SourceError
from monitor.source.view import Picture

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

log = structlog.get_logger(__name__)

SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".wmv", ".flv", ".3gp", ".ogv", ".mjpeg"}
)
# Those of the library's formats that are videos: others are lists of files to open, or take any text for one.
_FORMATS = "matroska,webm,mov,mp4,avi,mpegts,mpeg,asf,flv,ogg,mjpeg,h264,hevc"
_EXPECTED = "PNG, JPEG, BMP, TIFF, WebP, MP4, MKV, AVI or MPEG-TS"
_NOTHING = "no picture can be read, the file is damaged or cut short"
_BUFFER = 1 << 20
_SLACK_S = 0.002
"""Matroska rounds times to milliseconds, a frame's and how long it lasts."""
_CUT_S = 1.0
"""A file that ends by more before its header says is cut short; less is another stream's, such as its sound."""
_MOST_BROKEN = 10
"""Packets in a row that cannot be decoded; fewer happen where a recorder lost some."""
_NOMINAL_HZ = 25.0
"""Where a file does not say."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a video holds."""

    width: int
    height: int
    """Of its first frame, the right way up."""
    seconds: float
    """Until its last frame is over."""


def probe(path: Path) -> VideoInfo:
    """What a video holds, by its beginning and its end. Raises SourceError."""
    with _opened(path) as video:
        first = next(video.decoded(), None)
        if first is None:
            raise SourceError(f"{path}: {_NOTHING}")
        height, width, _ = _picture(first).shape
        end_s = 0.0 if video.promised_s is None else video.end_s(max(0.0, video.promised_s - 1.0))
        whole = video.promised_s is not None and end_s >= video.promised_s - _CUT_S
    if not whole:
        with _opened(path) as video:
            end_s = video.end_s()
    return VideoInfo(width, height, end_s)


def frames(path: Path, *, rate_hz: float, first: int = 0, last: int = sys.maxsize) -> Iterator[Picture]:
    """The pictures that are shown at `first / rate_hz`, ..., before `last / rate_hz`, or until the video ends.

    Logs a warning if it ends before its header says. Raises SourceError if not one picture can be read.
    """
    return map(_picture, sampled(_timed(path, first / rate_hz), rate_hz=rate_hz, first=first, last=last))


def sampled(timed: Iterable[tuple[float, float, T]], *, rate_hz: float, first: int = 0, last: int = sys.maxsize) -> Iterator[T]:
    """Of frames `(begin_s, end_s, frame)` in order, those that are shown at `first / rate_hz`, ..., before `last / rate_hz`.

    A frame is shown until the next one begins. After the last one no item follows that would not be over when it ends, so that the
    items never last longer than the video; but one there is of any video.
    """
    at, shown, until = first, None, 0.0
    for begin_s, end_s, frame in timed:
        while shown is not None and at < last and at / rate_hz < begin_s - _SLACK_S:
            yield shown[0]
            at += 1
        if at >= last:
            return
        shown, until = (frame,), end_s
    while shown is not None and at < last and ((at + 1) / rate_hz <= until + _SLACK_S or at == 0):
        yield shown[0]
        at += 1


def _timed(path: Path, from_s: float) -> Iterator[tuple[float, float, VideoFrame]]:
    """Frames with when they are shown, from the one on that is shown at a time, or from an earlier one."""
    with _opened(path) as video:
        timed = video.timed(from_s)
        first = next(timed, None)
        if first is not None and (from_s == 0 or first[0] <= from_s + _SLACK_S):
            end_s = first[1]
            yield first
            for begin_s, end_s, frame in timed:
                yield begin_s, end_s, frame
            _tell(path, end_s, video.promised_s)
            return
    if from_s == 0:
        raise SourceError(f"{path}: {_NOTHING}")
    # A file without an index, or with a wrong one.
    yield from _timed(path, 0.0)


def _tell(path: Path, end_s: float, promised_s: float | None) -> None:
    if promised_s is not None and end_s < promised_s - _CUT_S:
        log.warning("source.truncated", path=str(path), promised_s=round(promised_s, 3), found_s=round(end_s, 3))


def _picture(frame: VideoFrame) -> Picture:
    """The frame the right way up."""
    picture = frame.to_ndarray(format="rgb24")
    return np.ascontiguousarray(np.rot90(picture, round(frame.rotation / 90)))


class _Video:
    """An open file, its times counted from the beginning of its picture."""

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        self._container, self._stream = container, stream
        self._tick = float(stream.time_base or 0.001)
        self._begin = stream.start_time or 0

    @property
    def promised_s(self) -> float | None:
        """How long it is as its header says, none if it does not."""
        stream, whole_us = self._stream, self._container.duration
        if stream.duration is None:
            return None if whole_us is None else whole_us / 1e6
        # Of a file without an end the library knows better, but how many frames it was to have that may still say.
        counted_s = stream.frames / float(stream.average_rate) if stream.average_rate else 0.0
        return max(stream.duration * self._tick, counted_s)

    def decoded(self) -> Iterator[VideoFrame]:
        """Frames from where it stands until it can be decoded no further; damaged ones are left out."""
        import av

        broken = 0
        with suppress(av.error.FFmpegError):
            for packet in self._container.demux(self._stream):
                try:
                    found = packet.decode()
                    broken = 0
                except av.error.InvalidDataError:
                    broken += 1
                    if broken > _MOST_BROKEN:
                        return
                    continue
                yield from (frame for frame in found if not frame.is_corrupt)

    def timed(self, from_s: float) -> Iterator[tuple[float, float, VideoFrame]]:
        """Begin, end and frame, from the key frame before a time on; where time stamps are missing or go back they are counted on."""
        if from_s > 0:
            self._seek(from_s)
        nominal_s = 1 / float(self._stream.average_rate or _NOMINAL_HZ)
        begin_s, due_s, shift_s = -math.inf, 0.0, 0.0
        for frame in self.decoded():
            stamped_s = due_s if frame.pts is None else (frame.pts - self._begin) * self._tick + shift_s
            if stamped_s < begin_s:
                shift_s += due_s - stamped_s
                stamped_s = due_s
            begin_s = stamped_s
            due_s = begin_s + (frame.duration * self._tick or nominal_s)
            yield begin_s, due_s, frame

    def end_s(self, from_s: float | None = None) -> float:
        """When the last frame is over, looked for from a time on, or from where it stands, without decoding; 0 if there is none."""
        import av

        end_s = 0.0
        with suppress(av.error.FFmpegError):
            if from_s is not None:
                self._seek(from_s)
            for packet in self._container.demux(self._stream):
                if packet.pts is not None:
                    end_s = max(end_s, (packet.pts + (packet.duration or 0) - self._begin) * self._tick)
        return end_s

    def _seek(self, to_s: float) -> None:
        import av

        # What cannot seek is read from where it stands.
        with suppress(av.error.FFmpegError):
            self._container.seek(self._begin + int(to_s / self._tick), stream=self._stream)


@contextmanager
def _opened(path: Path) -> Iterator[_Video]:
    """An open video. Raises SourceError if it is none."""
    import av
    from av.stream import Disposition

    with path.open("rb") as file:  # by ourselves: a name need not be UTF-8, and is never taken for an address
        try:
            container = av.open(file, "r", options={"format_whitelist": _FORMATS}, buffer_size=_BUFFER)
        except av.error.FFmpegError:
            raise SourceError(f"{path}: is not a picture or video that can be read, expected {_EXPECTED}") from None
        with container:
            # The cover of a record is a picture too.
            stream = next((s for s in container.streams.video if not s.disposition & Disposition.attached_pic), None)
            if stream is None:
                raise SourceError(f"{path}: holds no picture, expected a picture or video")
            stream.thread_type = "AUTO"
            yield _Video(container, stream)
