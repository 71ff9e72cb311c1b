"""`evaluate`: how well strange is told from normal on the two sound protocols, side by side with two controls.

* sites: one network for all sites, trained on all their training clips, each standardised by its own site's moments; one
  profile a site, from that site's training clips alone. A clip counts as its worst window.
* ovr: a network and a profile a class, fitted on nothing but that class's training clips. A clip counts as the mean of
  its windows. A network to start from must not have heard any clip of the table.

A site has 20 to 60 s of normal, so all of it trains the network and none is held out. That would matter for p-values
alone, and AUROC ranks by score; the sizes in a score are fitted crosswise over blocks of time all the same.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.checkpoint import Model
from models.denoiser import Denoiser
from models.fit import fit_profile
from models.normalise import fit_normal, standardise
from models.representation import Representation
from models.representation.audio import AudioSettings
from models.score import PARTS, score
from models.train import twin
from monitor.build import open_for, representation
from monitor.errors import DiffmonError, ModelError, SourceError
from monitor.learn import judge
from monitor.learn.comparator import LogMelMahalanobis, Statistics, statistics
from monitor.learn.corpus import planes
from monitor.learn.fitting import joined, observed
from monitor.learn.optimise import fresh, optimise, plan
from monitor.learn.protocol import RATE_HZ, Clip, Row, read_rows, waveforms
from monitor.learn.training import Progress
from monitor.whole import check_writable

DETECTORS = (*PARTS, "fusion")

ProtocolName = Literal["sites", "ovr"]
Scores = dict[tuple[str, int], float]
"""Score of each judged clip, by the site or class that was taken as normal and the row's number."""
Pool = Callable[[NDArray[Any]], Any]
"""A clip's score, of those of its windows `[n]`."""


@dataclass(frozen=True, slots=True)
class Report:
    """What came of it."""

    lines: list[str]
    """A table: AUROC of each detector."""
    seconds: float
    """Wall time."""


@dataclass(frozen=True, slots=True)
class Place:
    """A site or class: what its profile is fitted on, and what it judges."""

    name: str
    normal: list[Row]
    judged: list[Row]


System = list[Place]
"""The places that share one network."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """What differs between the two."""

    table: str
    systems: Callable[[Sequence[Row], Sequence[str]], list[System]]
    """Of the table's rows, for the names that are asked for."""
    pool: Pool
    lines: Callable[[Sequence[Row], dict[str, Scores]], list[str]]
    """The table of AUROC, of judged rows and their scores by detector."""
    write: Callable[[Path, Scores], None]


@dataclass(frozen=True, slots=True)
class _Heard:
    """A clip, as both kinds of detector look at it."""

    planes: Tensor
    """`[n, C, H, W]`: a window every half hop of a clip to learn from, every hop of one to judge."""
    statistics: Statistics


_Clips = dict[Row, _Heard]


def evaluate(
    protocol: ProtocolName,
    data: Path,
    *,
    budget_s: float,
    seed: int,
    only: Sequence[str] = (),
    init: Path | None = None,
    out: Path | None = None,
) -> Iterator[Progress | Report]:
    """Progress, and last of all a report; the fused scores go to `out`. Raises DiffmonError.

    The budget is for training, divided over the systems (none at 0 s); decoding and scoring come on top.
    """
    began_s = time.monotonic()
    if out is not None:
        check_writable(out)
    rules = PROTOCOLS[protocol]
    systems = _systems(rules, data / rules.table, only)
    places = [place for system in systems for place in system]
    judged = _distinct(row for place in places for row in place.judged)
    # Rows that cannot be judged are better told now than after the training.
    rules.lines(judged, {"": {(place.name, row.number): 0.0 for place in places for row in place.judged}})
    start, sense = _start(init, seed)
    heard = yield from _decoded(_distinct([*judged, *(row for place in places for row in place.normal)]), data, sense)
    models = yield from _trained(start, [_inputs(system, heard) for system in systems], budget_s=budget_s, seed=seed)
    scores = yield from _judged("scoring", models, systems, sense, heard, rules.pool)
    controls = [untrained(start, seed=seed)] * len(systems)
    control = yield from _judged("scoring untrained", controls, systems, sense, heard, rules.pool)
    scores |= {f"untrained: {name}": each for name, each in control.items()}
    scores["log-mel Mahalanobis"] = _compared(places, heard, rules.pool)
    if out is not None:
        rules.write(out, scores["fusion"])
    yield Report(rules.lines(judged, scores), round(time.monotonic() - began_s, 1))


