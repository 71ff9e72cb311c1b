"""How a scene is learned: by a model of its own, or by a profile for the one that comes with the program."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click
import soundfile

from monitor.base import BASE, base_file
from monitor.demo.scene import About
from monitor.learn import training
from monitor.present import follow

MODEL, PROFILE, MINUTE = "model.safetensors", "profile.safetensors", "minute.wav"
_MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class Learned:
    """What the scene is judged by."""

    toml: str
    """As the configuration names it."""
    options: str
    """As `replay` does."""


Learn = Callable[[About, Path, int], Learned]
"""Learns from the scene's normal in a folder, with a seed."""


def own_model(budget_s: float | None) -> Learn:
    """Trains for so long, or as long as the scene needs."""

    def learn(about: About, out: Path, seed: int) -> Learned:
        click.echo(f"Learning what is normal {about.learning}:")
        seconds = budget_s or about.budget_s
        model = out / MODEL
        follow(training.train([out / about.normal], model, kind=about.kind, budget_s=seconds, seed=seed, grid=about.grid), as_json=False)
        return Learned(f'model = "{MODEL}"', f"--model {model}")

    return learn


def base_model(about: About, out: Path, seed: int) -> Learned:
    """Takes a minute of normal, and no step of training."""
    click.echo(f"Calibrating the base model on {_MINUTE_S:.0f} s of the machine room:")
    rate_hz = soundfile.info(out / about.normal).samplerate
    samples, _ = soundfile.read(out / about.normal, frames=round(_MINUTE_S * rate_hz), dtype="float32")
    soundfile.write(out / MINUTE, samples, rate_hz)
    follow(training.calibrate([out / MINUTE], out / PROFILE, model_path=base_file(), budget_s=60.0, seed=seed), as_json=False)
    return Learned(f'model = "{BASE}"\nprofile = "{PROFILE}"', f"--profile {out / PROFILE}")
