"""A network stream as a source: the first sound in it, whatever its codec, channels and rate."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Iterator
from threading import Event

import av
import numpy as np
import structlog
from av.audio.frame import AudioFrame
from av.container import InputContainer
from numpy.typing import NDArray

from monitor.address import name, shown, with_login
from monitor.errors import SourceError
from monitor.records import Block
from monitor.source.finite import finite
from monitor.source.resampled import resampled

log = structlog.get_logger(__name__)

_OPEN_S, _READ_S = 6.0, 2.0
"""How long a server may take to begin, and to deliver more."""
_BLOCK_S = 0.1
_JUMP_S = 0.1
"""Time stamps that jump by more mean that something is missing; less is jitter."""
_MOST_S = 10.0
"""A longer jump is none of the sound's: a server that waits so long is given up before."""
_MOST_BROKEN = 10
"""Packets in a row that cannot be decoded; fewer happen where a stream is joined in the middle."""
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"

Samples = NDArray[np.float32]


class Network:
    """A stream that is open from construction on. One thread runs `blocks`, once; `close` may come from another, and twice.

    What is missing by the stream's own time stamps is a gap. A server's certificate is verified.

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
        self._name = name(url)
        self._closed = Event()
        self._container = self._open(with_login(url, username, password))
        if not self._container.streams.audio:
            self._container.close()
            raise SourceError(f"{self._name}: has no sound, expected a stream with sound in it")
        self._stream = self._container.streams.audio[0]
        self._in_hz = self._stream.sample_rate
        log.info("network.opened", url=shown(url), codec=self._stream.codec_context.name, rate_hz=self._in_hz)

    def _open(self, url: str) -> InputContainer:
        # Of itself the library verifies nothing.
        trusted = ssl.get_default_verify_paths().cafile or _CERTIFICATES
        options = {"rtsp_transport": "tcp", "tls_verify": "1", "ca_file": trusted}
        try:
            return av.open(url, options=options, timeout=(_OPEN_S, _READ_S))
        except av.error.ExitError:
            raise SourceError(f"{self._name}: cannot be opened: nothing came in time ({_OPEN_S:.0f} s)") from None
        except av.error.FFmpegError as error:
            # The library does not tell why a handshake failed.
            doubt = "; is its certificate one that this machine trusts?" if url.startswith(("https:", "rtsps:")) else ""
            raise SourceError(f"{self._name}: cannot be opened: {_reason(error)}{doubt}") from None

    def blocks(self) -> Iterator[Block]:
        """Blocks of about 0.1 s as they come, until `close`. Raises SourceError if the stream ends, waits or cannot be decoded."""
        return resampled(finite(self._collected(), name=self._name, rate_hz=self._in_hz), from_hz=self._in_hz, to_hz=self._out_hz)

    def close(self) -> None:
        """Ends `blocks` with the next that comes; what was opened is closed by the thread that reads it, or with its process."""
        self._closed.set()

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
        try:
            with self._container:
                yield from self._decoded()
        except av.error.ExitError:
            raise SourceError(f"{self._name}: sent nothing for {_READ_S:.0f} s") from None
        except av.error.FFmpegError as error:
            raise SourceError(f"{self._name}: broke off: {_reason(error)}") from None
        if not self._closed.is_set():
            raise SourceError(f"{self._name}: has ended, expected a stream that goes on")

    def _decoded(self) -> Iterator[AudioFrame]:
        """Frames as floats, a plane a channel, at the rate that the stream began with."""
        planes = av.AudioResampler(format="fltp")
        broken = 0
        for packet in self._container.demux(self._stream):
            if self._closed.is_set():
                return
            try:
                frames = packet.decode()
                broken = 0
            except av.error.InvalidDataError:
                broken += 1
                if broken > _MOST_BROKEN:
                    raise
                continue
            for frame in frames:
                yield from self._planes(planes, frame)

    def _planes(self, planes: av.AudioResampler, frame: AudioFrame) -> list[AudioFrame]:
        try:
            if frame.sample_rate == self._in_hz:
                return planes.resample(frame)
        except ValueError:
            pass
        raise SourceError(f"{self._name}: changes its rate or channels, and has to be opened again")


def placed(frames: Iterable[AudioFrame], *, rate_hz: int) -> Iterator[tuple[int, Samples]]:
    """Index of its first item and items `[n, 1]` of every frame, the mean of its channels; what is missing by time is a gap."""
    end = 0
    due_s: float | None = None
    for frame in frames:
        begin_s = due_s if frame.time is None else frame.time
        if begin_s is not None and due_s is not None and abs(begin_s - due_s) > _JUMP_S:
            missing_s = begin_s - due_s
            end += round(missing_s * rate_hz) if 0 < missing_s < _MOST_S else 1
        # Summed in 64 bits: two loud samples must not overflow to infinity.
        samples = frame.to_ndarray().mean(axis=0, dtype=np.float64).astype(np.float32)[:, None]
        yield end, samples
        end += len(samples)
        due_s = None if begin_s is None else begin_s + len(samples) / rate_hz


def _reason(error: av.error.FFmpegError) -> str:
    """What the library says of it, without the URL, which it would repeat with the password in it."""
    reason = error.strerror or "it is no stream that can be read"
    return f"{reason[0].lower()}{reason[1:]}"
