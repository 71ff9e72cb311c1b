"""Normal as it lies on disk: which stretches of it to learn from, which to hold out, and what they look like.

Time-blocked always: what is held out is a contiguous block at the end of each recording or, where recordings are short,
whole recordings; a window's gap lies between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from models.representation import Representation
from monitor.errors import SourceError
from monitor.recording import is_short
from monitor.source.medium import Info, Medium, search
from monitor.window import fill

SHARE = 0.25
"""Of all normal, that is held out."""
SHORT_S = 60.0
"""Recordings shorter than this are held out whole."""
_STRETCH_S = 30.0


class Decodable(Protocol):
    """A piece of a stream's normal."""

    @property
    def seconds(self) -> float:
        """How long it lasts."""

    def planes(self, sense: Representation, stride: int) -> Tensor:
        """Planes `[n, C, H, W]` of windows every `stride` items. Raises SourceError."""


D = TypeVar("D", bound=Decodable)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece of one recording."""

    medium: Medium
    """What reads it."""
    path: Path
    start_s: float
    seconds: float

    def planes(self, sense: Representation, stride: int) -> Tensor:
        """Planes `[n, C, H, W]` of windows every `stride` items. Raises SourceError."""
        return planes(_samples(self, sense), sense, stride)


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found, before any of it is decoded."""

    recordings: list[Info]
    unreadable: list[str]
    """One sentence a file that was skipped."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """What to learn from and what to hold out, in order of time."""

    training: list[Stretch]
    held_out: list[Stretch]


def survey(paths: Sequence[Path], medium: Medium, sense: Representation) -> Survey:
    """Every recording below the paths. Raises SourceError if not one can be used."""
    # A file that is named twice must not be both learned from and held out.
    found, unreadable = probed({path.resolve(): path for path in search(paths, medium.files)}.values(), medium, sense)
    if not found:
        raise SourceError("\n".join([*unreadable, "no recording of normal can be used"]))
    least_s = 4 * sense.length / sense.rate_hz
    total_s = sum(r.seconds for r in found)
    if total_s < least_s:
        raise SourceError(f"{total_s:.1f} s of normal in all, expected at least {least_s:.1f} s")
    return Survey(found, unreadable)


def probed(files: Iterable[Path], medium: Medium, sense: Representation) -> tuple[list[Info], list[str]]:
    """The recordings among files that can be used, and one sentence for each other one."""
    found, unreadable = [], []
    for path in files:
        try:
            info = medium.probe(path)
            is_short(info, rate_hz=medium.rate_hz, length=sense.length)  # what is too short to be filled up is no recording
        except SourceError as error:
            unreadable.append(str(error))
        else:
            found.append(info)
    return found, unreadable


def divide(recordings: Sequence[Info], medium: Medium, gap_s: float) -> Corpus:
    """Training and held-out stretches: the end of each long recording, and the last of the short ones.

    Of few short ones too the end is held out, but of those of which it would be less than `gap_s`, a window.
    """
    short = [r for r in recordings if r.seconds < SHORT_S]
    if len(short) < 2 / SHARE:  # too few for some of them to stand for all
        short = [r for r in short if SHARE * r.seconds < gap_s]
    held = int(SHARE * len(short))
    first_held = len(short) - held
    whole = {r.path for r in short}
    # One recording at the border is left out: it may overlap its neighbours.
    training = [s for r in short[: max(0, first_held - 1) if held else first_held] for s in _stretches(medium, r.path, 0.0, r.seconds)]
    held_out = [s for r in short[first_held:] for s in _stretches(medium, r.path, 0.0, r.seconds)]
    for r in recordings:
        if r.path not in whole:
            cut_s = (1 - SHARE) * r.seconds
            training += _stretches(medium, r.path, 0.0, cut_s - gap_s)
            held_out += _stretches(medium, r.path, cut_s, r.seconds)
    return Corpus(training, held_out) if training and held_out else _halved(recordings, medium)


def undivided(recordings: Sequence[Info], medium: Medium) -> list[Stretch]:
    """All of it, in order of time."""
    return [s for r in recordings for s in _stretches(medium, r.path, 0.0, r.seconds)]


def sample(stretches: Sequence[D], seconds: float, rng: np.random.Generator) -> list[D]:
    """A seeded choice of stretches that comes to at most the given time (at least one stretch), in order."""
    kept: list[int] = []
    total_s = 0.0
    for i in rng.permutation(len(stretches)):
        if kept and total_s + stretches[i].seconds > seconds:
            break
        kept.append(int(i))
        total_s += stretches[i].seconds
    return [stretches[i] for i in sorted(kept)]


def windows(samples: np.ndarray, sense: Representation, stride: int) -> Tensor:
    """Windows `[n, length, *item]` every `stride` items; one that is filled up, if there is less than one."""
    if len(samples) < sense.length:
        samples = fill(samples, sense.length)
    return torch.from_numpy(samples).unfold(0, sense.length, stride).movedim(-1, 1)


@torch.inference_mode()
def planes(samples: np.ndarray, sense: Representation, stride: int) -> Tensor:
    """Planes `[n, C, H, W]` of the windows of one stretch."""
    return torch.cat([sense.look(chunk).planes for chunk in windows(samples, sense, stride).split(64)])


def decode(stretches: Sequence[Decodable], sense: Representation, stride: int, failed: Callable[[str], None]) -> Iterator[Tensor]:
    """Planes `[n, C, H, W]` of each stretch in turn; one that cannot be decoded is told to `failed` and is empty."""
    for stretch in stretches:
        try:
            yield stretch.planes(sense, stride)
        except SourceError as error:
            failed(str(error))
            yield torch.zeros(0, *sense.shape)


def some_windows(stretches: Sequence[Stretch], sense: Representation, count: int, rng: np.random.Generator) -> Tensor:
    """About so many windows `[n, length, *item]` from all over the stretches, in order; what cannot be decoded is left out."""
    each = max(1, count // max(1, len(stretches)))
    chosen = sample(stretches, count / each * max((s.seconds for s in stretches), default=0.0), rng)
    found = [torch.zeros(0, sense.length, *sense.item)]
    for stretch in chosen:
        with suppress(SourceError):
            items = windows(_samples(stretch, sense), sense, sense.hop)
            found.append(items[:: max(1, len(items) // each)][:each])
    return torch.cat(found[1:] or found)


def _samples(stretch: Stretch, sense: Representation) -> np.ndarray:
    samples = stretch.medium.read(stretch.path, start_s=stretch.start_s, seconds=stretch.seconds)
    if len(samples) < min(sense.length, 0.9 * stretch.seconds * sense.rate_hz):
        found_s = len(samples) / sense.rate_hz
        raise SourceError(
            f"{stretch.path}: {found_s:.2f} s from {stretch.start_s:.2f} s on, expected {stretch.seconds:.2f} s: it is cut short"
        )
    return samples


def _halved(recordings: Sequence[Info], medium: Medium) -> Corpus:
    """Too little for a gap: the first three quarters of it all, and the rest."""
    training, held_out = [], []
    for r in recordings:
        cut_s = (1 - SHARE) * r.seconds
        training += _stretches(medium, r.path, 0.0, cut_s)
        held_out += _stretches(medium, r.path, cut_s, r.seconds)
    return Corpus(training, held_out)


def _stretches(medium: Medium, path: Path, start_s: float, end_s: float) -> list[Stretch]:
    """Equal pieces of about half a minute, so that a sample of them is cheap to read and still shows time going by."""
    if end_s <= start_s:
        return []
    count = max(1, round((end_s - start_s) / _STRETCH_S))
    each_s = (end_s - start_s) / count
    return [Stretch(medium, path, start_s + i * each_s, each_s) for i in range(count)]
