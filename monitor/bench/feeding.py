"""Who speaks to the streams of a bench, by the clock: through a capture process each, or straight into their rings."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from models.representation import Representation
from monitor.bench.track import Track
from monitor.errors import SourceError
from monitor.reader import Reader
from monitor.records import Block
from monitor.ring import Ring
from monitor.source import Source
from monitor.source.child import command, told
from monitor.source.process import Process
from monitor.source.pulse import SoundPulse

MOST_PROCESSES = 64
"""Streams that are heard through a process each; more are fed in process."""
_FIRST, _CHUNK = 1600, 800  # samples
_TICK_S = 0.01
_PATIENCE_S = 60.0
_GOLDEN = 0.6180339887498949


@dataclass(slots=True)
class Voice:
    """What is spoken to one stream."""

    ring: Ring
    first: int
    """Where in the track it begins, so that no two streams hear the same at a time."""
    began_s: float | None = None
    """Monotonic time at which the stream's item 0 was spoken; none before it was."""
    spoken: int = 0
    """Items so far."""

    def time_of(self, index: int) -> float:
        """When an item of the stream was spoken."""
        assert self.began_s is not None  # noqa: S101  # it was heard
        return self.began_s + index / self.ring.rate_hz

    def piece(self, track: Track, count: int) -> Block:
        """The next items."""
        start, self.spoken = self.spoken, self.spoken + count
        return Block(start, track.piece(self.first + start, count), 0.0 if self.began_s is None else self.time_of(self.spoken))


class Feeder(Protocol):
    """Speaks to all streams from `start` until `close`, in a thread of its own."""

    voices: dict[str, Voice]
    readers: dict[str, Reader]
    """By stream, what the pipeline hears it by."""
    missed: int
    """Pieces that a stream did not take."""

    def start(self) -> None:
        """Begins to speak."""

    def close(self) -> None:
        """Falls silent; may be called twice."""


def feeder(rings: dict[str, Ring], track: Track, sense: Representation) -> Feeder:
    """Who speaks to so many streams."""
    voices = {name: Voice(ring, int(track.length * (i * _GOLDEN % 1))) for i, (name, ring) in enumerate(rings.items())}
    return Piped(voices, track) if len(voices) <= MOST_PROCESSES else Fed(voices, track, sense)


class _Speaking:
    """The thread."""

    def __init__(self, voices: dict[str, Voice], track: Track) -> None:
        self.voices = voices
        self.missed = 0
        self._track = track
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feeder", daemon=True)

    def start(self) -> None:
        """Begins to speak."""
        self._thread.start()

    def close(self) -> None:
        """Falls silent; may be called twice."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(5.0)

    def _run(self) -> None:
        while not self._closing.wait(_TICK_S):
            self._speak(time.monotonic())

    def _speak(self, now_s: float) -> None:
        raise NotImplementedError


class Piped(_Speaking):
    """Speaks into the pipe of a capture process each: that which hears standard input, since a machine has not so many microphones."""

    def __init__(self, voices: dict[str, Voice], track: Track) -> None:
        super().__init__(voices, track)
        self.readers: dict[str, Reader] = {}
        self._pipes: dict[str, int] = {}
        self._ears: list[int] = []
        for name, voice in voices.items():
            ear, mouth = os.pipe()
            os.set_blocking(mouth, False)
            self._ears.append(ear)
            self._pipes[name] = mouth
            opening = partial(_process, name, ear, round(voice.ring.rate_hz))
            self.readers[name] = Reader(name, opening, voice.ring, pulse=SoundPulse, live=True, once=True)
            self._write(name, _FIRST)

    def close(self) -> None:
        """Falls silent; may be called twice."""
        super().close()
        while self._ears:
            os.close(self._ears.pop())
        while self._pipes:
            os.close(self._pipes.popitem()[1])

    def _speak(self, now_s: float) -> None:
        for name, voice in self.voices.items():
            if voice.began_s is None:
                # Its process hears now: what it was told before began so long ago.
                voice.began_s = now_s - _FIRST / voice.ring.rate_hz if voice.ring.end else None
                continue
            while voice.time_of(voice.spoken + _CHUNK) <= now_s:
                self._write(name, _CHUNK)

    def _write(self, name: str, count: int) -> None:
        items = self.voices[name].piece(self._track, count).items
        data = (items[:, 0] * 32767).astype("<i2").tobytes()
        try:
            self.missed += os.write(self._pipes[name], data) < len(data)
        except (BlockingIOError, BrokenPipeError):
            self.missed += 1


def _process(name: str, ear: int, rate_hz: int) -> Source:
    form = {"from_hz": rate_hz, "channels": 1, "channel": 0, "form": "s16le"}
    said = told({"type": "stdin", "descriptor": ear, "rate_hz": rate_hz, **form})
    # On a machine that is too busy it is late, which is what is measured; it must not be killed for it.
    return Process(command(), told=said, lent=(ear,), name=name, rate_hz=rate_hz, stall_s=_PATIENCE_S, start_s=_PATIENCE_S)


class Fed(_Speaking):
    """Writes into the rings itself, a window's worth of new items at a time, the streams one after another within a hop."""

    def __init__(self, voices: dict[str, Voice], track: Track, sense: Representation) -> None:
        super().__init__(voices, track)
        self.readers: dict[str, Reader] = {name: Silent(name, voice.ring) for name, voice in voices.items()}
        self._sense = sense
        self._due: deque[tuple[int, Voice]] = deque((sense.length, voice) for voice in voices.values())

    def start(self) -> None:
        """Begins to speak."""
        now_s, hop_s = time.monotonic(), self._sense.hop / self._sense.rate_hz
        for i, voice in enumerate(self.voices.values()):
            voice.began_s = now_s + hop_s * i / len(self.voices)
        super().start()

    def _speak(self, now_s: float) -> None:
        while self._due[0][1].time_of(self._due[0][0]) <= now_s and not self._closing.is_set():
            end, voice = self._due.popleft()
            voice.ring.write(voice.piece(self._track, end - voice.spoken))
            self._due.append((end + self._sense.hop, voice))


class Silent(Reader):
    """A stream whose ring is filled by somebody else: it has no source and no thread."""

    def __init__(self, stream: str, ring: Ring) -> None:
        super().__init__(stream, _nothing, ring, pulse=SoundPulse, live=False)

    def start(self) -> None:
        """It is heard at once."""
        self.status = "online"


def _nothing() -> Source:
    raise SourceError("has no source")
