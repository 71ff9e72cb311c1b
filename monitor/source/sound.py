"""Sound files: any rate and channel count in, mono at the asked rate out, in constant memory."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from monitor.errors import SourceError
from monitor.records import Block
from monitor.source.header import promised_frames
from monitor.source.medium import Files, check, reached

log = structlog.get_logger(__name__)

FILES = Files("sound file", frozenset({".wav", ".flac", ".ogg", ".opus", ".mp3", ".rf64", ".w64", ".aif", ".aiff"}))
_MOST_HZ, _MOST_CHANNELS = 1_000_000, 256  # a header that says more is damaged
_BLOCK_S = 0.1
_READ_S = 1.0
# After a seek an MP3 decoder takes some frames to find its bits, and a resampler needs its neighbours on both sides.
_LEAD_S = 0.5
_TAIL_S = 0.05

Samples = NDArray[np.float32]
"""Mono sound, `[n, 1]` float32, about [-1, 1]; float files may go beyond."""


@dataclass(frozen=True, slots=True)
class SoundInfo:
    """What a sound file holds."""

    path: Path
    rate_hz: int
    channels: int
    frames: int
    """Frames there, one sample of every channel each."""
    promised_frames: int
    """Frames its header speaks of; more than `frames` if the file was cut short."""

    @property
    def seconds(self) -> float:
        """Length of what is there."""
        return self.frames / self.rate_hz


class SoundFiles:
    """Sound files as mono sound, `[n, 1]` float32, whatever their own rate and channels. Any thread may call it."""

    files = FILES
    item: tuple[int, ...] = (1,)
    dtype = "float32"

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz: float = rate_hz
        self._out_hz = rate_hz

    def probe(self, path: Path) -> SoundInfo:
        """What a file holds. Raises SourceError if it is missing, out of reach, empty, no sound, or without a sample."""
        with reached(path):
            check(path, FILES)
            return _probed(path)

    def blocks(self, path: Path) -> Iterator[Block]:
        """Blocks of about 0.1 s. Raises SourceError."""
        info, end = self.probe(path), 0
        for samples in _resampled(_mono(info, chunk=round(_BLOCK_S * info.rate_hz)), from_hz=info.rate_hz, to_hz=self._out_hz):
            end += len(samples)
            yield Block(end - len(samples), samples, end / self._out_hz)

    def read(self, path: Path, *, start_s: float = 0.0, seconds: float | None = None) -> Samples:
        """A stretch of a file: the same samples as in the whole; fewer if the file ends before. Raises SourceError."""
        info, out_hz = self.probe(path), self._out_hz
        first = round(start_s * out_hz)
        last = sys.maxsize if seconds is None else first + round(seconds * out_hz)
        # Cutting begins where both rates have a sample, early enough for decoder and filter.
        divisor = math.gcd(info.rate_hz, out_hz)
        step_in, step_out = info.rate_hz // divisor, out_hz // divisor
        steps = max(0, first // step_out - math.ceil(_LEAD_S * divisor))
        stop = math.ceil(last * info.rate_hz / out_hz + _TAIL_S * info.rate_hz)
        chunks = _mono(info, chunk=round(_READ_S * info.rate_hz), start=steps * step_in, stop=stop)
        samples = [np.zeros((0, 1), np.float32), *_resampled(chunks, from_hz=info.rate_hz, to_hz=out_hz)]
        return np.concatenate(samples)[first - steps * step_out : last - steps * step_out]


def _probed(path: Path) -> SoundInfo:
    with _opened(path) as file:
        rate_hz, channels, frames = file.samplerate, file.channels, file.frames
    if rate_hz > _MOST_HZ or channels > _MOST_CHANNELS:
        raise SourceError(f"{path}: {channels} channels at {rate_hz} Hz, expected at most {_MOST_CHANNELS} and {_MOST_HZ}")
    # A FLAC written into a pipe does not say how long it is.
    if frames == sys.maxsize:
        frames = promised = sum(len(chunk) for chunk in _chunks(path, chunk=rate_hz))
    else:
        promised = promised_frames(path, frames)
    if frames == 0:
        raise SourceError(f"{path}: holds no samples, expected sound")
    return SoundInfo(path, rate_hz, channels, frames, promised)


def _opened(path: Path) -> Any:
    """An open soundfile.SoundFile. Raises SourceError if it is none."""
    import soundfile

    try:
        # As bytes: a name need not be UTF-8.
        file = soundfile.SoundFile(os.fsencode(path))
    # A name that ends in .raw is a TypeError, anything else that is no sound a SoundFileError.
    except (soundfile.SoundFileError, TypeError):
        raise SourceError(f"{path}: is not a sound file that can be read, expected WAV, FLAC, OGG or MP3") from None
    # A file that can seek is made to, after every read, to where it already stands. An MP3 decoder then starts anew and
    # spoils the beginning of the next block, and a FLAC of unknown length fails.
    file.seekable = lambda: False
    return file


def _mono(info: SoundInfo, *, chunk: int, start: int = 0, stop: int = sys.maxsize) -> Iterator[Samples]:
    """Frames `start` to `stop` as the mean of their channels; logs a warning if the file ends before its header says.

    Raises SourceError at a sample that is not finite.
    """
    at = begin = min(start, info.frames)
    for frames in _chunks(info.path, chunk=chunk, start=at, stop=stop):
        _check_finite(info, frames, at)
        at += len(frames)
        # Summed in 64 bits: two loud float samples must not overflow to infinity.
        yield frames if info.channels == 1 else frames.mean(axis=1, keepdims=True, dtype=np.float64).astype(np.float32)
    if at == begin < min(stop, info.promised_frames):
        raise SourceError(f"{info.path}: no samples can be read from {begin / info.rate_hz:.2f} s on, the file is damaged or cut short")
    if at < min(stop, info.promised_frames):
        found_s, promised_s = round(at / info.rate_hz, 3), round(info.promised_frames / info.rate_hz, 3)
        log.warning("source.truncated", path=str(info.path), promised_s=promised_s, found_s=found_s)


def _chunks(path: Path, *, chunk: int, start: int = 0, stop: int = sys.maxsize) -> Iterator[Samples]:
    """Frames `start` to `stop` in pieces `[n, channels]`; ends early where the file cannot be decoded any further."""
    import soundfile

    with _opened(path) as file:
        try:
            file.seek(start)
        except soundfile.SoundFileError:
            return  # a compressed file that ends before its header says
        while start < stop:
            frames = np.full((min(chunk, stop - start), file.channels), np.nan, np.float32)
            try:
                found = len(file.read(out=frames))
                broken = False
            except soundfile.SoundFileError:
                # How far the decoder came it does not say, but the frames before that it has written.
                found = int(np.isfinite(frames[:, 0]).cumprod().sum())
                broken = True
            if found:
                yield frames[:found]
            if broken or not found:
                return
            start += found


def _check_finite(info: SoundInfo, frames: Samples, at: int) -> None:
    bad = ~np.isfinite(frames)
    if bad.any():
        row, channel = np.argwhere(bad)[0]
        place, value = at + int(row), frames[row, channel]
        raise SourceError(f"{info.path}: sample {place} ({place / info.rate_hz:.2f} s) is {value}, expected finite samples")


def _resampled(chunks: Iterator[Samples], *, from_hz: int, to_hz: int) -> Iterator[Samples]:
    """The same sound at another rate, to its last sample."""
    if from_hz == to_hz:
        yield from chunks
        return
    import soxr

    stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality="HQ")
    for chunk in chunks:
        yield from _some(stream.resample_chunk(chunk))
    yield from _some(stream.resample_chunk(np.zeros((0, 1), np.float32), last=True))


def _some(samples: Samples) -> Iterator[Samples]:
    if len(samples):
        yield samples
