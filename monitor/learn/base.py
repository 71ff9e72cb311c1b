"""How the base model is made: a network that has heard many places, all of them made, none real.

Every scene is standardised by its own moments, as a place's sound is by its profile's. No scene holds an alarm, an impact or a
voice: those are for others to find. Its own profile is that of all scenes together; a place needs one of its own.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.checkpoint import Model, save_model
from models.normalise import fit_normal, standardise
from models.representation import Representation
from models.representation.audio import AudioSettings
from models.train import twin
from monitor import __version__
from monitor.learn.corpus import planes
from monitor.learn.fitting import Pieces, fitted, joined, observed, sizes
from monitor.learn.optimise import fresh, optimise, plan
from monitor.learn.training import write
from monitor.opened import representation
from monitor.records import Progress
from monitor.synth.scene import Scene
from monitor.whole import check_writable

SECONDS = 30.0
"""Of each scene."""
_HELD_OUT = 12
"""For so many scenes to learn from, one more that its own profile is made of."""


@dataclass(frozen=True, slots=True)
class Made:
    """What came of it."""

    out: str
    model: str
    """Hash of the network."""
    scenes: int
    steps: int
    loss: float
    making_s: float
    """Wall time of making the scenes (s)."""
    seconds: float
    """Of all."""


def make_base(out: Path, *, scenes: int, budget_s: float, steps: int | None, seed: int) -> Iterator[Progress | Made]:
    """Trains on so many scenes of a seed and writes the model; yields progress, and last of all what came of it.

    The same scenes, seed and number of steps give the same model on one CPU. Raises DiffmonError.
    """
    began_s = time.monotonic()
    check_writable(out)
    grid = asdict(AudioSettings())
    sense = representation("audio", grid)
    heard: list[Tensor] = []
    for i in range(scenes):
        heard.append(scene_planes(sense, seed, i).half())
        yield Progress("making", len(heard) / scenes)
    making_s = time.monotonic() - began_s
    inputs = torch.cat([standardised(sense, each) for each in heard])
    model = fresh("audio", grid, sense, seed=seed)
    schedule = plan(model, sense, inputs, seconds=budget_s - making_s, steps=steps)
    for step in optimise(model, sense, inputs, schedule, seed=seed):
        yield Progress("training", step.number / schedule.steps, step.loss)
    model = rounded(model)
    own = [scene_planes(sense, seed, scenes + i) for i in range(math.ceil(scenes / _HELD_OUT))]
    normal = fit_normal(torch.cat(own), sense.recipe)
    seen = joined(list(observed(model, sense, torch.cat(own), normal)))
    profile, scores = sizes(model, sense, Pieces([], own), normal, seen)
    made = Made(
        out=str(out),
        model=model.hash,
        scenes=scenes,
        steps=step.number,
        loss=round(step.loss, 4),
        making_s=round(making_s, 1),
        seconds=round(time.monotonic() - began_s, 1),
    )
    about = {"base": True, "diffmon": __version__, "scenes": scenes, "steps": made.steps, "loss": made.loss, "seed": seed}
    write(lambda: save_model(out, model, fitted(sense, profile, scores, seed=seed), about), out)
    yield made


def scene_planes(sense: Representation, seed: int, number: int) -> Tensor:
    """Planes `[n, C, H, W]` of one scene of a seed, windows one hop apart."""
    drawn = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    return planes(Scene.drawn(drawn).sound(SECONDS, seed=drawn), sense, sense.hop)


def standardised(sense: Representation, heard: Tensor) -> Tensor:
    """A scene's planes as the network is shown them, in half precision: all of them are in memory at once."""
    return standardise(heard.float(), fit_normal(heard.float(), sense.recipe)).half()


def rounded(model: Model) -> Model:
    """The model with numbers that half precision can hold, so that it can be kept in it."""
    return replace(model, denoiser=twin(model.denoiser).half().float(), bank=model.bank.half().float())
