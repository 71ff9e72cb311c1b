"""What is measured: a model, and what is normal in the room that is played."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import soundfile

from monitor.base import base_file
from monitor.bench.track import normal
from monitor.engine import kind_of
from monitor.learn import training
from monitor.opened import Opened, open_for
from monitor.records import Progress
from monitor.synth.wave import RATE_HZ

_BUDGET_S = 15.0


@dataclass(frozen=True, slots=True)
class Stage:
    """Files, and what is in them."""

    model: Path
    profile: Path | None
    """The model's own if none."""
    opened: Opened
    trained: bool


def prepared(model: Path | None, folder: Path) -> Generator[Progress, None, Stage]:
    """A model, the one that comes with the program if none is named and that is there, else a fresh one; with a profile of the room.

    A model of pictures keeps its own profile. What is made lies in the folder. Raises DiffmonError.
    """
    chosen, room, profile = model or base_file(), folder / "normal.wav", folder / "profile.safetensors"
    soundfile.write(room, normal(), RATE_HZ)
    if model is None and not chosen.exists():
        chosen = folder / "fresh.safetensors"
        yield from _progress(training.train([room], chosen, kind="audio", budget_s=_BUDGET_S, seed=0, steps=1))
        return Stage(chosen, None, open_for(chosen, None), trained=False)
    if kind_of(chosen) != "audio":
        return Stage(chosen, None, open_for(chosen, None), trained=True)
    yield from _progress(training.calibrate([room], profile, model_path=chosen, budget_s=_BUDGET_S, seed=0))
    return Stage(chosen, profile, open_for(chosen, profile), trained=True)


def _progress(records: Iterator[Any]) -> Iterator[Progress]:
    yield from (record for record in records if isinstance(record, Progress))
