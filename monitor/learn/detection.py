"""What the detectors say: of every window by a network and its profiles, of every clip by each detector."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from models.checkpoint import Model
from models.normalise import Normal, fit_normal
from models.profile import Profile
from models.representation import Representation
from models.score import PARTS, Score, score
from monitor.learn.comparator import LogMelMahalanobis
from monitor.learn.fitting import Pieces, joined, learned, observed, sizes
from monitor.learn.heard import Clips, normal_planes
from monitor.learn.places import Place, System
from monitor.records import Progress

FUSION = "fusion"

Key = tuple[str, int]
"""The site or class that is taken as normal, and the number of the row that is judged."""
Scores = dict[Key, float]
"""Score of each judged clip; larger is stranger."""
Values = NDArray[Any]
Pool = Callable[[Values], Any]
"""A clip's score, of those of its windows `[n]`."""


@dataclass(frozen=True, slots=True)
class Fit:
    """What a network takes as normal at one place."""

    normal: Normal
    profile: Profile
    usual: Tensor
    """Scores `[n]` of the place's own normal, each by what was fitted on the rest of it."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What the networks say of all places."""

    windows: dict[Key, Values]
    """Scores of the windows of each judged clip, `[n, D]`, a column a detector."""
    detectors: tuple[str, ...]
    """What the columns are."""
    usual: dict[str, Values]
    """Fused scores `[n]` of each place's own normal, as in `Fit`."""


def fit(model: Model, sense: Representation, planes: Tensor) -> Fit:
    """What is normal, of planes `[n, C, H, W]` of it, windows one hop apart in order of time."""
    normal = fit_normal(planes, sense.recipe)
    profile, [usual] = sizes(model, sense, Pieces([], [planes]), normal, joined(list(learned(model, sense, planes, normal))))
    return Fit(normal, profile, usual)


def judged(
    stage: str, models: Sequence[Model], systems: Sequence[System], sense: Representation, heard: Clips
) -> Generator[Progress, None, Judged]:
    """Scores of the windows of all judged clips, each system by its own network; the profiles are of the places' normal."""
    found = Judged({}, detectors(len(models[0].follows(sense.recipe).pooling.counts)), {})
    pairs = [(model, place) for model, system in zip(models, systems, strict=True) for place in system]
    total, done = sum(len(heard[row].planes) for _, place in pairs for row in place.judged), 0
    for model, place in pairs:
        known = fit(model, sense, normal_planes(place, heard))
        seen = []
        for part in _by_window(model, sense, known, torch.cat([heard[row].planes for row in place.judged])):
            seen.append(part)
            done += len(part)
            yield Progress(stage, done / total)
        clips = torch.cat(seen).split([len(heard[row].planes) for row in place.judged])
        found.windows.update({(place.name, row.number): clip.numpy() for row, clip in zip(place.judged, clips, strict=True)})
        found.usual[place.name] = known.usual.numpy()
    return found


def _by_window(model: Model, sense: Representation, known: Fit, planes: Tensor) -> Iterator[Tensor]:
    """Scores `[n, D]`, by detector, some windows at a time."""
    pooling = model.follows(sense.recipe).pooling
    for part in observed(model, sense, planes, known.normal):
        yield by_detector(score(part, known.profile, pooling), known.profile, pooling.counts)


def detectors(parts: int) -> tuple[str, ...]:
    """Each part of a score by itself, the fusion of all, and of the first ones alone."""
    names = PARTS[:parts]
    return (*names, FUSION, *(" + ".join(names[:some]) for some in range(2, parts)))


def by_detector(result: Score, profile: Profile, counts: Sequence[int]) -> Tensor:
    """The scores of each window by each detector, `[n, D]` in the order of `detectors`."""
    share = torch.tensor(counts, dtype=torch.float32)  # every statistic counts alike, as in the fusion
    surprises = result.parts * profile.mean_scale[:-1] + profile.mean_location[:-1]
    firsts = [surprises[:, :some] @ (share[:some] / share[:some].sum()) for some in range(2, len(counts))]
    return torch.stack([*result.parts.unbind(1), result.value, *firsts], 1)


def pooled(found: Judged, pool: Pool) -> dict[str, Scores]:
    """Scores of the clips, by detector."""
    return {name: {key: float(pool(clip[:, i])) for key, clip in found.windows.items()} for i, name in enumerate(found.detectors)}


def compared(places: Sequence[Place], heard: Clips, pool: Pool) -> Scores:
    """Scores of the judged clips by the classical detector, fitted on each place's normal."""
    scores: Scores = {}
    for place in places:
        detector = LogMelMahalanobis.fit([heard[row].statistics for row in place.normal])
        scores |= {(place.name, row.number): float(pool(detector.distances(heard[row].statistics))) for row in place.judged}
    return scores


def normal_scores(places: Sequence[Place], found: Judged) -> dict[str, list[Values]]:
    """Fused scores `[n]` of the windows of each normal clip to judge, by place, in the table's order."""
    fused = found.detectors.index(FUSION)
    return {
        place.name: [found.windows[place.name, row.number][:, fused] for row in place.judged if row.role == "normal"] for place in places
    }
