"""A network stream as a source of sound: the first in it, whatever its codec, channels and rate."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

import av
import numpy as np
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from monitor.errors import SourceError
from monitor.records import Block
from monitor.source.finite import finite
from monitor.source.remote import MOST_S, Remote
from monitor.source.resampled import resampled

_BLOCK_S = 0.1
_JUMP_S = 0.1
"""Time stamps that jump by more mean that something is missing; less is jitter."""

Samples = NDArray[np.float32]


class Network:
    """A stream that is open from construction on. One thread runs `blocks`, once; `close` may come from another, and twice.

    What is missing by the stream's own time stamps is a gap.

    Args:
        url: without a login.
        username: who logs in; nobody if none.
        password: theirs.
        rate_hz: rate of the items.

    Raises:
        SourceError: the stream cannot be opened, or has no sound.
    """

    def __init__(self, url: str, *, username: str | None, password: str | None, rate_hz: int) -> None:
        self.rate_hz: float = rate_hz
        self.item: tuple[int, ...] = (1,)
        self.dtype = "float32"
        self._out_hz = rate_hz
        self._remote = Remote(url, username=username, password=password, medium="audio")
        self._in_hz: int = self._remote.stream.sample_rate

    def blocks(self) -> Iterator[Block]:
        """Blocks of about 0.1 s as they come, until `close`. Raises SourceError if the stream ends, waits or cannot be decoded."""
        sound = finite(self._collected(), name=self._remote.name, rate_hz=self._in_hz)
        return resampled(sound, from_hz=self._in_hz, to_hz=self._out_hz)

    def close(self) -> None:
        """Ends `blocks` with the next that comes; what was opened is closed by the thread that reads it, or with its process."""
        self._remote.close()

    def _collected(self) -> Iterator[Block]:
        """Frames put together, not over a gap."""
        parts: list[Samples] = []
        begin = end = 0
        for start, samples in placed(self._frames(), rate_hz=self._in_hz):
            if start != end and parts:
                yield Block(begin, np.concatenate(parts), time.monotonic())
                parts = []
            begin = begin if parts else start
            parts.append(samples)
            end = start + len(samples)
            if end - begin >= _BLOCK_S * self._in_hz:
                yield Block(begin, np.concatenate(parts), time.monotonic())
                parts = []

    def _frames(self) -> Iterator[AudioFrame]:
        """Frames as floats, a plane a channel, at the rate that the stream began with."""
        planes = av.AudioResampler(format="fltp")
        for frame in self._remote.frames():
            yield from self._planes(planes, frame)

    def _planes(self, planes: av.AudioResampler, frame: AudioFrame) -> list[AudioFrame]:
        try:
            if frame.sample_rate == self._in_hz:
                return planes.resample(frame)
        except ValueError:
            pass
        raise SourceError(f"{self._remote.name}: changes its rate or channels, and has to be opened again")


def placed(frames: Iterable[AudioFrame], *, rate_hz: int) -> Iterator[tuple[int, Samples]]:
    """Index of its first item and items `[n, 1]` of every frame, the mean of its channels; what is missing by time is a gap."""
    end = 0
    due_s: float | None = None
    for frame in frames:
        begin_s = due_s if frame.time is None else frame.time
        if begin_s is not None and due_s is not None and abs(begin_s - due_s) > _JUMP_S:
            missing_s = begin_s - due_s
            end += round(missing_s * rate_hz) if 0 < missing_s < MOST_S else 1
        # Summed in 64 bits: two loud samples must not overflow to infinity.
        samples = frame.to_ndarray().mean(axis=0, dtype=np.float64).astype(np.float32)[:, None]
        yield end, samples
        end += len(samples)
        due_s = None if begin_s is None else begin_s + len(samples) / rate_hz
