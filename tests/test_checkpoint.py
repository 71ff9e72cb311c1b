"""Models and profiles on disk: what is written comes back bit for bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from models.checkpoint import Model, load_model, load_profile, save_model, save_profile
from tests.checkpoints import GRID, fitted, model, same
from tests.checkpoints import profiled as profiled
from tests.checkpoints import saved as saved


def test_convolutions_lie_as_they_are_fast(saved: Path) -> None:
    """A network that was loaded lies in memory as one that was made."""
    weight = load_model(saved)[0].denoiser.net.down[0].first[2].weight
    assert weight.is_contiguous(memory_format=torch.channels_last)


def test_a_model_comes_back_as_it_was(saved: Path) -> None:
    """Weights, noise, settings, profile and alarm levels are bit for bit what was saved, and so is the hash."""
    before = model()
    after, own = load_model(saved)
    weights = after.denoiser.state_dict()
    assert ("audio", GRID, before.denoiser.settings) == (after.kind, after.grid, after.denoiser.settings)
    assert before.denoiser.state_dict().keys() == weights.keys()
    assert all(torch.equal(value, weights[name]) for name, value in before.denoiser.state_dict().items())
    assert torch.equal(before.bank, after.bank)
    assert before.hash == after.hash
    assert same(fitted(), own)


def test_a_loaded_network_is_only_for_use(saved: Path) -> None:
    """What is loaded is in evaluation mode and has no gradients."""
    denoiser = load_model(saved)[0].denoiser
    assert not denoiser.training
    assert not any(weight.requires_grad for weight in denoiser.parameters())


def test_a_profile_comes_back_as_it_was(profiled: Path) -> None:
    """A profile and its alarm levels are bit for bit what was saved."""
    assert same(fitted(), load_profile(profiled, model()))


def header(path: Path) -> dict[str, Any]:
    """What any reader of safetensors can see of a checkpoint."""
    with safe_open(path, framework="pt") as file:
        found: dict[str, Any] = json.loads(file.metadata()["diffmon"])
    return found


def test_the_header_can_be_read_alone(saved: Path, profiled: Path) -> None:
    """Type, kind, hash and how it came about are told of models and profiles alike."""
    assert ("model", "audio", model().hash, {"seed": 7}) == tuple(header(saved)[k] for k in ("type", "kind", "model", "notes"))
    assert ("profile", model().hash, {"seconds": 30}) == tuple(header(profiled)[k] for k in ("type", "model", "notes"))


def test_the_hash_names_one_network() -> None:
    """Another weight, noise, grid or kind is another model; the same again is the same."""
    one = model()
    nudged = model()
    nudged.denoiser.net.enter.weight[0, 0, 0, 0] += 1e-6
    others = [
        nudged,
        Model("audio", GRID, one.denoiser, one.bank + 1e-6),
        Model("audio", {**GRID, "bands": 32}, one.denoiser, one.bank),
        Model("image", GRID, one.denoiser, one.bank),
    ]
    assert one.hash == model().hash
    assert 16 == len(one.hash)
    assert 5 == len({one.hash, *(other.hash for other in others)})


@pytest.mark.parametrize("suffix", ["", ".bin", ".pt", ".pkl"])
def test_the_suffix_does_not_matter(tmp_path: Path, suffix: str) -> None:
    """A model is read by what is in it, not by its name."""
    path = tmp_path / f"model{suffix}"
    save_model(path, model(), fitted(), {})
    assert model().hash == load_model(path)[0].hash


def test_saving_replaces_what_was_there(saved: Path) -> None:
    """A second save leaves the new model whole, and nothing beside it."""
    save_model(saved, model(1), fitted(1), {})
    assert model(1).hash == load_model(saved)[0].hash
    assert [saved] == list(saved.parent.iterdir())


def test_a_target_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    """Where a folder stands in the way, or none is there, saving fails and no part of a file is left."""
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        save_model(tmp_path / "taken", model(), fitted(), {})
    with pytest.raises(OSError, match="none"):
        save_profile(tmp_path / "none" / "p", fitted(), kind="audio", model="", notes={})
    assert [tmp_path / "taken"] == list(tmp_path.iterdir())
