"""What is no model, or no profile of one, is refused in one sentence, and never unpickled."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from models.checkpoint import CheckpointError, load_model, load_profile
from tests.checkpoints import fitted, model, same
from tests.checkpoints import profiled as profiled
from tests.checkpoints import saved as saved


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