def untrained(model: Model, *, seed: int) -> Model:
    """The control: the same network and noise, its weights drawn at random.

    Convolutions that close a block begin at zero, with which a network's output is nothing and its blocks do nothing;
    they are drawn like the others, so that the control has as many features to look at as a trained network.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        denoiser = Denoiser(model.denoiser.settings)
        for layer in denoiser.modules():
            if isinstance(layer, nn.Conv2d):
                layer.reset_parameters()
    return replace(model, denoiser=denoiser.requires_grad_(False).eval())


def _systems(rules: Protocol, table: Path, only: Sequence[str]) -> list[System]:
    """What is to be fitted on what. Raises DiffmonError if a name is unknown, or has nothing to train on or to judge."""
    rows = read_rows(table)
    known = dict.fromkeys(row.group for row in rows)
    for name in only:
        if name not in known:
            few = [*known][:5] + (["..."] if len(known) > 5 else [])
            raise DiffmonError(f"--only: {name!r} is not in {table}, expected one of {', '.join(few)}")
    systems = rules.systems(rows, [name for name in known if not only or name in only])
    for place in (place for system in systems for place in system):
        if not (place.normal and place.judged):
            lacking = "judge" if place.normal else "train on"
            raise SourceError(f"{table}: {place.name!r} has no row to {lacking}, expected at least one")
    return systems


def _sites(rows: Sequence[Row], names: Sequence[str]) -> list[System]:
    """One system for all sites."""
    return [[Place(name, _training(rows, name), [r for r in rows if r.group == name and r.role != "train"]) for name in names]]


def _classes(rows: Sequence[Row], names: Sequence[str]) -> list[System]:
    """A system for each class, which judges the test clips of all."""
    test = [row for row in rows if row.role == "test"]
    return [[Place(name, _training(rows, name), test)] for name in names]


def _training(rows: Sequence[Row], name: str) -> list[Row]:
    return [row for row in rows if row.group == name and row.role == "train"]


def _distinct(rows: Iterable[Row]) -> list[Row]:
    """Each row once, in the table's order."""
    return sorted(set(rows), key=attrgetter("number"))


def _start(init: Path | None, seed: int) -> tuple[Model, Representation]:
    """The network to start from, and what it looks at."""
    if init is None:
        grid = asdict(AudioSettings())
        sense = representation("audio", grid)
        return fresh("audio", grid, sense, seed=seed), sense
    opened = open_for(init, None, kind="audio")
    if opened.representation.rate_hz != RATE_HZ:
        raise ModelError(f"{init}: listens at {opened.representation.rate_hz} Hz, expected {RATE_HZ} Hz, at which the clips are")
    return opened.model, opened.representation


