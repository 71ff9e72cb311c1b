"""Standard input as a source: raw PCM, as `arecord`, `ffmpeg` or a radio's receiver write it into a pipe."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from monitor.errors import SourceError
from monitor.records import Block
from monitor.source.finite import finite
from monitor.source.journal import Journal
from monitor.source.resampled import resampled

log = Journal(__name__)

NAME = "standard input"
_BLOCK_S = 0.1
_POLL_S = 0.2
_IDLE_S = 1.0
"""After so long without input there is no signal."""
_PAUSE_S = 5.0
"""A pause of so long is a gap; a shorter one may be how a program delivers what it has collected."""
_FASTEST = 1.01
"""How much faster than it plays input is taken: no sound card's clock is so wrong, and a recording is heard as if it were live."""

Samples = NDArray[np.float32]


class StandardInput:
    """A descriptor that delivers raw PCM. `blocks` runs in one thread, once; `close` may come from another, and twice.

    Args:
        descriptor: is read, and not closed.
        rate_hz: rate of the items.
        from_hz: rate of the input.
        channels: interleaved in the input.
        channel: which one to listen to, from 0.
        form: of a sample, a key of `FORMS`.

    Raises:
        SourceError: the descriptor is a terminal.
    """

    def __init__(self, descriptor: int, *, rate_hz: int, from_hz: int, channels: int, channel: int, form: str) -> None:
        self.rate_hz: float = rate_hz
        self.item: tuple[int, ...] = (1,)
        self.dtype = "float32"
        self._descriptor = descriptor
        self._out_hz, self._in_hz = rate_hz, from_hz
        self._channels, self._channel = channels, channel
        size, self._decoded = FORMS[form]
        self._frame = size * channels
        self._most = round(_BLOCK_S * from_hz) * self._frame
        self._rest = b""
        self._end = 0
        self._closed = threading.Event()
        if os.isatty(descriptor):
            raise SourceError(f"{NAME}: is a terminal, expected a pipe that delivers raw PCM")

    def blocks(self) -> Iterator[Block]:
        """Blocks of about 0.1 s until the end of input or `close`; one without items each second in which nothing comes.

        Raises SourceError if the end comes before the first sample, or the input cannot be read.
        """
        return resampled(finite(self._arriving(), name=NAME, rate_hz=self._in_hz), from_hz=self._in_hz, to_hz=self._out_hz)

    def close(self) -> None:
        """Ends `blocks` soon."""
        self._closed.set()

    def _arriving(self) -> Iterator[Block]:
        began_s = heard_s = told_s = time.monotonic()
        while not self._closed.wait(began_s + self._end / (_FASTEST * self._in_hz) - time.monotonic()):
            data, now_s = self._read(), time.monotonic()
            if data:
                if not self._end:
                    began_s = now_s
                elif now_s - heard_s >= _PAUSE_S:
                    self._end += round((now_s - heard_s) * self._in_hz)
                heard_s = now_s
                self._rest += data
                if len(self._rest) >= self._most:
                    yield from self._whole(now_s)
            elif data is not None:
                yield from self._whole(now_s)
                return self._ended()
            elif now_s - max(heard_s, told_s) >= _IDLE_S:
                told_s = now_s
                yield from self._whole(heard_s)
                yield Block(self._end, np.zeros((0, 1), np.float32), now_s)

    def _whole(self, time_s: float) -> Iterator[Block]:
        """What came of whole frames, one sample of every channel each."""
        count = len(self._rest) // self._frame
        data, self._rest = self._rest[: count * self._frame], self._rest[count * self._frame :]
        if count:
            samples = self._decoded(data).reshape(-1, self._channels)
            start, self._end = self._end, self._end + count
            yield Block(start, np.ascontiguousarray(samples[:, self._channel : self._channel + 1]), time_s)

    def _read(self) -> bytes | None:
        """What has come, nothing at the end of input, none if nothing came for a moment."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        try:
            return os.read(self._descriptor, self._most - len(self._rest)) if poll.poll(1000 * _POLL_S) else None
        except OSError as error:
            raise SourceError(f"{NAME}: cannot be read: {error.strerror}") from None

    def _ended(self) -> None:
        if not self._end:
            raise SourceError(f"{NAME}: ended before a sample came, expected raw PCM from a pipe")
        log.info("source.ended", source=NAME, seconds=round(self._end / self._in_hz, 3), bytes_left_over=len(self._rest))


def _s16le(data: bytes) -> Samples:
    return np.frombuffer(data, "<i2").astype(np.float32) / np.float32(1 << 15)


def _s24le(data: bytes) -> Samples:
    # The three bytes are the upper ones of four.
    padded = np.zeros((len(data) // 3, 4), np.uint8)
    padded[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
    return _s32le(padded.tobytes())


def _s32le(data: bytes) -> Samples:
    return (np.frombuffer(data, "<i4") / (1 << 31)).astype(np.float32)


def _f32le(data: bytes) -> Samples:
    return np.frombuffer(data, "<f4").astype(np.float32)


FORMS: dict[str, tuple[int, Callable[[bytes], Samples]]] = {
    "s16le": (2, _s16le),
    "s24le": (3, _s24le),
    "s32le": (4, _s32le),
    "f32le": (4, _f32le),
}
"""By its name as ffmpeg and others have it: bytes of a sample, and samples of bytes, full scale 1."""
