"""The model that comes with the program: what it is, where it may be named, and that a place needs a profile for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from models.checkpoint import load_model
from monitor.base import base_file, is_base, model_file
from monitor.config import load
from monitor.demo.fault import Planted
from monitor.errors import ConfigError
from monitor.learn.base import Made, make_base
from tests.command import diffmon, names


def test_it_is_small_and_of_half_precision() -> None:
    """At most 15 MB, and no weight of the network takes more than two bytes."""
    assert base_file().stat().st_size < 15_000_000
    with safe_open(base_file(), framework="pt") as file:
        weights = [name for name in file.keys() if name.startswith("network.")]  # noqa: SIM118 - not a dict
        assert {torch.float16} == {file.get_tensor(name).dtype for name in weights}
    model, _ = load_model(base_file())
    assert "audio" == model.kind
    assert all(weight.dtype == torch.float32 for weight in model.denoiser.parameters())


@pytest.mark.parametrize("name", ["./base", "folder/base", "base.safetensors"])
def test_it_has_a_name_that_a_file_may_have_too(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, normal_wav: Path) -> None:
    """`base` is the one that comes with the program; a path is a file, on the command line and in the configuration."""
    monkeypatch.chdir(tmp_path)
    assert is_base(model_file("base"))
    assert Path(name) == model_file(name)
    done = diffmon("score", normal_wav, "--model", name)
    assert (1, f"diffmon: {Path(name)}: no such file\n") == (done.exit_code, done.stderr)


@pytest.fixture(scope="module")
def hall(tmp_path_factory: pytest.TempPathFactory, normal_wav: Path) -> Path:
    """A profile of a machine room for it, of two minutes."""
    out = tmp_path_factory.mktemp("hall") / "hall.safetensors"
    done = diffmon("calibrate", normal_wav, "--out", out)
    assert 0 == done.exit_code, done.stderr
    return out


def test_a_new_place_takes_a_profile_alone(hall: Path, faulty: tuple[Path, list[Planted]]) -> None:
    """Without a model of its own, and without naming one: of four faults in a minute three at least are found, and nothing else."""
    recording, planted = faulty
    done = diffmon("replay", recording, "--profile", hall, "--json")
    assert 0 == done.exit_code, done.stderr
    began = recording.stat().st_mtime - 76
    at_s = [e["start_unix"] - began for e in map(json.loads, done.stdout.splitlines()) if e.get("type") == "new"]
    found = [any(p.onset_s - 1 <= at <= p.end_s + 2 for at in at_s) for p in planted]
    assert sum(found) >= 3
    assert len(at_s) <= len(planted)


def test_a_profile_of_another_model_is_refused(tmp_path: Path, model: Path, pieces: Path) -> None:
    """A profile that was made for a model must be judged by that model, and it is said of which it is."""
    own = tmp_path / "own.safetensors"
    assert 0 == diffmon("calibrate", pieces / "a.wav", "--model", model, "--out", own).exit_code
    done = diffmon("score", pieces / "a.wav", "--profile", own)
    assert 1 == done.exit_code
    assert f"{own}: profile of model" in done.stderr


@pytest.mark.parametrize("verb", ["score", "replay"])
def test_alone_it_judges_nothing(verb: str, normal_wav: Path) -> None:
    """It knows no place: a profile is asked for, and how one is made is said."""
    for arguments in ([], ["--model", "base"]):
        done = diffmon(verb, normal_wav, *arguments)
        assert 2 == done.exit_code
        assert "diffmon calibrate RECORDINGS --out P" in done.stderr


def test_the_daemon_needs_a_profile_or_time_to_learn(tmp_path: Path) -> None:
    """A stream of the base model has a profile, or listens first."""
    config = tmp_path / "diffmon.toml"
    stream = '[[stream]]\nname = "a"\nsource = { type = "file", paths = ["a.wav"] }\nmodel = "base"\n'
    config.write_text(stream)
    with pytest.raises(ConfigError, match=r"stream\[0\]: profile: missing: the base model knows no place of its own"):
        load(config)
    config.write_text(stream + 'learn_for = "10m"\n')
    assert base_file() == load(config).stream[0].model
    config.write_text(stream + 'profile = "a.safetensors"\n')
    assert tmp_path / "a.safetensors" == load(config).stream[0].profile


@pytest.mark.usefixtures("briefly")
def test_training_starts_from_it(tmp_path: Path, normal_wav: Path) -> None:
    """What is trained from it looks at sound as it does, and is another network."""
    out = tmp_path / "room.safetensors"
    done = diffmon("train", normal_wav, "--init", "base", "--steps", "2", "--budget", "3s", "--out", out)
    assert 0 == done.exit_code, done.stderr
    assert "the same again: the same recordings and budget, --seed 0 --steps 2\n" in done.stdout
    trained, base = load_model(out)[0], load_model(base_file())[0]
    assert base.grid == trained.grid
    assert base.hash != trained.hash


def test_it_can_be_made_again(tmp_path: Path) -> None:
    """The same scenes, seed and steps give the same network; nothing but the file is left behind."""
    hashes = []
    for name in ("one", "two"):
        *_, made = make_base(tmp_path / name, scenes=1, budget_s=60, steps=2, seed=3)
        assert isinstance(made, Made)
        hashes.append(made.model)
    assert hashes[0] == hashes[1]
    assert ["one", "two"] == names(tmp_path)