def _decoded(rows: Sequence[Row], data: Path, sense: Representation) -> Generator[Progress, None, _Clips]:
    """Every row's clip; each is looked at once, whatever number of networks will see it."""
    heard = {}
    for row, clip in waveforms(rows, data):
        seen = planes(clip[:, None], sense, sense.hop // 2) if row.role == "train" else _planes_to_judge(clip, sense)
        heard[row] = _Heard(seen, statistics(clip))
        yield Progress("decoding", len(heard) / len(rows))
    return heard


def _planes_to_judge(clip: Clip, sense: Representation) -> Tensor:
    """Planes of a window every hop and, as where a stream ends, of one that ends with the last sample."""
    samples = clip[:, None]
    every = planes(samples, sense, sense.hop)
    if max(0, len(samples) - sense.length) % sense.hop == 0:
        return every
    return torch.cat([every, planes(samples[-sense.length :], sense, sense.hop)])


def _normal(place: Place, heard: _Clips) -> Tensor:
    """Planes of the place's normal, windows one hop apart, in order of time."""
    return torch.cat([heard[row].planes[::2] for row in place.normal])


def _inputs(system: System, heard: _Clips) -> Tensor:
    """What a system's network is trained on: windows half a hop apart, standardised by their own place's moments."""
    dense = [torch.cat([heard[row].planes for row in place.normal]) for place in system]
    return torch.cat([standardise(each, fit_normal(_normal(place, heard))) for place, each in zip(system, dense, strict=True)])


def _trained(start: Model, inputs: Sequence[Tensor], *, budget_s: float, seed: int) -> Generator[Progress, None, list[Model]]:
    """A network a system, each trained from the same start on inputs of its own."""
    models = [replace(start, denoiser=twin(start.denoiser)) for _ in inputs]
    if budget_s == 0:
        return models
    for i, (model, each) in enumerate(zip(models, inputs, strict=True)):
        schedule = plan(model, each, seconds=budget_s / len(inputs), steps=None)
        for step in optimise(model, each, schedule, seed=seed):
            yield Progress("training", (i + step.number / schedule.steps) / len(inputs), step.loss)
    return models


def _judged(
    stage: str, models: Sequence[Model], systems: Sequence[System], sense: Representation, heard: _Clips, pool: Pool
) -> Generator[Progress, None, dict[str, Scores]]:
    """Scores of all judged clips by detector, each system by its own network."""
    scores: dict[str, Scores] = {name: {} for name in DETECTORS}
    pairs = [(model, place) for model, system in zip(models, systems, strict=True) for place in system]
    total, done = sum(len(heard[row].planes) for _, place in pairs for row in place.judged), 0
    for model, place in pairs:
        seen = []
        for part in _window_scores(model, place, sense, heard):
            seen.append(part)
            done += len(part)
            yield Progress(stage, done / total)
        for name, values in zip(DETECTORS, torch.cat(seen).T, strict=True):
            scores[name] |= _by_clip(place, values, heard, pool)
    return scores


def _window_scores(model: Model, place: Place, sense: Representation, heard: _Clips) -> Iterator[Tensor]:
    """Scores `[n, 3]`, by detector, of the windows of all judged clips, some at a time; the profile is of the place's normal."""
    own = _normal(place, heard)
    normal = fit_normal(own)
    seen = joined(list(observed(model, own, normal)))
    profile, _ = fit_profile(normal, seen, math.ceil(sense.length / sense.hop) - 1)
    for part in observed(model, torch.cat([heard[row].planes for row in place.judged]), normal):
        result = score(part, profile)
        yield torch.cat([result.parts, result.value[:, None]], 1)


def _by_clip(place: Place, values: Tensor, heard: _Clips, pool: Pool) -> Scores:
    """Scores of the judged clips, of those of their windows `[n]` one after another."""
    clips = values.split([len(heard[row].planes) for row in place.judged])
    return {(place.name, row.number): float(pool(clip.numpy())) for row, clip in zip(place.judged, clips, strict=True)}


def _compared(places: Sequence[Place], heard: _Clips, pool: Pool) -> Scores:
    """Scores of the judged clips by the classical detector, fitted on each place's normal."""
    scores: Scores = {}
    for place in places:
        detector = LogMelMahalanobis.fit([heard[row].statistics for row in place.normal])
        scores |= {(place.name, row.number): float(pool(detector.distances(heard[row].statistics))) for row in place.judged}
    return scores


def _by_row(scores: Scores) -> dict[int, float]:
    return {number: value for (_, number), value in scores.items()}


def _site_lines(rows: Sequence[Row], scores: dict[str, Scores]) -> list[str]:
    return judge.sites_table(rows, {name: _by_row(each) for name, each in scores.items()})


PROTOCOLS = {
    "sites": Protocol("sites.csv", _sites, np.max, _site_lines, lambda path, scores: judge.write_site_scores(path, _by_row(scores))),
    "ovr": Protocol("ovr.csv", _classes, np.mean, judge.ovr_table, judge.write_ovr_scores),
}
