"""A sound card as a source: one channel, at the asked rate, with every loss as a jump of the index."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from monitor.errors import SourceError
from monitor.records import Block
from monitor.source.journal import Journal
from monitor.source.resampled import resampled

log = Journal(__name__)

_BLOCKS_PER_S = 10
_QUEUE_S = 5
_SILENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Device:
    """A sound card's input."""

    index: int
    """PortAudio's number for it; changes when devices come and go."""
    name: str
    channels: int
    """Input channels."""
    rate_hz: float
    """The rate it prefers."""
    host: str
    """The system's audio interface that offers it, such as ALSA."""


class Microphone:
    """A sound card that records from construction on. One thread runs `blocks`, once; `close` may come from another, and twice.

    If the card refuses the asked rate, its own is taken and resampled. What had to be dropped, by the system or because
    `blocks` was not read for 5 s, is a gap in the index; where the system does not say how much, of one item.

    Args:
        device: name, or part of it, as `input_devices` lists it; the system's default if none.
        channel: channel to listen to, from 0.
        rate_hz: rate of the items.

    Raises:
        SourceError: no PortAudio, no such device or channel, or the device cannot be opened.
    """

    def __init__(self, device: str | None, *, channel: int, rate_hz: int) -> None:
        self.rate_hz: float = rate_hz
        self.item: tuple[int, ...] = (1,)
        self.dtype = "float32"
        self._name = f"microphone {device!r}" if device else "default microphone"
        self._channel = channel
        self._out_hz = rate_hz
        self._in_hz = rate_hz
        self._blocks: queue.Queue[Block | None] = queue.Queue(_QUEUE_S * _BLOCKS_PER_S)
        self._end = 0
        self._closed = threading.Event()
        self._stream = self._open(device)

    def _open(self, device: str | None) -> Any:
        sounddevice = _sounddevice()
        card = _find(device, self._name)
        if self._channel >= card["max_input_channels"]:
            raise SourceError(f"{self._name}: has {card['max_input_channels']} channels, channel {self._channel} (from 0) was asked for")
        own_hz = round(card["default_samplerate"])
        try:
            stream = self._start(card["index"], self._out_hz)
        except sounddevice.PortAudioError as error:
            log.info("source.rate_refused", device=card["name"], asked_hz=self._out_hz, own_hz=own_hz, reason=str(error))
            stream = self._start_own(card["index"], own_hz)
        log.info("microphone.opened", device=card["name"], channel=self._channel, rate_hz=self._in_hz)
        return stream

    def _start_own(self, index: int, own_hz: int) -> Any:
        try:
            return self._start(index, own_hz)
        except _sounddevice().PortAudioError as error:
            raise SourceError(f"{self._name}: cannot be opened at {self._out_hz} Hz or at its own {own_hz} Hz: {error}") from None

    def _start(self, index: int, rate_hz: int) -> Any:
        self._in_hz = rate_hz
        stream = _sounddevice().InputStream(
            device=index,
            samplerate=rate_hz,
            channels=self._channel + 1,
            blocksize=rate_hz // _BLOCKS_PER_S,
            dtype="float32",
            latency="high",
            callback=self._heard,
            finished_callback=self._wake,
        )
        try:
            stream.start()
        except _sounddevice().PortAudioError:
            stream.close()
            raise
        return stream

    def _heard(self, data: Any, frames: int, _time: Any, status: Any) -> None:
        # On PortAudio's thread: no lock that is held for long, no log, no exception.
        heard_s = time.monotonic()
        if status.input_overflow:
            self._end += 1
        start, self._end = self._end, self._end + frames
        with suppress(queue.Full):
            self._blocks.put_nowait(Block(start, data[:, self._channel : self._channel + 1].copy(), heard_s))

    def _wake(self) -> None:
        """Lets `blocks` notice that the stream is over; a full queue keeps it awake anyway."""
        with suppress(queue.Full):
            self._blocks.put_nowait(None)

    def blocks(self) -> Iterator[Block]:
        """Blocks of about 0.1 s as they are heard, until `close`. Raises SourceError if none comes for 5 s, or the device stops."""
        return resampled(self._captured(), from_hz=self._in_hz, to_hz=self._out_hz)

    def _captured(self) -> Iterator[Block]:
        while not self._closed.is_set():
            try:
                block = self._blocks.get(timeout=_SILENCE_S)
            except queue.Empty:
                raise SourceError(f"{self._name}: no sound for {_SILENCE_S:.0f} s, it hangs or is gone") from None
            if self._closed.is_set():
                return
            if block is None:
                raise SourceError(f"{self._name}: stopped delivering sound, it may be unplugged")
            yield self._checked(block)

    def _checked(self, block: Block) -> Block:
        if not np.isfinite(block.items).all():
            raise SourceError(f"{self._name}: delivers values that are not finite, near sample {block.start}")
        return block

    def close(self) -> None:
        """Ends `blocks` and releases the device."""
        if not self._closed.is_set():
            self._closed.set()
            # First, so that `blocks` ends even if the system takes its time over the device.
            self._wake()
            self._stream.close()


def input_devices() -> list[Device]:
    """What can be listened to. Raises SourceError without PortAudio."""
    sounddevice = _sounddevice()
    hosts = [host["name"] for host in sounddevice.query_hostapis()]
    return [
        Device(card["index"], card["name"], card["max_input_channels"], card["default_samplerate"], hosts[card["hostapi"]])
        for card in sounddevice.query_devices()
        if card["max_input_channels"] > 0
    ]


def _sounddevice() -> Any:
    """The library, imported where a microphone is used and only there: it needs a system library that may not be installed."""
    try:
        import sounddevice
    except OSError:
        raise SourceError("PortAudio is not installed: apt-get install libportaudio2") from None
    return sounddevice


def _find(device: str | None, name: str) -> Any:
    """What PortAudio knows of one input device."""
    sounddevice = _sounddevice()
    try:
        return sounddevice.query_devices(device, "input")
    except (ValueError, sounddevice.PortAudioError):
        found = ", ".join(repr(f"{d.name}, {d.host}") for d in input_devices()) or "none"
        expected = "one input device by this name" if device else "an input device"
        raise SourceError(f"{name}: expected {expected}, found {found}; see `diffmon devices`") from None
