"""`evaluate images`: a network a category, every test picture judged, beside the same network untrained and a classical detector."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.checkpoint import Model
from models.normalise import fit_normal, standardise
from models.representation import Representation
from models.representation.image import ImageSettings
from models.score import score
from monitor.learn import judge
from monitor.learn.components import SIDE, PositionalComponents
from monitor.learn.detection import FUSION, by_detector, detectors, fit
from monitor.learn.fitting import observed
from monitor.learn.gallery import Category, Row, categories
from monitor.learn.maps import Folder, Map, pixel_auroc, scaled
from monitor.learn.network import Trained, gflop, start_from, trained, untrained
from monitor.learn.report import UNTRAINED, Report, outs
from monitor.records import Progress
from monitor.source.image import FILES
from monitor.source.medium import check, reached
from monitor.source.pictures import load
from monitor.source.view import View

COMPARATOR = "positional PCA"
DETECTORS = detectors(3)
"""Pictures have no discriminator."""
_PROFILED = 400  # pictures of normal that a profile is made of, at most
_SOME = 16  # pictures at a time, no more than are observed at a time

Scores = dict[int, float]
"""By row; larger is stranger."""
Pictures = NDArray[np.uint8]
"""`[n, side, side, 3]`."""
S = TypeVar("S", Pictures, Tensor)


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of one category."""

    scores: dict[str, Scores]
    """By detector."""
    trained: Trained
    gflop: float
    pixels: float | None
    """AUROC of the fusion's heat maps; none without a mask."""
    seconds: float


def evaluate_images(
    data: Path,
    *,
    budget_s: float,
    seed: int,
    only: Sequence[str] = (),
    init: Path | None = None,
    out: Path | None = None,
    maps: Path | None = None,
    parts: bool = False,
    side: int = 256,
) -> Iterator[Progress | Report]:
    """Progress, and last of all a report. Raises DiffmonError.

    Args:
        data: the folder of `images.csv`.
        budget_s: for training, of each category; none is trained at 0 s.
        seed: decides every random choice.
        only: categories to limit it to; all if none.
        init: a model to start from; a fresh one if none.
        out: where the fusion's scores go, as CSV.
        maps: folder of heat maps, `ROW.npy` float32 `[256, 256]`, of each row of which it is known where the anomaly is.
        parts: whether the scores of the other detectors go beside `out`.
        side: of the pictures, for a fresh network.
    """
    began_s = time.monotonic()
    paths = {} if out is None else outs(out, FUSION, DETECTORS if parts else (), COMPARATOR)
    folder = None if maps is None else Folder(maps)
    if folder is not None:
        folder.check()
    found = categories(data, only)
    start, sense = start_from(init, seed, kind="image", grid=asdict(ImageSettings(side=side)))
    results: dict[str, Judged] = {}
    for category in found:
        results[category.name] = yield from _judged(category, data, start, sense, folder, budget_s=budget_s, seed=seed)
    for name, path in paths.items():
        judge.write_row_scores(path, {row: value for each in results.values() for row, value in each.scores[name].items()})
    auroc = {
        name: judge.with_mean({c.name: _auroc(c.judged, results[c.name].scores[name]) for c in found})
        for name in next(iter(results.values())).scores
    }
    cost = next(iter(results.values())).gflop
    losses = [each.trained.loss for each in results.values() if each.trained.loss is not None]
    yield Report(
        [*judge.table(auroc), *_lines(results), f"network: {cost:.3f} GFLOP a picture"],
        auroc,
        sum(each.trained.steps for each in results.values()),
        fmean(losses) if losses else None,
        cost,
        round(time.monotonic() - began_s, 1),
    )


@dataclass(frozen=True, slots=True)
class Learned:
    """One category's normal, learned."""

    sense: Representation
    trained: Trained
    normal: Pictures
    usual: Tensor
    """Planes `[n, C, H, W]` of the normal that a profile is made of."""
    test: Pictures

    @property
    def model(self) -> Model:
        """Its network."""
        return self.trained.models[0]


@dataclass(frozen=True, slots=True)
class Said:
    """What one network says of the test pictures of a category."""

    scores: NDArray[Any]
    """`[n, D]` in the order of `DETECTORS`."""
    heats: list[Map]


