"""A user's mistakes: each is answered with a sentence that names it and what was expected, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from models.checkpoint import Model, load_model, save_model, save_profile
from monitor.demo.sound import Room
from monitor.synth.wave import RATE_HZ
from tests.broker import until
from tests.command import diffmon, names
from tests.scripted import PATIENCE_S

RUN = [sys.executable, "-m", "monitor.cli"]


def noise(seconds: float, rate_hz: int = RATE_HZ, channels: int = 1) -> np.ndarray:
    """Noise at -26 dBFS, `[n, channels]`."""
    shape = (round(seconds * rate_hz), channels)
    return 0.05 * np.random.default_rng(0).standard_normal(shape).astype(np.float32)


@pytest.fixture(scope="session")
def wav(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seconds that can be read."""
    path = tmp_path_factory.mktemp("good") / "good.wav"
    soundfile.write(path, noise(10), RATE_HZ)
    return path


# --- sound that is none


def picture(path: Path) -> None:
    """Writes a PNG of one pixel."""
    chunks = [(b"IHDR", struct.pack(">2I5B", 1, 1, 8, 0, 0, 0, 0)), (b"IDAT", zlib.compress(b"\0\0")), (b"IEND", b"")]
    body = b"".join(struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def not_finite(path: Path) -> None:
    """Writes a float WAV with one sample that is not a number."""
    samples = noise(5)
    samples[40_000] = np.nan
    soundfile.write(path, samples, RATE_HZ, subtype="FLOAT")


NO_SOUND = "is not a sound file that can be read, expected WAV, FLAC, OGG or MP3"


@pytest.mark.parametrize(
    ("name", "write", "expected"),
    [
        ("empty.wav", lambda p: p.touch(), "is empty, expected a sound file"),
        ("text.wav", lambda p: p.write_text("hello\n" * 99), NO_SOUND),
        ("picture.png", picture, NO_SOUND),
        ("none.wav", lambda p: soundfile.write(p, noise(0), RATE_HZ), "holds no samples, expected sound"),
        ("one.wav", lambda p: soundfile.write(p, noise(1)[:1], RATE_HZ), "lasts 0.0001 s, expected at least 0.1 s"),
        ("nan.wav", not_finite, "sample 40000 (2.50 s) is nan, expected finite samples"),
    ],
)
def test_what_is_no_sound_is_named(name: str, write: Callable[[Path], object], expected: str, model: Path, tmp_path: Path) -> None:
    """`score` and `replay` say of the file what is wrong, count it, and exit with 1."""
    path = tmp_path / name
    write(path)
    for verb in ("score", "replay"):
        done = diffmon(verb, path, "--model", model)
        assert f"diffmon: {path}: {expected}\ndiffmon: 1 file could not be used\n" == done.stderr
        assert 1 == done.exit_code


@pytest.mark.parametrize("verb", ["score", "replay", "train", "calibrate"])
def test_a_path_without_sound_is_named(verb: str, model: Path, tmp_path: Path) -> None:
    """A path that does not exist, and a folder of pictures."""
    out = ["--out", str(tmp_path / "out")] if verb in ("train", "calibrate") else []
    by = ["--model", str(model)] if verb != "train" else []
    (tmp_path / "pictures").mkdir()
    picture(tmp_path / "pictures" / "one.png")
    missing = diffmon(verb, tmp_path / "gone.wav", *by, *out)
    assert (1, f"diffmon: {tmp_path}/gone.wav: no such file or folder\n") == (missing.exit_code, missing.stderr)
    pictures = diffmon(verb, tmp_path / "pictures", *by, *out)
    assert f"diffmon: {tmp_path}/pictures: no sound file in this folder, expected one of .aif" in pictures.stderr
    assert 1 == pictures.exit_code
    assert ["pictures", "pictures/one.png"] == names(tmp_path)


def test_what_is_left_of_a_truncated_file_is_judged(model: Path, wav: Path, tmp_path: Path) -> None:
    """Half a file is scored as what it is, and the log says how much is missing."""
    path = tmp_path / "half.wav"
    path.write_bytes(wav.read_bytes()[:160_044])
    done = diffmon("score", path, "--model", model, "--json")
    assert (0, 5.0) == (done.exit_code, json.loads(done.stdout)["seconds"])
    told = json.loads(done.stderr)
    assert ("source.truncated", str(path), 10.0, 5.0) == (told["event"], told["path"], told["promised_s"], told["found_s"])


@pytest.mark.parametrize(("name", "rate_hz", "channels"), [("telephone.wav", 8000, 2), ("studio.flac", 44_100, 1)])
def test_other_rates_and_channels_are_no_mistake(name: str, rate_hz: int, channels: int, model: Path, tmp_path: Path) -> None:
    """Stereo at 8 kHz and FLAC at 44.1 kHz are judged without a word."""
    soundfile.write(tmp_path / name, noise(5, rate_hz, channels), rate_hz)
    done = diffmon("score", tmp_path / name, "--model", model, "--json")
    assert (0, "") == (done.exit_code, done.stderr)
    assert 5.0 == json.loads(done.stdout)["seconds"]


# --- normal that cannot be learned from


@pytest.mark.usefixtures("briefly")
def test_bad_files_among_many_are_skipped(tmp_path: Path) -> None:
    """Of 50 short files one is no sound and one goes bad half way: both are named and counted, the rest is learned."""
    folder = tmp_path / "normal"
    folder.mkdir()
    sound = Room.drawn(1).sound(48, seed=3)
    for i in range(48):
        soundfile.write(folder / f"{i:03d}.wav", sound[i * RATE_HZ :][:RATE_HZ], RATE_HZ)
    (folder / "010a.wav").write_text("hello")
    bad = sound[:RATE_HZ].astype(np.float32)
    bad[8000] = np.inf
    soundfile.write(folder / "000a.wav", bad, RATE_HZ, subtype="FLOAT")
    done = diffmon("train", folder, "--out", tmp_path / "m", "--budget", "5s", "--steps", "2", "--json")
    assert f"diffmon: {folder}/010a.wav: {NO_SOUND}\n" in done.stderr
    assert f"diffmon: {folder}/000a.wav: sample 8000 (0.50 s) is inf, expected finite samples\n" in done.stderr
    assert done.stderr.endswith("diffmon: 2 files could not be used\n")
    assert (1, 3) == (done.exit_code, done.stderr.count("\n"))
    assert load_model(tmp_path / "m")[0].hash == json.loads(done.stdout)["model"]


@pytest.mark.parametrize("verb", ["train", "calibrate"])
def test_too_little_normal_is_refused(verb: str, model: Path, tmp_path: Path) -> None:
    """Three seconds are no normal to learn, and it says how much is."""
    soundfile.write(tmp_path / "three.wav", noise(3), RATE_HZ)
    by = ["--model", str(model)] if verb == "calibrate" else []
    done = diffmon(verb, tmp_path / "three.wav", *by, "--out", tmp_path / "out")
    assert (1, "diffmon: 3.0 s of normal in all, expected at least 8.4 s\n") == (done.exit_code, done.stderr)
    assert ["three.wav"] == names(tmp_path)


def test_what_is_read_is_not_written_over(model: Path, wav: Path, tmp_path: Path) -> None:
    """A recording, also one of a folder, and the model to calibrate for: refused, and whole."""
    recording, judge = tmp_path / "normal" / "a.wav", tmp_path / "m"
    recording.parent.mkdir()
    recording.write_bytes(wav.read_bytes())
    judge.write_bytes(model.read_bytes())
    for verb, read, out in [
        (["train"], recording.parent, recording),
        (["calibrate", "--model", judge], recording.parent, recording),
        (["calibrate", "--model", judge], recording, judge),
        (["score", "--model", judge], recording, recording),
    ]:
        done = diffmon(*verb, read, "--csv" if verb[0] == "score" else "--out", out)
        assert (1, f"diffmon: {out}: is to be read, expected another file to write to\n") == (done.exit_code, done.stderr)
    assert (wav.read_bytes(), model.read_bytes()) == (recording.read_bytes(), judge.read_bytes())
    assert ["m", "normal", "normal/a.wav"] == names(tmp_path)


# --- models and profiles


def of_another_kind(model: Path, path: Path) -> None:
    """Writes the same network as one of a sense that there is not."""
    known, fitted = load_model(model)
    save_model(path, Model("smell", known.grid, known.denoiser, known.bank), fitted, {})


def altered(model: Path, path: Path) -> None:
    """Writes the model with its last bytes changed."""
    path.write_bytes(model.read_bytes()[:-8] + b"altered!")


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (lambda model, path: None, "no such file"),
        (lambda model, path: path.mkdir(), "not a diffmon checkpoint"),
        (lambda model, path: path.write_text("hello\n" * 99), "not a diffmon checkpoint"),
        (lambda model, path: path.write_bytes(model.read_bytes()[:-1000]), "not a diffmon checkpoint, or cut short"),
        (altered, "damaged: its numbers have hash [0-9a-f]{16}, its header says [0-9a-f]{16}"),
        (of_another_kind, "a model of kind 'smell', expected 'audio'"),
        (lambda model, path: save_profile(path, load_model(model)[1], kind="audio", model="0", notes={}), "is a profile, expected a model"),
    ],
)
def test_what_is_no_model_is_named(write: Callable[[Path, Path], object], expected: str, model: Path, wav: Path, tmp_path: Path) -> None:
    """The message names the file given as model and what is wrong with it, for judging and for training on."""
    path = tmp_path / "x.safetensors"
    write(model, path)
    for verb in (["score", wav, "--model", path], ["train", wav, "--init", path, "--out", tmp_path / "out"]):
        done = diffmon(*verb)
        assert re.match(f"diffmon: {path}: {expected}", done.stderr), done.stderr
        assert (1, 1) == (done.exit_code, done.stderr.count("\n"))
        assert not (tmp_path / "out").exists()


