"""Sound files as a source: any rate and channel count in, mono at the asked rate out, in constant memory."""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from monitor.errors import SourceError
from monitor.records import Block
from monitor.source import Source
from monitor.source.header import promised_frames

log = structlog.get_logger(__name__)

SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".opus", ".mp3", ".rf64", ".w64", ".aif", ".aiff"})
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


class FileSource:
    """Sound files one after another, on one index, as fast as they can be read. `close` may come from another thread, and twice.

    A block's time is where it ends in the sound: `end / rate_hz`.

    Args:
        paths: at least one file.
        rate_hz: rate of the items, whatever the files' own.
        loop: begin again after the last file, for ever.
    """

    def __init__(self, paths: Sequence[Path], *, rate_hz: int, loop: bool = False) -> None:
        self.rate_hz: float = rate_hz
        self.item: tuple[int, ...] = (1,)
        self.dtype = "float32"
        self._out_hz = rate_hz
        self._paths = tuple(paths)
        self._loop = loop
        self._closed = threading.Event()

    def blocks(self) -> Iterator[Block]:
        """Blocks of about 0.1 s from index 0. Raises SourceError at a file that cannot be read, naming it."""
        end = 0
        for path in cycle(self._paths) if self._loop else self._paths:
            for samples in self._samples(path):
                if self._closed.is_set():
                    return
                end += len(samples)
                yield Block(end - len(samples), samples, end / self._out_hz)

    def _samples(self, path: Path) -> Iterator[Samples]:
        info = probe(path)
        chunks = _mono(info, chunk=round(_BLOCK_S * info.rate_hz))
        return _resampled(chunks, from_hz=info.rate_hz, to_hz=self._out_hz)

    def close(self) -> None:
        """Ends `blocks` at its next block."""
        self._closed.set()


class Paced:
    """A source's blocks by the clock, as a microphone would deliver them. `close` may come from another thread, and twice."""

    def __init__(self, source: Source) -> None:
        self.rate_hz = source.rate_hz
        self.item, self.dtype = source.item, source.dtype
        self._source = source
        self._closed = threading.Event()

    def blocks(self) -> Iterator[Block]:
        """Each block once the time of its last item has come; its time is that monotonic time."""
        began_s = time.monotonic()
        for block in self._source.blocks():
            due_s = began_s + block.end / self.rate_hz
            if self._closed.wait(max(0.0, due_s - time.monotonic())):
                return
            yield replace(block, time_s=due_s)

    def close(self) -> None:
        """Ends `blocks` at once, even while it waits."""
        self._closed.set()
        self._source.close()


def probe(path: Path) -> SoundInfo:
    """What a sound file holds. Raises SourceError if it is missing, out of reach, empty, no sound, or without a sample."""
    with _reached(path):
        _check_file(path)
        return _probed(path)


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


def sound_files(paths: Sequence[Path]) -> list[Path]:
    """Files as given, folders replaced by the sound files in them at any depth, sorted, without hidden ones.

    Raises SourceError for a path that does not exist or is out of reach, and for a folder without a sound file.
    """
    files: list[Path] = []
    for path in paths:
        with _reached(path):
            files += _search(path) if path.is_dir() else [_existing(path)]
    return files


def read(path: Path, *, rate_hz: int, start_s: float = 0.0, seconds: float | None = None) -> Samples:
    """A stretch of one file at the asked rate, `[n, 1]`: the same samples as in the whole; fewer if the file ends before."""
    info = probe(path)
    first = round(start_s * rate_hz)
    last = sys.maxsize if seconds is None else first + round(seconds * rate_hz)
    # Cutting begins where both rates have a sample, early enough for decoder and filter.
    divisor = math.gcd(info.rate_hz, rate_hz)
    step_in, step_out = info.rate_hz // divisor, rate_hz // divisor
    steps = max(0, first // step_out - math.ceil(_LEAD_S * divisor))
    stop = math.ceil(last * info.rate_hz / rate_hz + _TAIL_S * info.rate_hz)
    chunks = _mono(info, chunk=round(_READ_S * info.rate_hz), start=steps * step_in, stop=stop)
    samples = [np.zeros((0, 1), np.float32), *_resampled(chunks, from_hz=info.rate_hz, to_hz=rate_hz)]
    return np.concatenate(samples)[first - steps * step_out : last - steps * step_out]


@contextmanager
def _reached(path: Path) -> Iterator[None]:
    """Says what the system failed with, such as a folder above that may not be entered."""
    try:
        yield
    except OSError as error:
        raise SourceError(f"{error.filename or path}: cannot be read: {(error.strerror or str(error)).lower()}") from None


def _existing(path: Path) -> Path:
    if not path.exists():
        raise SourceError(f"{path}: no such file or folder")
    return path


def _search(folder: Path) -> list[Path]:
    if not os.access(folder, os.R_OK | os.X_OK):
        raise SourceError(f"{folder}: cannot be read: permission denied")
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    shown = [p for p in found if not any(part.startswith(".") for part in p.relative_to(folder).parts)]
    if not shown:
        raise SourceError(f"{folder}: no sound file in this folder, expected one of {' '.join(sorted(SUFFIXES))}")
    return shown


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise SourceError(f"{path}: is a folder, expected a sound file")
    if not path.exists():
        raise SourceError(f"{path}: no such file")
    if not path.is_file():
        raise SourceError(f"{path}: is not a regular file, expected a sound file")
    if not os.access(path, os.R_OK):
        raise SourceError(f"{path}: cannot be read: permission denied")
    if path.stat().st_size == 0:
        raise SourceError(f"{path}: is empty, expected a sound file")


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
