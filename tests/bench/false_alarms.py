"""Whether hours of normal give as many `new` events as were asked for: a made machine room, learned, then listened to.

  python -m tests.bench.false_alarms --seed 1 --out DIR
  python -m tests.bench.false_alarms --seed 1 --out DIR --case drift --hours 1

Half an hour of the room is written to WAV files, from which `train` learns as it would from anybody's, and `calibrate` makes
a profile of hours more of them. Other hours are judged window by window as `replay` judges a file, and the decider counts its
`new` events at the level of each asked rate. The sound comes in recordings of ten minutes, and no window spans two of them, so
nothing clicks where they meet and memory is constant.

With --case drift the room grows 6 dB louder over the time, with --case hum a second machine hums from the middle on: no longer
what was learned, and so no longer normal; what comes of it is printed all the same.

Model, profile and judged windows are kept in DIR: a run that was broken off goes on, a second one only decides. Delete DIR to
begin anew, as after a change of the network, of its score or of its calibration. On one core, learning and calibrating take
about 6 minutes, and judging eight hours 20.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is loaded

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np
import soundfile
from numpy.typing import NDArray

from monitor.build import rule
from monitor.config import FileConfig, StreamConfig
from monitor.demo.sound import Room
from monitor.engine import Engine, pick_device
from monitor.errors import DiffmonError
from monitor.event import Rule, State, observe
from monitor.learn.fitting import p_of
from monitor.learn.training import Summary, calibrate, train
from monitor.opened import Opened, engines, medium, open_for
from monitor.options import Rate
from monitor.present import sentences
from monitor.recording import open_recording
from monitor.records import Judgement, Progress
from monitor.scoring import judged
from monitor.synth.wave import RATE_HZ, Floats, amplitude, tones

PIECE_S = 600.0
TRAINING_HOURS = 0.5
BUDGET_S_PER_HOUR = 600.0
"""Enough to judge all of an hour's windows."""
RATES = (6.0, 24.0, 96.0)
LEVELS = (0.1, 0.01, 0.001)
DRIFT_DB = 6.0
NEW_HUM_HZ, NEW_HUM_DB = 87.0, -36.0
"""Another machine's pitch and RMS level; the room itself is at about -26 dB."""
# Seeds of the pieces that are learned from begin far from those of the pieces that are judged.
CALIBRATION, TRAINING = 10_000, 20_000

Array = NDArray[np.float64]


def sound(seed: int, piece: int) -> Floats:
    """A piece of the seed's room, `[n, 1]`, ten minutes; no two pieces share a sample."""
    return Room.drawn(seed).sound(PIECE_S, seed=1_000_000 * seed + piece)


def changed(samples: Floats, case: str, piece: int, pieces: int, seed: int) -> Floats:
    """The piece as the case has it: as it is, drifted, or with another machine in the second half of the time."""
    if case == "drift":
        along = (piece + np.linspace(0, 1, len(samples), endpoint=False)[:, None]) / pieces
        return samples * (10 ** (DRIFT_DB / 20 * along)).astype(np.float32)
    if case == "hum" and 2 * piece >= pieces:
        hum = tones(NEW_HUM_HZ, (1.0, 0.5, 0.3), len(samples), RATE_HZ, np.random.default_rng(seed))
        return samples + np.float32(amplitude(NEW_HUM_DB)) * hum[:, None]
    return samples


@contextmanager
def recorded(seed: int, first: int, hours: float) -> Iterator[list[Path]]:
    """A folder of so many hours of the room, from the first piece on."""
    with TemporaryDirectory() as folder:
        for piece in range(count(hours)):
            soundfile.write(Path(folder, f"{piece:03d}.wav"), sound(seed, first + piece), RATE_HZ, subtype="FLOAT")
        yield [Path(folder)]


def learned(model: Path, profile: Path, *, seed: int, hours: float, steps: int) -> None:
    """Writes the model that `train` makes of the room, and the profile that `calibrate` makes of so many hours of it."""
    if not model.exists():
        with recorded(seed, TRAINING, TRAINING_HOURS) as folder:
            told(train(folder, model, kind="audio", budget_s=BUDGET_S_PER_HOUR * TRAINING_HOURS, seed=seed, steps=steps))
    if not profile.exists():
        with recorded(seed, CALIBRATION, hours) as folder:
            told(calibrate(folder, profile, model_path=model, kind="audio", budget_s=BUDGET_S_PER_HOUR * hours, seed=seed))


def told(job: Iterator[Progress | Summary]) -> None:
    """Prints what came of it."""
    for step in job:
        if isinstance(step, Summary):
            click.echo("\n".join(sentences(step)))


def count(hours: float) -> int:
    """How many pieces make up the hours."""
    return max(1, round(hours * 3600 / PIECE_S))


