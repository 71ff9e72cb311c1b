"""`train` and `calibrate`: from recordings of normal to a model, or to a profile for one that exists."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.checkpoint import Fitted, Model, save_model, save_profile
from models.fit import count_of
from models.normalise import fit_normal, standardise
from models.representation import Representation
from monitor import __version__
from monitor.alarm import AlarmCurve
from monitor.engine import score_of
from monitor.errors import DiffmonError
from monitor.learn.corpus import Corpus, D, Decodable, decode, divide, sample, some_windows, survey, undivided
from monitor.learn.fitting import Pieces, fitted, joined, looked_at, observed, scored, sizes
from monitor.learn.optimise import fresh, optimise, plan, primed
from monitor.learn.teaching import cost_s, share, taught, windows_for
from monitor.opened import medium, open_for, representation, usual_grid
from monitor.records import Progress
from monitor.whole import check_spared, check_writable

# Windows for each second of the budget: about a fifth of it goes into decoding, a fifth into the profile, on two cores.
_DECODED, _PROFILED = 24, 6
_MOST_DECODED, _MOST_SIZED = 8192, 2048
_MOST_NUMBERS = 1 << 27  # of planes in memory at a time: half a gigabyte
_QUICK = 4 * 6144  # numbers in the planes of a window up to which that pace holds; larger ones, such as pictures, take as much longer
CALIBRATED = 30
"""Windows for each second of the budget, where nothing is trained."""
_HELD = 0.7  # of the windows that a profile is made of; the rest are of the training
_TRAINED = 0.6  # share of the budget that is left for training, about
_RESERVE_S = 2.0  # alarm levels and saving


@dataclass(frozen=True, slots=True)
class Summary:
    """What came of it."""

    out: str
    model: str
    """Hash of the network."""
    training_s: float
    """Normal used for training (s)."""
    held_out_s: float
    """Normal that training did not see, used for calibration (s)."""
    recordings: int
    """Files, or stretches of a log of normal."""
    unreadable: list[str]
    left_out: int
    """Windows of a log of normal that were outliers among the others."""
    steps: int
    loss: float | None
    """Of training; none where there was none."""
    false_alarms_per_day: float
    threshold: float
    """Score at the alarm level for that rate."""
    vouched_per_day: float
    """The smallest rate that the held-out normal can vouch for."""
    extrapolated: bool
    """Whether the threshold lies beyond it."""
    seed: int
    seconds: float
    """Wall time."""


def train(
    paths: Sequence[Path],
    out: Path,
    *,
    kind: str,
    budget_s: float,
    seed: int,
    steps: int | None = None,
    init: Path | None = None,
    rate: float = 1.0,
    grid: Mapping[str, float] | None = None,
) -> Iterator[Progress | Summary]:
    """Learns from recordings and writes a model; yields progress, and last of all a summary.

    A model to start from says how they are looked at; else that is as usual, but for the settings in `grid`. The same
    recordings, seed, budget and number of steps give the same model on one CPU. Nothing is written before the end.
    Raises DiffmonError.
    """
    began_s = time.monotonic()
    check_writable(out)
    if init is None:
        settings = usual_grid(kind) | dict(grid or {})
        sense = representation(kind, settings)
        model = fresh(kind, settings, sense, seed=seed)
    else:
        opened = open_for(init, None, kind=kind)
        # A discriminator judges by the network that it was taught with.
        model, sense = replace(opened.model, discriminator=None), opened.representation
    reads = medium(kind, sense)
    found = survey(paths, reads, sense)
    check_spared(out, [each.path for each in found.recordings])
    corpus = divide(found.recordings, reads, sense.length / sense.rate_hz)
    if init is None and sense.recipe.adapts_to:
        sense = sense.adapted(some_windows(corpus.training, sense, sense.recipe.adapts_to, np.random.default_rng(seed)))
        model = replace(model, constants=sense.constants)
    job = Job(sense, budget_s, seed, profiled=_PROFILED)
    yield from job.decode_training(corpus)
    inputs = standardise(job.training, fit_normal(job.training, sense.recipe))
    model = primed(model, sense, inputs)
    taught_on = windows_for(share(sense) * _TRAINED * budget_s)
    judging_s = job.judging_s(model)
    later_s = job.calibrated(corpus) * judging_s + bool(share(sense)) * cost_s(taught_on, judging_s)
    schedule = plan(model, sense, inputs, seconds=budget_s - (time.monotonic() - began_s) - later_s - _RESERVE_S, steps=steps)
    done, loss = 0, 1.0
    for step in optimise(model, sense, inputs, schedule, seed=seed):
        done, loss = step.number, step.loss
        yield Progress("training", done / schedule.steps, loss)
    stream = partial(some_windows, corpus.training, sense, taught_on, np.random.default_rng(seed))
    model = yield from taught(model, sense, [stream], seed=seed)
    yield from job.calibrate(model, corpus)
    summary = job.summary(len(found.recordings), found.unreadable, model, out, steps=done, loss=loss, rate=rate, began_s=began_s)
    write(lambda: save_model(out, model, job.fitted, notes(summary)), out)
    yield summary


def calibrate(
    paths: Sequence[Path], out: Path, *, model_path: Path, budget_s: float, seed: int, rate: float = 1.0
) -> Iterator[Progress | Summary]:
    """Makes a profile of a place from recordings of its normal, for a model that exists; no gradient step.

    The budget bounds how much of the normal is used, at a pace that most machines keep. Raises DiffmonError.
    """
    began_s = time.monotonic()
    check_writable(out)
    opened = open_for(model_path, None)
    kind, sense = opened.model.kind, opened.representation
    job = Job(sense, budget_s, seed, profiled=CALIBRATED)
    reads = medium(kind, sense)
    found = survey(paths, reads, sense)
    check_spared(out, [model_path, *(each.path for each in found.recordings)])
    # Nothing is trained, so that nothing need be held out from it: all of it says what normal scores.
    yield from job.calibrate(opened.model, Corpus([], undivided(found.recordings, reads)))
    summary = job.summary(len(found.recordings), found.unreadable, opened.model, out, rate=rate, began_s=began_s)
    write(lambda: save_profile(out, job.fitted, kind=kind, model=opened.model.hash, notes=notes(summary)), out)
    yield summary


class Job:
    """What the steps of learning hand on to each other; `train`, `calibrate` and `recalibrate` share it."""

    training: Tensor
    fitted: Fitted
    scores: list[Tensor]
    """Of each held-out stretch, those that sizes were fitted on first."""

    def __init__(self, sense: Representation, budget_s: float, seed: int, *, profiled: int) -> None:
        self._sense = sense
        self._rng = np.random.default_rng(seed)
        self._seed = seed
        self._hop_s = sense.hop / sense.rate_hz
        size = math.prod(sense.shape)
        self._most_decoded = min(_MOST_DECODED, int(_DECODED * budget_s), _MOST_NUMBERS // size)
        self._most_profiled = int(profiled * budget_s * min(1.0, _QUICK / size))
        self._most_sized_s = min(_MOST_SIZED, self._most_profiled) * self._hop_s
        self._failed: list[str] = []
        self._trained_s = self._held_s = 0.0

    def decode_training(self, corpus: Corpus) -> Iterator[Progress]:
        """Planes of a sample of the training stretches, windows half a hop apart if there is room for them."""
        chosen = sample(corpus.training, self._most_decoded * self._hop_s, self._rng)
        self._trained_s = sum(s.seconds for s in chosen)
        stride = max(1, self._sense.hop // 2) if 2 * self._trained_s / self._hop_s <= self._most_decoded else self._sense.hop
        pieces = []
        for piece in decode(chosen, self._sense, stride, self._failed.append):
            pieces.append(piece)
            yield Progress("decoding", len(pieces) / len(chosen))
        self.training = torch.cat(pieces)
        if not len(self.training):
            raise DiffmonError("\n".join([*self._failed, "none of the normal to train on could be decoded"]))

    def calibrated(self, corpus: Corpus) -> float:
        """How many windows `calibrate` will judge."""
        return min(sum(s.seconds for s in [*corpus.training, *corpus.held_out]) / self._hop_s, self._most_profiled)

    def judging_s(self, model: Model) -> float:
        """About how long it takes to judge a window."""
        began_s = time.monotonic()
        few = self.training[:16]
        list(observed(model, self._sense, few, fit_normal(few, self._sense.recipe)))
        return 1.3 * (time.monotonic() - began_s) / len(few)

    def calibrate(self, model: Model, corpus: Corpus) -> Iterator[Progress]:
        """Profile and alarm levels: sizes from some of the normal, scores from all the held-out that the budget has time for."""
        share = _HELD if corpus.training else 1.0
        sized, rest = self.chosen(corpus.held_out, share)
        trained = sample(corpus.training, (1 - share) * self._most_sized_s, self._rng)
        yield from self.fit(model, trained, sized, rest)

    def chosen(self, held_out: Sequence[D], share: float = 1.0) -> tuple[list[D], list[D]]:
        """Of what is held out, the stretches to fit sizes on, and the others that the budget has time for."""
        held = sample(held_out, share * self._most_profiled * self._hop_s, self._rng)
        sized = sample(held, share * self._most_sized_s, self._rng)
        return sized, [s for s in held if s not in sized]

    def fit(self, model: Model, trained: Sequence[Decodable], sized: Sequence[Decodable], rest: Sequence[Decodable]) -> Iterator[Progress]:
        """The same of chosen stretches: sizes from those trained on and from some held out, scores from all held out."""
        self._held_s = sum(s.seconds for s in [*sized, *rest])
        total_s = self._held_s + sum(s.seconds for s in trained)
        pieces = Pieces(self._decoded(trained) if model.folded is None else [self._some_trained()], self._decoded(sized))
        if not sum(map(len, pieces.held_out)):
            raise DiffmonError("\n".join([*self._failed, "none of the normal held out for calibration could be decoded"]))
        normal = fit_normal(pieces.all, self._sense.recipe)
        seen, done = [], 0
        for part in looked_at(model, self._sense, pieces, normal):
            seen.append(part)
            done += count_of(part)
            yield Progress("calibrating", min(1.0, done * self._hop_s / total_s))
        profile, scores = sizes(model, self._sense, pieces, normal, joined(seen))
        for planes in decode(rest, self._sense, self._sense.hop, self._failed.append):
            scores.append(scored(model, self._sense, planes, profile))
            done += len(planes)
            yield Progress("calibrating", min(1.0, done * self._hop_s / total_s))
        self.scores = scores
        self.fitted = fitted(self._sense, profile, scores, seed=self._seed)

    def _some_trained(self) -> Tensor:
        """Of all windows that were trained on, as many as sizes are fitted on, from all folds alike."""
        most = max(5, round((1 - _HELD) * self._most_sized_s / self._hop_s))
        return self.training[:: math.ceil(len(self.training) / most)]

    def _decoded(self, stretches: Sequence[Decodable]) -> list[Tensor]:
        return list(decode(stretches, self._sense, self._sense.hop, self._failed.append))

    def summary(
        self,
        recordings: int,
        unreadable: Sequence[str],
        model: Model,
        out: Path,
        *,
        steps: int = 0,
        loss: float | None = None,
        left_out: int = 0,
        rate: float,
        began_s: float,
    ) -> Summary:
        """What came of it."""
        curve = AlarmCurve.from_arrays({k: v.double().numpy() for k, v in self.fitted.alarm.items()})
        return Summary(
            out=str(out),
            model=model.hash,
            training_s=round(self._trained_s, 1),
            held_out_s=round(self._held_s, 1),
            recordings=recordings,
            unreadable=[*unreadable, *dict.fromkeys(self._failed)],
            left_out=left_out,
            steps=steps,
            loss=None if loss is None else round(loss, 4),
            false_alarms_per_day=rate,
            threshold=score_of(curve.level(rate), self.fitted.profile),
            vouched_per_day=round(curve.vouched_per_day, 1),
            extrapolated=curve.extrapolated(rate),
            seed=self._seed,
            seconds=round(time.monotonic() - began_s, 1),
        )


def write(save: Callable[[], None], out: Path) -> None:
    """Saves to a file. Raises DiffmonError."""
    try:
        save()
    except OSError as error:
        raise DiffmonError(f"{out}: cannot be written: {error.strerror}") from None


def notes(summary: Summary) -> dict[str, object]:
    """What a checkpoint says of how it came about; no path, no name of a file."""
    notes = asdict(summary)
    del notes["out"], notes["unreadable"], notes["seconds"]
    return notes | {"diffmon": __version__, "skipped": len(summary.unreadable)}