def _judged(
    category: Category, data: Path, start: Model, sense: Representation, folder: Folder | None, *, budget_s: float, seed: int
) -> Generator[Progress, None, Judged]:
    """Learns one category's normal, and judges its test pictures."""
    began_s = time.monotonic()
    rows = category.judged
    found = yield from learned(category, data, start, sense, budget_s=budget_s, seed=seed)
    said = yield from _said(f"{category.name}: scoring", found.model, found)
    control = yield from _said(f"{category.name}: scoring untrained", untrained(found.model, seed=seed), found)
    classical = PositionalComponents(_shrunk(found.normal), seed=seed).maps(_shrunk(found.test)).reshape(len(rows), -1).max(1)
    scores = _named(rows, said) | {UNTRAINED + name: each for name, each in _named(rows, control).items()}
    scores[COMPARATOR] = _by_row(rows, classical)
    mapped = [(row, heat) for row, heat in zip(rows, said.heats, strict=True) if row.mapped]
    if folder is not None:
        for row, heat in mapped:
            folder.write(row, heat)
    pixels = pixel_auroc(data, mapped) if any(row.mask for row in rows) else None
    return Judged(scores, found.trained, gflop(found.model, found.sense), pixels, time.monotonic() - began_s)


def learned(
    category: Category, data: Path, start: Model, sense: Representation, *, budget_s: float, seed: int
) -> Generator[Progress, None, Learned]:
    """A network for one category, trained on its normal. Raises SourceError."""
    normal = yield from _pictures(f"{category.name}: reading", category.normal, data, sense)
    test = yield from _pictures(f"{category.name}: reading", category.judged, data, sense)
    if not start.constants:  # a network to start from looks at parts as it has learned to
        sense = sense.adapted(torch.from_numpy(_some(normal, sense.recipe.adapts_to))[:, None])
        start = replace(start, constants=sense.constants)
    planes = _planes(normal, sense)
    ours = yield from trained(start, sense, [standardise(planes, fit_normal(planes, sense.recipe))], budget_s=budget_s, seed=seed)
    return Learned(sense, ours, normal, _some(planes, _PROFILED), test)


def _said(stage: str, model: Model, found: Learned) -> Generator[Progress, None, Said]:
    """What a network says of the test pictures."""
    sense = found.sense
    known, pooling = fit(model, sense, found.usual), model.follows(sense.recipe).pooling
    told: list[Tensor] = []
    heats: list[Map] = []
    for some in torch.from_numpy(found.test).split(_SOME):
        with torch.inference_mode():
            look = sense.look(some[:, None])
        for part in observed(model, sense, look.planes, known.normal):
            result = score(part, known.profile, pooling)
            told.append(by_detector(result, known.profile, pooling.counts))
            heats += [*scaled(look.in_window(result.heat))]
        yield Progress(stage, len(heats) / len(found.test))
    return Said(torch.cat(told).double().numpy(), heats)


def _pictures(stage: str, rows: Sequence[Row], data: Path, sense: Representation) -> Generator[Progress, None, Pictures]:
    """The rows' pictures. Raises SourceError naming the file."""
    found, view = np.zeros((len(rows), *sense.item), np.uint8), View(sense.item[0])
    for i, row in enumerate(rows):
        with reached(data / row.file):
            check(data / row.file, FILES)
            found[i] = view.item(load(data / row.file))
        yield Progress(stage, (i + 1) / len(rows))
    return found


@torch.inference_mode()
def _planes(pictures: Pictures, sense: Representation) -> Tensor:
    return torch.cat([sense.look(part[:, None]).planes for part in torch.from_numpy(pictures).split(64)])


def _some(normal: S, most: int) -> S:
    """At most so many, evenly spaced."""
    return normal[:: math.ceil(len(normal) / most)]


def _shrunk(pictures: Pictures) -> Pictures:
    """The pictures as the classical detector looks at them, `[n, 128, 128, 3]`, or smaller if they are."""
    n, side = pictures.shape[:2]
    small = min(side, SIDE)
    shrunk: Pictures = pictures.reshape(n, small, side // small, small, side // small, 3).mean((2, 4)).round().astype(np.uint8)
    return shrunk


def _named(rows: Sequence[Row], said: Said) -> dict[str, Scores]:
    return {name: _by_row(rows, said.scores[:, i]) for i, name in enumerate(DETECTORS)}


def _by_row(rows: Sequence[Row], values: NDArray[Any]) -> Scores:
    return {row.number: float(value) for row, value in zip(rows, values, strict=True)}


def _auroc(rows: Sequence[Row], scores: Scores) -> float:
    return judge.auroc([scores[r.number] for r in rows if not r.anomalous], [scores[r.number] for r in rows if r.anomalous])


def _lines(results: dict[str, Judged]) -> Iterator[str]:
    """What there is to say of each category beside the table."""
    told = {name: each.pixels for name, each in results.items() if each.pixels is not None}
    if told:
        yield "pixel AUROC: " + ", ".join(f"{name} {value:.3f}" for name, value in told.items()) + f"; mean {fmean(told.values()):.3f}"
    for name, each in results.items():
        trained = "not trained" if each.trained.loss is None else f"{each.trained.steps} steps, last loss {each.trained.loss:.3f}"
        yield f"{name}: {each.seconds / 60:.1f} min, {trained}"
