"""A model and a profile of arbitrary numbers, on disk."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
import torch
from torch import Generator

from models.checkpoint import Fitted, Model, save_model, save_profile
from models.denoiser import Denoiser
from models.noise import Noise
from models.profile import Profile
from models.unet import UNetSettings

GRID = {"rate_hz": 8000, "bands": 16}


def model(seed: int = 0) -> Model:
    """A small network with weights of its own."""
    denoiser = Denoiser(UNetSettings(4, (8, 8, 8))).requires_grad_(False).eval()
    generator = Generator().manual_seed(seed)
    for weight in denoiser.parameters():
        weight.normal_(generator=generator)
    return Model("audio", GRID, denoiser, Noise((1, 16, 8), (0,), (1, 4, 16)).bank(generator))


def fitted(seed: int = 0) -> Fitted:
    """A profile of arbitrary numbers, with alarm levels."""
    generator = Generator().manual_seed(seed)
    own = {f.name: torch.randn(2, 3, generator=generator) for f in fields(Profile) if f.name != "sizes"}
    profile = Profile(sizes={"energy": torch.randn(4, generator=generator)}, **own)
    return Fitted(profile, {"rates_per_day": torch.tensor([10.0, 1.0]), "held_out_s": torch.tensor([60.0])})


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A model on disk."""
    path = tmp_path / "hall.safetensors"
    save_model(path, model(), fitted(), {"seed": 7})
    return path


@pytest.fixture
def profiled(tmp_path: Path) -> Path:
    """A profile of that model on disk."""
    path = tmp_path / "yard.safetensors"
    save_profile(path, fitted(), kind="audio", model=model().hash, notes={"seconds": 30})
    return path


def same(one: Fitted, other: Fitted) -> bool:
    """Whether two profiles with their alarm levels are equal bit for bit."""
    assert one.alarm.keys() == other.alarm.keys()
    mine, theirs = one.profile.tensors(), other.profile.tensors()
    assert mine.keys() == theirs.keys()
    values = [(mine[name], theirs[name]) for name in mine]
    values += [(one.alarm[k], other.alarm[k]) for k in one.alarm]
    return all(torch.equal(a, b) and a.dtype == b.dtype for a, b in values)
