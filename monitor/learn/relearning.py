"""`calibrate --from-state`: a profile of the normal that the daemon kept of a stream, and of what was marked as normal."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from models.checkpoint import save_profile
from models.representation import Representation
from monitor.config import StreamConfig, load
from monitor.errors import ConfigError, SourceError
from monitor.learn.corpus import Stretch, probed, undivided
from monitor.learn.training import CALIBRATED, Job, Summary, notes, write
from monitor.learn.trimming import outliers, without
from monitor.normal import is_about, read, stretches
from monitor.opened import Opened, about, medium, open_for
from monitor.records import Progress
from monitor.state import keep_previous, make_folder, normal_dir, previous, profile_path, state_dir, swap
from monitor.whole import check_spared, check_writable


@dataclass(frozen=True, slots=True)
class Logged:
    """A stretch of the log."""

    path: Path
    seconds: float

    def planes(self, sense: Representation, stride: int) -> Tensor:
        """Planes `[n, C, H, W]` of its windows, which are one hop apart whatever the stride. Raises SourceError."""
        planes = torch.from_numpy(read(self.path)).float()
        if planes.shape[1:] != sense.shape:
            raise SourceError(f"{self.path}: planes of shape {tuple(planes.shape[1:])}, expected {tuple(sense.shape)}")
        return planes


@dataclass(frozen=True, slots=True)
class Place:
    """A stream of a configuration and its state."""

    stream: StreamConfig
    state: Path

    @property
    def profile(self) -> Path:
        """The profile that is made on this box."""
        return profile_path(self.state, self.stream.name)


@dataclass(frozen=True, slots=True)
class Normal:
    """What a stream's profile is made of."""

    log: list[Logged]
    """In order of time."""
    marked: list[Stretch]
    """Of the clips of events that were marked as normal."""
    unreadable: list[str]
    """One sentence a clip that was skipped."""


def place(config_path: Path, stream: str) -> Place:
    """A stream of a configuration that has a state folder. Raises ConfigError."""
    config = load(config_path)
    state = state_dir(config)
    if state is None:
        raise ConfigError(f"{config_path}: state_dir: missing, expected the folder in which the daemon keeps normal")
    for each in config.stream:
        if each.name == stream:
            return Place(each, state)
    raise ConfigError(f"{config_path}: no stream {stream!r}, expected one of {', '.join(s.name for s in config.stream)}")


def recalibrate(
    there: Place, *, out: Path | None, newest_s: float | None, budget_s: float, seed: int, rate: float | None
) -> Iterator[Progress | Summary]:
    """Makes a profile from a stream's log and what was marked; yields progress, and last of all a summary.

    Without `out` it is the one that the daemon takes from its next start on, and the one before it is kept. Raises DiffmonError.
    """
    began_s = time.monotonic()
    stream, target = there.stream, there.profile if out is None else out
    if out is None:
        make_folder(target.parent)
    check_writable(target)
    check_spared(target, [stream.model])
    opened = open_for(stream.model, None, kind=stream.kind)
    model, job = opened.model, Job(opened.representation, budget_s, seed, profiled=CALIBRATED)
    normal = normal_of(there, opened, newest_s)
    left_out = yield from trimmed(job, opened, normal)
    summary = job.summary(
        len(normal.log) + len(normal.marked),
        normal.unreadable,
        model,
        target,
        left_out=left_out,
        rate=stream.false_alarms_per_day if rate is None else rate,
        began_s=began_s,
    )
    if out is None:
        keep_previous(target)
    write(lambda: save_profile(target, job.fitted, kind=stream.kind, model=model.hash, notes=notes(summary)), target)
    yield summary


def put_back(there: Place) -> bool:
    """Swaps a stream's profile with the one before it, if that can be used; whether there is one now. Raises DiffmonError."""
    before = previous(there.profile)
    if before.exists():
        open_for(there.stream.model, before, kind=there.stream.kind)
    return swap(there.profile)


def normal_of(there: Place, opened: Opened, newest_s: float | None) -> Normal:
    """What is there to learn from: the log, or the newest part of it, and what was marked. Raises SourceError if it is too little."""
    folder, sense = normal_dir(there.state, there.stream.name), opened.representation
    hop_s, mine = sense.hop / sense.rate_hz, about(there.stream.kind, opened.model)
    log: list[Logged] = []
    for kept in reversed(stretches(folder)):
        if newest_s is not None and sum(s.seconds for s in log) >= newest_s:
            break
        if is_about(kept.path, mine):
            log.insert(0, Logged(kept.path, kept.windows * hop_s))
    found_s, least_s = sum(s.seconds for s in log), 4 * sense.length / sense.rate_hz
    if found_s < least_s:
        raise SourceError(f"{folder}: holds {found_s:.1f} s of normal that this model can use, expected at least {least_s:.1f} s")
    reads = medium(there.stream.kind, sense)
    clips = sorted(path for path in (folder / "marked").glob("*") if path.suffix in reads.files.suffixes)
    recordings, unreadable = probed(clips, reads, sense)
    return Normal(log, undivided(recordings, reads), unreadable)


def trimmed(job: Job, opened: Opened, normal: Normal) -> Generator[Progress, None, int]:
    """Fits a profile, and again without the outliers of the log if there are some; how many windows were left out.

    What a person marked as normal is an outlier by its nature, and stays.
    """
    model, sense = opened.model, opened.representation
    sized, rest = job.chosen(normal.log)
    yield from job.fit(model, [], [*sized, *normal.marked], rest)
    n = len(sized)
    gone = outliers([*job.scores[:n], *job.scores[n + len(normal.marked) :]])
    left_out = sum(int(each.sum()) for each in gone)
    if left_out:
        hop_s = sense.hop / sense.rate_hz
        again = [*without(sized, gone[:n], hop_s), *normal.marked]
        yield from job.fit(model, [], again, without(rest, gone[n:], hop_s))
    return left_out
