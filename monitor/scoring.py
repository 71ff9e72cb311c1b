"""`score`: one figure a file."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from monitor.build import RING_S
from monitor.engine import Engine, pick_device
from monitor.errors import SourceError
from monitor.opened import engines, medium, open_for
from monitor.recording import open_recording
from monitor.records import Judgement
from monitor.replay import Tally, batches
from monitor.ring import Ring
from monitor.source import Source
from monitor.source.medium import Medium, search
from monitor.window import Windower

COLUMNS = ("file", "score", "mean_score", "p_value", "windows", "seconds")


@dataclass(frozen=True, slots=True)
class FileScore:
    """How strange one file is."""

    file: str
    score: float
    """Of its worst window."""
    mean_score: float
    """Whether the file as a whole is typical: the mean over its windows of the score's part T."""
    p_value: float
    """Of its worst window."""
    windows: int
    seconds: float
    short: bool
    """Whether it had to be repeated to fill a window."""


def score_files(paths: Sequence[Path], model: Path, profile: Path | None, failed: Callable[[str], None]) -> Iterator[FileScore]:
    """A figure for every file below the paths; one that cannot be read is told to `failed` and left out. Raises DiffmonError."""
    opened = open_for(model, profile)
    reads = medium(opened.model.kind, opened.representation)
    files = search(paths, reads.files)
    engine = engines({"score": opened}, pick_device("auto"))["score"]
    for path in files:
        try:
            yield _score(path, reads, engine)
        except SourceError as error:
            failed(str(error))


def _score(path: Path, reads: Medium, engine: Engine) -> FileScore:
    sense = engine.representation
    recording = open_recording(path, reads, length=sense.length)
    tally, untypical = Tally(), 0.0
    for judgement in judged(recording.source, engine, stream="score"):
        tally.add(judgement)
        untypical += judgement.parts["T"]
    if tally.worst is None:
        raise SourceError(f"{path}: ends before one window of {sense.length / sense.rate_hz:.1f} s could be read")
    return FileScore(
        file=str(path),
        score=tally.worst.score,
        mean_score=untypical / tally.windows,
        p_value=tally.worst.p_value,
        windows=tally.windows,
        seconds=round(recording.seconds, 3),
        short=recording.short,
    )


def judged(source: Source, engine: Engine, *, stream: str) -> Iterator[Judgement]:
    """A judgement of every window of a source, by the engine's profile of the stream. Raises SourceError."""
    sense = engine.representation
    ring = Ring(sense.length + int(RING_S * sense.rate_hz), item=sense.item, dtype=sense.dtype, rate_hz=sense.rate_hz)
    for windows in batches(source, ring, Windower(ring, stream=stream, length=sense.length, hop=sense.hop)):
        yield from engine.judge(windows)


def csv_header() -> str:
    """The first line of the table."""
    return _csv_line(COLUMNS)


def csv_row(s: FileScore) -> str:
    """One file's line of the table."""
    return _csv_line([s.file, f"{s.score:.6g}", f"{s.mean_score:.6g}", f"{s.p_value:.3g}", s.windows, f"{s.seconds:g}"])


def _csv_line(values: Sequence[object]) -> str:
    text = StringIO()
    csv.writer(text, lineterminator="").writerow(values)
    return text.getvalue()
