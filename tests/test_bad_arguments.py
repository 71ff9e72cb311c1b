"""A user's mistakes on the command line and in the configuration, and what the machine lacks: named before any work is done."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.broker import free_port
from tests.command import diffmon, names

# --- configuration

STREAM = '[[stream]]\nname = "room"\nsource = { type = "file", paths = ["room.wav"] }\nmodel = "room.safetensors"\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (STREAM + "hop = 3\n", r"stream\[0\].hop: unknown key"),
        ("[mqtt]\nport = 70000\n" + STREAM, "mqtt.port: 70000: .*65535"),
        ('[mqtt]\nusername = "a"\npassword_file = "gone"\n' + STREAM, "mqtt.password_file: .*gone: cannot be read: No such file"),
        ("jsonl = false\n" + STREAM, r"jsonl: False without \[mqtt\]"),
        (STREAM + "false_alarms_per_day = 0.001\n", r"stream\[0\].false_alarms_per_day: 0.001: .*0.01"),
        ("[mqtt", "not TOML"),
        (None, "no such file"),
    ],
)
def test_a_mistake_in_the_configuration_is_named(text: str | None, expected: str, tmp_path: Path) -> None:
    """`check` and `run` exit with 78 and name file, key, value and what was expected."""
    path = tmp_path / "diffmon.toml"
    if text is not None:
        path.write_text(text)
    for verb in ("check", "run"):
        done = diffmon(verb, "--config", path)
        assert re.search(f"(?m)^diffmon: {re.escape(str(path))}: {expected}", done.stderr), done.stderr
        assert (78, "") == (done.exit_code, done.stdout)


def test_a_gpu_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`check` finds it before the daemon does."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    (tmp_path / "diffmon.toml").write_text('device = "cuda"\n' + STREAM)
    done = diffmon("check", "--config", tmp_path / "diffmon.toml")
    assert (1, "diffmon: device: 'cuda': torch finds no GPU, expected one (or 'auto', 'cpu')\n") == (done.exit_code, done.stderr)


def test_publishing_needs_a_broker_in_the_configuration(model: Path, normal_wav: Path, tmp_path: Path) -> None:
    """A configuration without one is told so, by name."""
    path = tmp_path / "diffmon.toml"
    path.write_text(STREAM)
    done = diffmon("replay", normal_wav, "--model", model, "--publish", "--config", path)
    assert (78, f"diffmon: {path}: mqtt: missing, expected a broker to publish to\n") == (done.exit_code, done.stderr)
    done = diffmon("replay", normal_wav, "--model", model, "--stream", "barn", "--config", path)
    assert (78, f"diffmon: {path}: no stream 'barn', expected one of room\n") == (done.exit_code, done.stderr)


def test_whoever_speaks_to_the_broker_names_the_file_too(model: Path, normal_wav: Path, tmp_path: Path) -> None:
    """`listen` and `replay --publish` read the same password."""
    path = tmp_path / "diffmon.toml"
    path.write_text(f'[mqtt]\nusername = "a"\npassword_file = "gone"\n{STREAM}')
    for arguments in (["listen"], ["replay", normal_wav, "--model", model, "--publish"]):
        done = diffmon(*arguments, "--config", path)
        assert 78 == done.exit_code
        assert done.stderr.startswith(f"diffmon: {path}: mqtt.password_file: {tmp_path}/gone: cannot be read: No such file")


# --- arguments


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["train", "--budget", "3 minutes"], "'--budget': '3 minutes' is not a duration like 90s, 3m or 24h"),
        (["train", "--budget", "-3s"], "'--budget': '-3s' is not a duration like 90s, 3m or 24h"),
        (["train", "--seed", "-1"], "'--seed': -1 is not in the range"),
        (["train", "--seed", "9" * 30], "'--seed': 9{30} is not in the range"),
        (["train", "--steps", "0"], "'--steps': 0 is not in the range"),
        (["train", "--kind", "smell"], "'--kind': 'smell' is not one of 'audio', 'image'"),
        (["train", "--false-alarms-per-day", "0"], "'--false-alarms-per-day': 0.0 is not in the range"),
        (["train", "--false-alarms-per-day", "nan"], "'--false-alarms-per-day': 'nan' is not a number"),
        (["train", "--false-alarms-per-day", "few"], "'--false-alarms-per-day': 'few' is not a number"),
        (["replay", "--model", "m", "--publish"], "--publish needs --config"),
        (["replay", "--model", "m", "--stream", "barn"], "--stream needs --config"),
        (["replay"], "the base model knows no place of its own: '--model M' or '--profile P' is missing"),
    ],
)
def test_a_wrong_argument_is_named(arguments: list[str], expected: str, normal_wav: Path, tmp_path: Path) -> None:
    """A usage error exits with 2 before anything is read or written."""
    out = ["--out", str(tmp_path / "out")] if arguments[0] == "train" else []
    done = diffmon(*arguments, normal_wav, *out)
    assert re.search(expected, done.stderr), done.stderr
    assert 2 == done.exit_code
    assert [] == names(tmp_path)


# --- what the machine lacks


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("file/out", "file is not a folder"),
        ("missing/out", "the folder .*missing does not exist"),
        ("folder", "is a folder, expected the name of a file"),
    ],
)
@pytest.mark.parametrize("verb", ["train", "calibrate", "score"])
def test_an_unwritable_place_is_named(verb: str, place: str, expected: str, model: Path, normal_wav: Path, tmp_path: Path) -> None:
    """It is told at once, not after the work, and nothing is left there."""
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    by = ["--model", str(model)] if verb != "train" else []
    done = diffmon(verb, normal_wav, *by, "--csv" if verb == "score" else "--out", tmp_path / place)
    assert re.match(f"diffmon: {tmp_path / place}: .*{expected}\n$", done.stderr), done.stderr
    assert (1, "") == (done.exit_code, done.stdout)
    assert ["file", "folder"] == names(tmp_path)


def test_a_machine_without_portaudio_is_told_what_to_install() -> None:
    """`devices` needs a system library."""
    program = "import ctypes.util; ctypes.util.find_library = lambda n: None; from monitor.cli import main; main(['devices'])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert (1, "diffmon: PortAudio is not installed: apt-get install libportaudio2\n") == (done.returncode, done.stderr)


@pytest.mark.parametrize("broker", ["localhost", "localhost:0", "localhost:99999", "localhost:²", 'a"b:1883', ":1883"])
def test_the_demos_broker_is_checked_first(broker: str, tmp_path: Path) -> None:
    """An address that cannot be one is refused before anything is made."""
    done = diffmon("demo", "--out", tmp_path / "demo", "--mqtt", broker)
    assert (1, []) == (done.exit_code, names(tmp_path))
    assert f"--mqtt: {broker!r}, expected HOST:PORT" in done.stderr


def test_the_demos_broker_must_be_there(tmp_path: Path) -> None:
    """A broker that cannot be reached is named before a minute goes into training."""
    done = diffmon("demo", "--out", tmp_path / "demo", "--mqtt", f"127.0.0.1:{free_port()}")
    assert (1, []) == (done.exit_code, names(tmp_path))
    assert "cannot be reached" in done.stderr


def test_the_demos_folder_must_be_writable(tmp_path: Path) -> None:
    """A file in the way is named."""
    (tmp_path / "file").touch()
    done = diffmon("demo", "--out", tmp_path / "file" / "demo")
    assert 1 == done.exit_code
    assert f"{tmp_path / 'file' / 'demo'}: cannot be made: Not a directory" in done.stderr


@pytest.mark.parametrize("device", ["/dev/null", "/dev/zero"])
def test_a_device_is_not_replaced_by_a_file(device: str, tmp_path: Path) -> None:
    """Output that would take the place of a device is refused."""
    done = diffmon("train", tmp_path, "--out", device)
    assert 1 == done.exit_code
    assert f"{device}: is not a regular file, expected the name of a file" in done.stderr
    assert Path(device).is_char_device()
