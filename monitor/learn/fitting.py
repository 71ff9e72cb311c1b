"""One stream's profile and alarm levels from planes of its normal: what `train`, `calibrate` and `evaluate` share."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.calibrate import p_value
from models.checkpoint import Fitted, Model
from models.denoiser import Denoiser
from models.fit import fit_profile, with_p_values
from models.normalise import Normal, standardise
from models.profile import Profile
from models.recipe import Observed
from models.representation import Representation
from models.score import observe, score
from monitor import alarm
from monitor.build import timed
from monitor.config import StreamConfig

_CHUNK = 16
# The levels that are found hold for the times that a stream has by default.
_TIMES = {f"{name}_s": StreamConfig.model_fields[name].default for name in ("quiet", "cooldown", "update")}


@dataclass(frozen=True, slots=True)
class Pieces:
    """Planes of a stream's normal, one tensor `[n, C, H, W]` a stretch, windows one hop apart, in order of time."""

    training: Sequence[Tensor]
    held_out: Sequence[Tensor]

    @property
    def all(self) -> Tensor:
        """Every window `[N, C, H, W]`."""
        return torch.cat([*self.training, *self.held_out])


def observed(model: Model, sense: Representation, planes: Tensor, normal: Normal) -> Iterator[Observed]:
    """What the network makes of planes `[N, C, H, W]`, some windows at a time, so that progress can be shown."""
    yield from _seen(model.denoiser, model, sense, planes, normal)


def learned(model: Model, sense: Representation, planes: Tensor, normal: Normal) -> Iterator[Observed]:
    """The same of all the planes that it was trained on: with a Gaussian inside, of each fold by that of the others."""
    if model.folded is None:
        yield from observed(model, sense, planes, normal)
        return
    for prior, own in zip(model.folded.folds, model.folded.stretches(len(planes)), strict=True):
        yield from _seen(model.denoiser.within(prior), model, sense, planes[own], normal)


def looked_at(model: Model, sense: Representation, pieces: Pieces, normal: Normal) -> Iterator[Observed]:
    """The same of all pieces, in their order."""
    if pieces.training:
        yield from learned(model, sense, torch.cat([*pieces.training]), normal)
    yield from observed(model, sense, torch.cat([*pieces.held_out]), normal)


@torch.inference_mode()
def _seen(denoiser: Denoiser, model: Model, sense: Representation, planes: Tensor, normal: Normal) -> Iterator[Observed]:
    recipe = model.follows(sense.recipe)
    for chunk in planes.split(_CHUNK) if len(planes) else ():
        yield observe(denoiser, standardise(chunk, normal), normal, model.bank, recipe)


def joined(parts: Sequence[Observed]) -> Observed:
    """One record of many."""
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def sizes(model: Model, sense: Representation, pieces: Pieces, normal: Normal, seen: Observed) -> tuple[Profile, list[Tensor]]:
    """Profile from what the network made of `pieces.all`, and the crosswise scores of each held-out stretch."""
    profile, scores = fit_profile(normal, seen, math.ceil(sense.length / sense.hop) - 1, model.follows(sense.recipe).pooling)
    held_out = scores[sum(map(len, pieces.training)) :]
    return profile, list(held_out.split([len(p) for p in pieces.held_out]))


@torch.inference_mode()
def scored(model: Model, sense: Representation, planes: Tensor, profile: Profile) -> Tensor:
    """Scores `[N]` of planes `[N, C, H, W]` that the profile was not fitted on."""
    normal, pooling = Normal(profile.mean, profile.deviation, profile.subband), model.follows(sense.recipe).pooling
    return torch.cat([planes.new_zeros(0), *(score(part, profile, pooling).value for part in observed(model, sense, planes, normal))])


def fitted(sense: Representation, profile: Profile, held_out: Sequence[Tensor], *, seed: int) -> Fitted:
    """The profile with its p-values, and its alarm levels, from scores `[n]` of each held-out stretch in order of time."""
    profile = with_p_values(profile, torch.cat([*held_out]))
    curve = alarm.fit(
        [s.numpy() for s in held_out if len(s)],
        p_value=lambda s: p_of(s, profile),
        rule=timed(sense, alarm_p=0.0, **_TIMES),
        hop_s=sense.hop / sense.rate_hz,
        length_s=sense.length / sense.rate_hz,
        rng=np.random.default_rng(seed),
    )
    return Fitted(profile, {k: torch.from_numpy(np.asarray(v)).float() for k, v in curve.arrays().items()})


def p_of(scores: np.ndarray, profile: Profile) -> np.ndarray:
    """p-values of scores `[n]` under one profile."""
    n = len(scores)
    values = p_value(torch.from_numpy(scores).float(), profile.quantiles.expand(n, -1), profile.tail.expand(n, -1))
    return values.numpy()
