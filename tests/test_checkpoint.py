"""Models and profiles on disk: what is written comes back bit for bit, anything else is refused in one sentence."""

from __future__ import annotations

import json
import pickle
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Generator

from models.checkpoint import CheckpointError, Fitted, Model, load_model, load_profile, save_model, save_profile
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


def test_convolutions_lie_as_they_are_fast(saved: Path) -> None:
    """A network that was loaded lies in memory as one that was made."""
    weight = load_model(saved)[0].denoiser.net.down[0].first[2].weight
    assert weight.is_contiguous(memory_format=torch.channels_last)


def refusal(path: Path) -> str:
    """What is said of a file that is no model; it names the path, on one line."""
    with pytest.raises(CheckpointError) as caught:
        load_model(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert "\n" not in text
    return text


def own_header(path: Path) -> range:
    """Where in a file our own part of its header lies."""
    data = path.read_bytes()
    start = data.index(b'{\\"format\\"')
    return range(start, data.index(b'}"', start) + 1)


def numbers(path: Path) -> range:
    """Where in a file the tensors lie."""
    data = path.read_bytes()
    return range(8 + int.from_bytes(data[:8], "little"), len(data))


def flip(path: Path, at: int, bits: int = 1) -> None:
    """Damages one byte of a file."""
    data = bytearray(path.read_bytes())
    data[at] ^= bits
    path.write_bytes(data)


def same(one: Fitted, other: Fitted) -> bool:
    """Whether two profiles with their alarm levels are equal bit for bit."""
    assert one.alarm.keys() == other.alarm.keys()
    mine, theirs = one.profile.tensors(), other.profile.tensors()
    assert mine.keys() == theirs.keys()
    values = [(mine[name], theirs[name]) for name in mine]
    values += [(one.alarm[k], other.alarm[k]) for k in one.alarm]
    return all(torch.equal(a, b) and a.dtype == b.dtype for a, b in values)


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


@pytest.mark.parametrize("kept", [0.0, 0.0001, 0.02, 0.2, 0.5, 0.9, 0.9999])
def test_a_file_that_was_cut_short_is_refused(saved: Path, kept: float) -> None:
    """Wherever a model ends too early, it is refused."""
    data = saved.read_bytes()
    saved.write_bytes(data[: int(kept * len(data))])
    assert "not a diffmon checkpoint, or cut short" in refusal(saved)


@pytest.mark.parametrize("missing", [1, 4])
def test_a_file_that_lacks_its_last_bytes_is_refused(profiled: Path, missing: int) -> None:
    """A profile without its last byte or number is refused."""
    profiled.write_bytes(profiled.read_bytes()[:-missing])
    with pytest.raises(CheckpointError, match="cut short"):
        load_profile(profiled, model())


@pytest.mark.parametrize("content", [b"", b"hello\n", b"\0" * 200, b"\xff" * 200, b"RIFF\x24\0\0\0WAVEfmt " + b"\0" * 40])
def test_a_file_that_is_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    """Empty files, texts, zeros and recordings are no models."""
    path = tmp_path / "m"
    path.write_bytes(content)
    assert "not a diffmon checkpoint" in refusal(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A path that leads nowhere is said to."""
    assert f"{tmp_path / 'none'}: no such file" == refusal(tmp_path / "none")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    """A folder is no model."""
    assert "not a diffmon checkpoint" in refusal(tmp_path)


def test_tensors_of_another_program_are_refused(tmp_path: Path) -> None:
    """A safetensors file without our header, or with that of a later format, is refused."""
    path = tmp_path / "other.safetensors"
    save_file({"weight": torch.ones(3)}, path)
    assert "not written by diffmon" in refusal(path)
    save_file({"weight": torch.ones(3)}, path, {"diffmon": json.dumps({"format": 99, "type": "model"})})
    assert f"{path}: format 99, this version reads 6: train and calibrate again" == refusal(path)


def test_a_profile_is_no_model_and_a_model_no_profile(saved: Path, profiled: Path) -> None:
    """Each is refused where the other was asked for."""
    assert f"{profiled}: is a profile, expected a model" == refusal(profiled)
    with pytest.raises(CheckpointError, match="is a model, expected a profile") as caught:
        load_profile(saved, model())
    assert str(saved) in str(caught.value)


def test_a_profile_of_another_model_is_refused(profiled: Path) -> None:
    """A profile fits the model it was made for and no other: both are named."""
    with pytest.raises(CheckpointError) as caught:
        load_profile(profiled, model(1))
    assert f"{profiled}: profile of model {model().hash}, expected one of model {model(1).hash}" == str(caught.value)


@pytest.mark.parametrize("place", [0.0, 0.1, 0.37, 0.5, 0.82, 0.99999])
def test_one_wrong_bit_in_a_model_is_noticed(saved: Path, place: float) -> None:
    """Damage to a weight, or to the model's own profile, is refused however small."""
    where = numbers(saved)
    flip(saved, where[int(place * len(where))])
    assert "damaged" in refusal(saved)


def test_one_wrong_bit_in_a_profile_is_noticed(profiled: Path) -> None:
    """Damage to a profile is refused: it might never raise an alarm again."""
    flip(profiled, numbers(profiled)[30], bits=64)
    with pytest.raises(CheckpointError, match="damaged"):
        load_profile(profiled, model())


def test_a_damaged_header_is_refused(profiled: Path) -> None:
    """Whichever byte of our own header is damaged: a profile loads as it was, or is refused in a sentence."""
    whole, loaded, said = profiled.read_bytes(), model(), []
    for at in own_header(profiled):
        flip(profiled, at)
        try:
            assert same(fitted(), load_profile(profiled, loaded))
        except CheckpointError as error:
            said.append(str(error))
        profiled.write_bytes(whole)
    assert len(said) > 100
    assert {str(profiled)} == {text.split(": ")[0] for text in said}


def test_a_damaged_header_of_a_model_is_refused(saved: Path) -> None:
    """Whichever byte of our own header is damaged: a model loads as it was, or is refused in a sentence."""
    whole, name, said = saved.read_bytes(), model().hash, []
    for at in own_header(saved)[::3]:
        flip(saved, at)
        try:
            assert name == load_model(saved)[0].hash
        except CheckpointError as error:
            said.append(str(error))
        saved.write_bytes(whole)
    assert len(said) > 50
    assert {str(saved)} == {text.split(": ")[0] for text in said}


class Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["m.safetensors", "m.pt", "m.pkl", "m"])
def test_nothing_is_unpickled(tmp_path: Path, name: str) -> None:
    """A pickle is refused unread, by itself and as torch saves it, whatever its name."""
    path, sprung = tmp_path / name, tmp_path / "sprung"
    path.write_bytes(pickle.dumps(Trap(sprung)))
    assert "not a diffmon checkpoint" in refusal(path)
    torch.save(Trap(sprung), path)
    assert "not a diffmon checkpoint" in refusal(path)
    assert not sprung.exists()


def test_a_target_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    """Where a folder stands in the way, or none is there, saving fails and no part of a file is left."""
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        save_model(tmp_path / "taken", model(), fitted(), {})
    with pytest.raises(OSError, match="none"):
        save_profile(tmp_path / "none" / "p", fitted(), kind="audio", model="", notes={})
    assert [tmp_path / "taken"] == list(tmp_path.iterdir())
