"""Pictures as a file: FFV1 in Matroska, there whole or not at all.

FFV1 gives back every pixel as it was: what a lossy codec takes away is the fine structure by which a model tells a surface, and it
would learn the codec's blocks instead. Every frame stands alone and has a checksum, so that a stretch is found at once and a fault
of the disk is noticed.
"""

from __future__ import annotations

import errno
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av

from monitor.flac import discard, failure, part, put_in_place
from monitor.records import Items

_FORMAT = "bgr0"
_FINEST = 1000  # of a rate's fraction


class Video:
    """A video that is being written. One thread calls it; after a SinkError, and after `finish`, it is of no more use."""

    def __init__(self, path: Path, rate_hz: float) -> None:
        """Begins it, and makes its folder. Raises SinkError."""
        self._path = path
        self.items = 0
        """Written so far."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = part(path).open("wb")
            # By ourselves opened: a name need not be UTF-8.
            self._container = av.open(self._file, "w", format="matroska", options={"flush_packets": "1"})
        except (OSError, av.error.FFmpegError) as error:
            discard(part(path))
            raise failure(path, error) from None
        self._stream = self._container.add_stream("ffv1", rate=Fraction(rate_hz).limit_denominator(_FINEST), options={"slicecrc": "1"})
        self._stream.pix_fmt = _FORMAT

    def write(self, items: Items) -> None:
        """Appends items `[n, height, width, 3]`. Raises SinkError, and leaves nothing behind."""
        try:
            for item in items:
                if not self.items:
                    self._stream.height, self._stream.width, _ = item.shape
                frame = av.VideoFrame.from_ndarray(item, "rgb24").reformat(format=_FORMAT)
                self._container.mux(self._stream.encode(frame))
                self.items += 1
            self._file.flush()
        except (OSError, av.error.FFmpegError) as error:
            self.discard()
            raise failure(self._path, error) from None

    def finish(self) -> None:
        """Puts it in its place. Raises SinkError, and leaves nothing behind."""
        try:
            self._container.mux(self._stream.encode())
            self._container.close()
            self._file.close()
            # Closing writes the last of it, and need not say whether the disk took that.
            if _length(part(self._path)) != self.items:
                raise OSError(errno.ENOSPC, "the disk did not take the end of it")
            put_in_place(self._path)
        except (OSError, av.error.FFmpegError) as error:
            self.discard()
            raise failure(self._path, error) from None

    def discard(self) -> None:
        """Gives it up."""
        with suppress(OSError, av.error.FFmpegError):
            self._container.close()
        with suppress(OSError):
            self._file.close()
        discard(part(self._path))


def _length(path: Path) -> int:
    """Pictures of a file, without decoding them. Raises OSError or FFmpegError."""
    with path.open("rb") as file, av.open(file, "r") as container:
        return sum(packet.size > 0 for packet in container.demux(video=0))
