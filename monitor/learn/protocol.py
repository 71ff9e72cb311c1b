"""The two sound protocols: the rows of their tables, and what a microphone hears for each row.

`sites.csv` is one microphone's view: a site is one recording, its anomalies are a second of another class's sound mixed
into it. `ovr.csv` takes one class as normal and the others as anomalous. Clips are mono files at 16 kHz, named relative
to the folder in which the table lies.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from monitor.errors import SourceError
from monitor.learn.table import Line, read_table

RATE_HZ = 16_000
EVENT = RATE_HZ
"""Samples of a mixed-in event: one second."""
GRID = RATE_HZ // 20
"""Samples between the places at which an event may begin in its clip: 50 ms."""
QUIET = 1e-4
"""Levels (RMS) below this count as this, lest the gain of silence be infinite."""
CACHED_CLIPS = 256
"""Decoded clips that `waveforms` keeps: 64 MB at 4 s each, about the reach within which a table names a clip again."""

Role = Literal["train", "normal", "anomaly", "test"]
Clip = NDArray[np.float32]
"""Mono waveform `[n]` at 16 kHz, in [-1, 1]; what a lossy file decodes to may overshoot a little."""

_SITE_COLUMNS = ("site", "role", "file", "event", "event_class", "snr_db", "onset_s")
_SITE_ROLES: tuple[Role, ...] = ("train", "normal", "anomaly")
_OVR_COLUMNS = ("split", "label", "file")
_OVR_ROLES: tuple[Role, ...] = ("train", "test")


@dataclass(frozen=True, slots=True)
class Mix:
    """A second of foreign sound that is mixed into a clip."""

    file: str
    """Clip whose loudest second is taken."""
    label: str
    """Class of that sound."""
    snr_db: float
    """Its RMS over the RMS of the whole background clip, in decibels."""
    onset_s: float
    """Where it begins in the background clip, in seconds."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a protocol's table."""

    number: int
    """Position in the table, from 0: the name under which the row is scored."""
    group: str
    """The site (sites) or the class (ovr) that it belongs to."""
    role: Role
    """`train`, `normal` or `anomaly` (sites); `train` or `test` (ovr)."""
    file: str
    """The clip, relative to the table's folder."""
    mix: Mix | None
    """What is mixed in; only with an `anomaly`."""
    spoilt: tuple[Mix, ...] = ()
    """What is mixed in beside what the table says; only with `train`, where normal is to be contaminated."""

    @property
    def recording(self) -> str:
        """What the clip was cut from: its file's name up to the first hyphen."""
        return Path(self.file).name.split("-")[0]


def read_rows(csv_path: str | Path) -> list[Row]:
    """Rows of a `sites.csv` or `ovr.csv`, in file order. Raises SourceError naming file, line and column."""
    return read_table(csv_path, {_SITE_COLUMNS: _site_row, _OVR_COLUMNS: _ovr_row})


def _site_row(number: int, line: Line) -> Row:
    role = line.one_of("role", _SITE_ROLES)
    if role != "anomaly" and line.values["event"]:
        raise line.fault("event", f"empty, as it must be with role {role}")
    return Row(number, line.text("site"), role, line.text("file"), _mix(line) if role == "anomaly" else None)


def _mix(line: Line) -> Mix:
    onset_s = line.number("onset_s")
    if onset_s < 0:
        raise line.fault("onset_s", "0 or more seconds")
    return Mix(line.text("event"), line.text("event_class"), line.number("snr_db"), onset_s)


def _ovr_row(number: int, line: Line) -> Row:
    return Row(number, line.text("label"), line.one_of("split", _OVR_ROLES), line.text("file"), None)


def read_clip(path: Path) -> Clip:
    """Samples of a file, float32 `[n]`. Raises SourceError if it cannot be read or is not mono at 16 kHz."""
    if not path.is_file():
        raise SourceError(f"{path}: no such file")
    try:
        samples, rate_hz = sf.read(path, dtype="float32", always_2d=True)
    except sf.SoundFileError as error:
        raise SourceError(f"{path}: not a sound file that can be read: {error}") from None
    if rate_hz != RATE_HZ or samples.shape[1] != 1 or not len(samples):
        found = f"{len(samples)} samples in {samples.shape[1]} channels at {rate_hz} Hz"
        raise SourceError(f"{path}: {found}, expected sound in 1 channel at {RATE_HZ} Hz")
    clip: Clip = samples[:, 0]
    return clip


def clip_seconds(path: Path) -> float:
    """How long a file lasts, by its header. Raises SourceError if it cannot be read."""
    if not path.is_file():
        raise SourceError(f"{path}: no such file")
    try:
        return float(sf.info(path).duration)
    except sf.SoundFileError as error:
        raise SourceError(f"{path}: not a sound file that can be read: {error}") from None


def waveform(row: Row, data_dir: str | Path) -> Clip:
    """What the microphone hears for one row: float32 `[n]` at 16 kHz. Raises SourceError naming the clip."""
    return _heard(row, lambda name: read_clip(Path(data_dir, name)))


def waveforms(rows: Iterable[Row], data_dir: str | Path) -> Iterator[tuple[Row, Clip]]:
    """Each row with its `waveform`, one at a time; a clip that rows near each other share is decoded once."""
    read = lru_cache(CACHED_CLIPS)(lambda name: read_clip(Path(data_dir, name)))
    for row in rows:
        yield row, _heard(row, read)


def _heard(row: Row, read: Callable[[str], Clip]) -> Clip:
    """A copy of the row's clip, with what is mixed into it."""
    clip = read(row.file)
    mixes = row.spoilt if row.mix is None else (row.mix, *row.spoilt)
    if not mixes:
        return clip.copy()
    if len(clip) < EVENT:
        raise SourceError(f"{row.file}: {len(clip)} samples, expected at least the {EVENT} of the event mixed into it")
    heard = clip.copy()
    for mix in mixes:
        event = loudest_second(read(mix.file))
        gain = np.float32(_level(clip) / _level(event) * 10 ** (mix.snr_db / 20))
        start = event_start(mix, len(clip))
        heard[start : start + EVENT] += gain * event
    # A microphone clips what exceeds full scale.
    return heard.clip(-1.0, 1.0)


def event_start(mix: Mix, samples: int) -> int:
    """The sample of a clip of so many at which the event begins: it lies wholly inside."""
    return min(int(mix.onset_s * RATE_HZ), samples - EVENT)


def loudest_second(clip: Clip) -> Clip:
    """The second of most energy that begins on a 50 ms grid, the first of equals; a shorter clip is zero-padded at its end."""
    clip = np.pad(clip, (0, max(0, EVENT - len(clip))))
    until = np.concatenate(([0.0], np.cumsum(np.square(clip, dtype=np.float64))))
    energy = until[EVENT::GRID] - until[:-EVENT:GRID]
    start = GRID * int(np.argmax(energy))
    return clip[start : start + EVENT]


def _level(clip: Clip) -> float:
    """RMS, or `QUIET` if that is more."""
    return max(math.sqrt(np.mean(np.square(clip, dtype=np.float64))), QUIET)