def test_what_is_no_profile_of_the_model_is_named(model: Path, wav: Path, tmp_path: Path) -> None:
    """A profile of another model, and a model given as profile."""
    known, fitted = load_model(model)
    other = tmp_path / "p.safetensors"
    save_profile(other, fitted, kind="audio", model="0123456789abcdef", notes={})
    done = diffmon("score", wav, "--model", model, "--profile", other)
    assert f"diffmon: {other}: profile of model 0123456789abcdef, expected one of model {known.hash}\n" == done.stderr
    assert 1 == done.exit_code
    done = diffmon("replay", wav, "--model", model, "--profile", model)
    assert (1, f"diffmon: {model}: is a model, expected a profile\n") == (done.exit_code, done.stderr)


# --- a process of its own


def test_no_traceback_is_printed(tmp_path: Path) -> None:
    """The program itself says one sentence and exits with the code of the mistake."""
    done = subprocess.run([*RUN, "listen", "--config", tmp_path / "gone.toml"], capture_output=True, text=True, timeout=120, check=False)
    assert (78, f"diffmon: {tmp_path}/gone.toml: no such file\n") == (done.returncode, done.stderr)


def heeding_interrupts() -> None:
    """What a shell does for a command in the foreground; a test run in the background ignores Ctrl-C, and its children with it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_an_interrupted_training_leaves_nothing(wav: Path, tmp_path: Path) -> None:
    """Ctrl-C while it trains: exit 130, a word, and neither a model nor a part of one."""
    ours, theirs = pty.openpty()
    shown = bytearray()

    def watch() -> None:
        try:
            while data := os.read(ours, 4096):
                shown.extend(data)
        except OSError:
            return  # so Linux ends a terminal that nobody writes to any more

    command = [*RUN, "train", wav, "--out", tmp_path / "m", "--budget", "10m"]
    # A terminal, since only there is progress shown.
    training = subprocess.Popen(command, stderr=theirs, stdout=subprocess.DEVNULL, preexec_fn=heeding_interrupts)
    os.close(theirs)
    watcher = threading.Thread(target=watch, name="terminal")
    watcher.start()
    try:
        until(lambda: b"training" in shown or training.poll() is not None, timeout_s=PATIENCE_S)
        training.send_signal(signal.SIGINT)
        assert 130 == training.wait(PATIENCE_S)
    finally:
        training.kill()
        training.wait()
        watcher.join(60)
        os.close(ours)
    assert b"diffmon: interrupted" in shown
    assert b"Traceback" not in shown
    assert [] == names(tmp_path)
