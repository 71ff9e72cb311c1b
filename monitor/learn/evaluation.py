"""`evaluate`: how well strange is told from normal on the two sound protocols, side by side with two controls.

* sites: one network for all sites, trained on all their training clips, each standardised by its own site's moments; one
  profile a site, from that site's training clips alone. A clip counts as its worst window.
* ovr: a network and a profile a class, fitted on nothing but that class's training clips. A clip counts as the mean of
  its windows, and T is the answer. A network to start from must not have heard any clip of the table.

A site has 20 to 60 s of normal, so all of it trains the network and none is held out. That would matter for p-values
alone, and AUROC ranks by score; the sizes in a score are fitted crosswise over blocks of time all the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from models.representation.audio import AudioSettings
from monitor.errors import ModelError
from monitor.learn import coverage, judge
from monitor.learn.contamination import contaminated, foreign
from monitor.learn.detection import Judged, Pool, Scores, compared, detectors, judged, normal_scores, pooled
from monitor.learn.heard import decoded, inputs, streams
from monitor.learn.network import Trained, gflop, start_from, trained, untrained, with_discriminators
from monitor.learn.places import Divide, Place, System, classes, distinct, sites, systems
from monitor.learn.protocol import RATE_HZ, Row
from monitor.learn.report import UNTRAINED, Report, outs
from monitor.learn.teaching import share
from monitor.records import Progress

COMPARATOR = "log-mel Mahalanobis"
ProtocolName = Literal["sites", "ovr"]


@dataclass(frozen=True, slots=True)
class Protocol:
    """What differs between the two."""

    table: str
    divide: Divide
    pool: Pool
    detector: str
    """Whose scores of the clips, so pooled, are the answer."""
    auroc: Callable[[Sequence[Row], Scores], dict[str, float]]
    """By column, of judged rows and their scores."""
    more: Callable[[Sequence[Place], Judged], list[str]]
    """Lines after the table, of what the trained networks say."""
    write: Callable[[Path, Scores], None]
    teaches: bool
    """Whether networks get a discriminator: it does not pay where normal is many recordings, and what is strange a whole clip."""


def evaluate(
    protocol: ProtocolName,
    data: Path,
    *,
    budget_s: float,
    seed: int,
    only: Sequence[str] = (),
    init: Path | None = None,
    out: Path | None = None,
    parts: bool = False,
    contaminate: float = 0.0,
) -> Iterator[Progress | Report]:
    """Progress, and last of all a report. Raises DiffmonError.

    Args:
        protocol: which table of `data` is judged, and how.
        data: the folder of the tables.
        budget_s: for training, divided over the systems (none at 0 s); decoding and scoring come on top.
        seed: decides every random choice.
        only: sites or classes to limit it to; all if none.
        init: a model to start from; a fresh one if none.
        out: where the scores go by which the protocol is judged, as CSV: the fusion of sites, T of ovr.
        parts: whether the scores of the other detectors go beside them.
        contaminate: share of every site's training seconds into which an event is mixed.
    """
    began_s = time.monotonic()
    rules = PROTOCOLS[protocol]
    found = systems(data / rules.table, only, rules.divide)
    if contaminate:
        found = _contaminated(found, data, contaminate, seed)
    places = [place for system in found for place in system]
    rows = distinct(row for place in places for row in place.judged)
    # Rows that cannot be judged are better told now than after the training.
    rules.auroc(rows, {(place.name, row.number): 0.0 for place in places for row in place.judged})
    start, sense = start_from(init, seed, kind="audio", grid=asdict(AudioSettings()))
    taught_s = share(sense) * budget_s if rules.teaches else 0.0
    names = detectors(4 if taught_s or (start.discriminator and not budget_s) else 3)
    paths = {} if out is None else outs(out, rules.detector, names if parts else (), COMPARATOR)
    if sense.rate_hz != RATE_HZ:
        raise ModelError(f"{init}: listens at {sense.rate_hz:g} Hz, expected {RATE_HZ} Hz, at which the clips are")
    heard = yield from decoded(distinct([*rows, *(row for place in places for row in place.normal)]), data, sense)
    shown = [inputs(system, heard, sense) for system in found]
    ours = yield from trained(start, sense, shown, budget_s=budget_s - taught_s, seed=seed)
    if taught_s:
        taught_on = [streams(system, data, sense, taught_s / len(found)) for system in found]
        ours = yield from with_discriminators(ours, sense, taught_on, seed=seed)
    said = yield from judged("scoring", ours.models, found, sense, heard)
    control = yield from judged("scoring untrained", [untrained(start, seed=seed)] * len(found), found, sense, heard)
    scores = _scores(rules.pool, said, control) | {COMPARATOR: compared(places, heard, rules.pool)}
    for name, path in paths.items():
        rules.write(path, scores[name])
    auroc = {name: rules.auroc(rows, each) for name, each in scores.items()}
    cost = gflop(ours.models[0], sense)
    lines = [
        *judge.table(auroc),
        *rules.more(places, said),
        *_contamination(places),
        *_training(ours),
        f"network: {cost:.3f} GFLOP a window",
    ]
    yield Report(lines, auroc, ours.steps, ours.loss, cost, round(time.monotonic() - began_s, 1))


def _scores(pool: Pool, ours: Judged, control: Judged) -> dict[str, Scores]:
    return pooled(ours, pool) | {UNTRAINED + name: each for name, each in pooled(control, pool).items()}


def _contaminated(found: Sequence[System], data: Path, share: float, seed: int) -> list[System]:
    clips = foreign(data / "sites.csv", data / "ovr.csv")
    return [[contaminated(place, clips, data, share=share, seed=seed) for place in system] for system in found]


def _contamination(places: Iterable[Place]) -> list[str]:
    count = sum(len(row.spoilt) for place in places for row in place.normal)
    return [f"contaminated: {count} training seconds, by an event each"] if count else []


def _training(ours: Trained) -> list[str]:
    if ours.loss is None:
        return ["not trained"]
    networks = f"{len(ours.models)} networks, " if len(ours.models) > 1 else ""
    return [f"trained: {networks}{ours.steps} steps, last loss {ours.loss:.3f}"]


def _by_row(scores: Scores) -> dict[int, float]:
    return {number: value for (_, number), value in scores.items()}


def _coverage(places: Sequence[Place], said: Judged) -> list[str]:
    return coverage.lines(coverage.coverage(said.usual, normal_scores(places, said)))


PROTOCOLS = {
    "sites": Protocol(
        table="sites.csv",
        divide=sites,
        pool=np.max,
        detector="fusion",
        auroc=lambda rows, scores: judge.sites_auroc(rows, _by_row(scores)),
        more=_coverage,
        write=lambda path, scores: judge.write_row_scores(path, _by_row(scores)),
        teaches=True,
    ),
    "ovr": Protocol(
        table="ovr.csv",
        divide=classes,
        pool=np.mean,
        detector="T",
        auroc=judge.ovr_auroc,
        more=lambda places, said: [],
        write=judge.write_ovr_scores,
        teaches=False,
    ),
}