def piece_judged(engine: Engine, samples: Floats) -> Array:
    """Start, end, score and strange span of every window, `[n, 5]`."""
    sense = engine.representation
    with TemporaryDirectory() as folder:
        path = Path(folder, "piece.wav")
        soundfile.write(path, samples, RATE_HZ, subtype="FLOAT")
        source = open_recording(path, medium("audio", sense), length=sense.length).source
        return np.array([(j.start, j.end, j.score, *j.span) for j in judged(source, engine, stream="room")])


def all_judged(opened: Opened, folder: Path, *, seed: int, case: str, hours: float) -> Array:
    """The windows of all pieces, `[n, 5]`, on one index; those that the folder has are not judged again."""
    engine = engines({"room": opened}, pick_device("auto"))["room"]
    folder.mkdir(parents=True, exist_ok=True)
    pieces = count(hours)
    rows = []
    for piece in range(pieces):
        path = folder / f"{piece:03d}.npy"
        if not path.exists():
            np.save(path, piece_judged(engine, changed(sound(seed, piece), case, piece, pieces, seed)))
        row = np.load(path)
        row[:, [0, 1, 3, 4]] += piece * PIECE_S * RATE_HZ
        rows.append(row)
    return np.concatenate(rows)


def told_again(rows: Array, p: Array) -> list[Judgement]:
    """What the decider reads."""
    return [
        Judgement("room", int(start), int(end), 0, score, p, {}, 0.0, {}, (int(first), int(after)))
        for (start, end, score, first, after), p in zip(rows.tolist(), p.tolist(), strict=True)
    ]


def begun(windows: Iterable[Judgement], rule: Rule) -> int:
    """How many events the decider begins."""
    state, count = State(), 0
    for window in windows:
        state, changes = observe(state, rule, window)
        count += sum(change.type == "new" for change in changes)
    return count


def lines(opened: Opened, rows: Array, rates: Sequence[float], *, seed: int, case: str, hours: float) -> Iterator[str]:
    """The table, one line a rate, under what the p-values came to."""
    from scipy.stats import poisson

    p = p_of(rows[:, 2], opened.fitted.profile)
    windows = told_again(rows, p)
    shares = "  ".join(f"{np.mean(p < level):.3g} below {level:g}" for level in LEVELS)
    yield f"{case}, seed {seed}, {hours:g} h, {len(p)} windows; shares of p: {shares}"
    yield f"{'case':6}{'seed':>5}{'rate':>7}{'expected':>10}{'counted':>9}{'95 %':>10}  inside  extrapolated"
    for rate in rates:
        stream = StreamConfig(name="room", source=FileConfig(type="file", paths=(Path(),)), model=Path(), false_alarms_per_day=rate)
        events = begun(windows, rule(stream, opened.curve.level(stream.false_alarms_per_day), opened.representation))
        expected = rate * hours / 24
        low, high = poisson.interval(0.95, expected)
        inside, beyond = ("yes" if each else "no" for each in (low <= events <= high, opened.curve.extrapolated(rate)))
        yield f"{case:6}{seed:5}{rate:7g}{expected:10.1f}{events:9}{f'{low:.0f}-{high:.0f}':>10}  {inside:6}  {beyond}"


@click.command()
@click.option("--seed", type=click.IntRange(0, 999), default=1, show_default=True, help="Of the room, its sound and the training.")
@click.option("--hours", type=click.FloatRange(0.1, 1000), default=8.0, show_default=True, help="Judged, in steps of ten minutes.")
@click.option("--calibration-hours", type=click.FloatRange(0.1, 1000), default=2.0, show_default=True, help="Of normal.")
@click.option("--steps", type=click.IntRange(1), default=200, show_default=True, help="Of the training.")
@click.option("--case", type=click.Choice(["plain", "drift", "hum"]), default="plain", show_default=True)
@click.option("--rate", "rates", type=Rate(), multiple=True, default=RATES, show_default=True, help="Asked, `new` events a day.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder for the model and what it judged.")
def main(seed: int, hours: float, calibration_hours: float, steps: int, case: str, rates: tuple[float, ...], out: Path) -> None:
    """Counts the false alarms of hours of a made machine room, beside the number that was asked for."""
    folder = out / f"seed-{seed}-{steps}-steps-of-{calibration_hours:g}h"
    folder.mkdir(parents=True, exist_ok=True)
    model, profile = folder / "model.safetensors", folder / "profile.safetensors"
    learned(model, profile, seed=seed, hours=calibration_hours, steps=steps)
    opened = open_for(model, profile, kind="audio")
    hours = count(hours) * PIECE_S / 3600
    rows = all_judged(opened, folder / f"{case}-{hours:g}h", seed=seed, case=case, hours=hours)
    click.echo("\n".join(lines(opened, rows, rates, seed=seed, case=case, hours=hours)))


if __name__ == "__main__":
    try:
        main()
    except DiffmonError as error:
        sys.exit(f"{error}")
