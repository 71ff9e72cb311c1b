"""What the verbs answer to good input: tables, JSON, models and profiles."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
from click.testing import Result

from models.checkpoint import load_model, load_profile
from monitor.demo.sound import Room
from monitor.learn.training import Summary
from monitor.present import sentences
from monitor.synth.wave import RATE_HZ
from tests.command import diffmon, lines, names, read, taught_briefly

WINDOW = 33_536
"""Samples of a window."""


# --- score


@pytest.fixture(scope="module")
def scored(model: Path, pieces: Path) -> Result:
    """What `score` says of the folder in JSON."""
    return diffmon("score", pieces, "--model", model, "--json")


def test_score_prints_a_row_a_file_or_writes_it(model: Path, pieces: Path, tmp_path: Path) -> None:
    """The columns of the contract; windows and seconds as they are; the strange file stands out, and most in its worst window.

    `--csv` writes the table to a file, whole, and nothing to standard output.
    """
    done = diffmon("score", pieces, "--model", model)
    written = diffmon("score", pieces, "--model", model, "--csv", tmp_path / "out.csv")
    assert (0, "") == (written.exit_code, written.stdout)
    assert done.stdout == (tmp_path / "out.csv").read_text(encoding="utf-8")
    assert ["out.csv"] == names(tmp_path)
    assert (0, f"diffmon: {pieces}/c/d.wav: short: 1.5 s, repeated to fill one window\n") == (done.exit_code, done.stderr)
    header, *rows = csv.reader(done.stdout.splitlines())
    assert ["file", "score", "mean_score", "p_value", "windows", "seconds"] == header
    assert [f"{pieces}/{name}" for name in ("a.wav", "b, strange.wav", "c/d.wav")] == [row[0] for row in rows]
    normal, strange, short = ([float(v) for v in row[1:]] for row in rows)
    # Every half second that leaves a whole window, and one more that ends with the file.
    assert [17.0, 10.0] == normal[3:]
    assert [1.0, 1.5] == short[3:]
    assert strange[0] > 2 * normal[0]
    assert strange[1] > normal[1]
    assert 0 < strange[2] < normal[2] <= 1


def test_a_file_is_scored_as_it_is_replayed(model: Path, pieces: Path, scored: Result) -> None:
    """The score of a file is that of the strangest window that replay finds."""
    found = lines(scored.stdout)
    replayed = [r for r in lines(diffmon("replay", pieces, "--model", model, "--json").stdout) if "file" in r]
    same = ("file", "windows", "seconds", "short")
    assert [[s[k] for k in same] for s in found] == [[r[k] for k in same] for r in replayed]
    assert [s["score"] for s in found] == pytest.approx([r["score"] for r in replayed], rel=1e-4, abs=1e-4)


def test_score_json_holds_the_table(scored: Result) -> None:
    """One object a file, with the columns as keys, and whether it was short."""
    found = lines(scored.stdout)
    assert [{"file", "score", "mean_score", "p_value", "windows", "seconds", "short"}] * 3 == [set(f) for f in found]
    assert [False, False, True] == [f["short"] for f in found]


def test_a_short_file_is_repeated_to_a_window(model: Path, pieces: Path, tmp_path: Path) -> None:
    """It scores as the same sound played there and back for one window."""
    short, _ = soundfile.read(pieces / "c" / "d.wav", dtype="float32")
    soundfile.write(tmp_path / "long.wav", np.pad(short, (0, WINDOW - len(short)), mode="symmetric"), RATE_HZ)
    (expected,) = lines(diffmon("score", tmp_path / "long.wav", "--model", model, "--json").stdout)
    (found,) = lines(diffmon("score", pieces / "c" / "d.wav", "--model", model, "--json").stdout)
    assert (1, 1, False) == (expected["windows"], found["windows"], expected["short"])
    assert expected["score"] == pytest.approx(found["score"], rel=1e-4)


def test_a_csv_stays_a_csv_beside_json(model: Path, pieces: Path, tmp_path: Path) -> None:
    """With --csv and --json the file holds the table, and the output JSON."""
    done = diffmon("score", pieces / "a.wav", "--model", model, "--csv", tmp_path / "s.csv", "--json")
    assert ["file", "score"] == (tmp_path / "s.csv").read_text().splitlines()[0].split(",")[:2]
    assert str(pieces / "a.wav") == lines(done.stdout)[0]["file"]


# --- train, calibrate


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder with 24 s of normal and the model that was trained on it, and what `train` said in JSON."""
    folder = tmp_path_factory.mktemp("trained")
    soundfile.write(folder / "n.wav", Room.drawn(1).sound(24, seed=2), RATE_HZ)
    asked = ["--steps", "2", "--budget", "5s", "--seed", "7", "--false-alarms-per-day", "20", "--json"]
    with pytest.MonkeyPatch.context() as patch:
        taught_briefly(patch)
        done = diffmon("train", folder / "n.wav", "--out", folder / "m", *asked)
    assert (0, "") == (done.exit_code, done.stderr)
    return folder, read(done.stdout)


def test_train_says_what_its_alarm_level_rests_on(trained: tuple[Path, dict[str, Any]]) -> None:
    """Normal used and held out, the level for the rate that was asked for, the smallest rate vouched for, and that it is extrapolated.

    The level is the very number that `replay` judges by and prints.
    """
    folder, summary = trained
    assert (6.0, 20.0, 2) == (summary["held_out_s"], summary["false_alarms_per_day"], summary["steps"])
    assert 18 - WINDOW / RATE_HZ == pytest.approx(summary["training_s"], abs=0.05)
    assert 3 * 86_400 / 6.0 == pytest.approx(summary["vouched_per_day"], rel=0.1)
    assert summary["extrapolated"] is True
    (outcome,) = lines(diffmon("replay", folder / "n.wav", "--model", folder / "m", "--false-alarms-per-day", "20", "--json").stdout)
    assert summary["threshold"] == outcome["threshold"]
    assert ["m", "n.wav"] == names(folder)


def test_train_tells_the_same_in_words(trained: tuple[Path, dict[str, Any]]) -> None:
    """A person reads what was learned, and how to do it again; the alarm level rounded once, as `replay` rounds it."""
    told = list(sentences(Summary(**trained[1] | {"threshold": 4.1351})))
    assert "the same again: the same recordings and budget, --seed 7 --steps 2" in told
    assert "calibrated on 6 s of normal that training did not see" in told
    assert "alarm level for 20 false alarms a day: score 4.14" in told
    assert any(line.startswith("smallest rate that the held-out normal can vouch for: ") for line in told)
    assert "it is extrapolated" in told[-1]


def test_calibrate_makes_a_profile_of_another_place(model: Path, pieces: Path, tmp_path: Path) -> None:
    """It names its model, is accepted by replay, and finds the new place's own sound normal, which the model's own profile does not."""
    place = tmp_path / "normal.wav"
    soundfile.write(place, Room.drawn(5).sound(20, seed=4), RATE_HZ)
    profile = tmp_path / "p.safetensors"
    done = diffmon("calibrate", place, "--model", model, "--out", profile, "--json")
    assert (0, "") == (done.exit_code, done.stderr)
    summary = read(done.stdout)
    assert (0, None, 20.0) == (summary["steps"], summary["loss"], summary["held_out_s"])
    assert 60 > summary["seconds"]
    network, _ = load_model(model)
    load_profile(profile, network)
    assert network.hash == summary["model"]
    (own,) = lines(diffmon("score", place, "--model", model, "--json").stdout)
    (fitting,) = lines(diffmon("score", place, "--model", model, "--profile", profile, "--json").stdout)
    assert fitting["mean_score"] < 2 < own["mean_score"]
    replayed = diffmon("replay", place, "--model", model, "--profile", profile, "--json", "--fail-on-anomaly")
    assert (0, 0) == (replayed.exit_code, lines(replayed.stdout)[-1]["events"])
    assert summary["threshold"] == lines(replayed.stdout)[-1]["threshold"]


# --- devices


@pytest.fixture
def sound_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with one microphone and one loudspeaker, as the audio library describes them."""
    cards = [
        {"index": 0, "name": "speaker", "max_input_channels": 0, "default_samplerate": 48_000.0, "hostapi": 0},
        {"index": 1, "name": "USB microphone", "max_input_channels": 2, "default_samplerate": 44_100.0, "hostapi": 0},
    ]
    library = SimpleNamespace(query_hostapis=lambda: [{"name": "ALSA"}], query_devices=lambda: cards)
    monkeypatch.setitem(sys.modules, "sounddevice", library)


@pytest.mark.usefixtures("sound_card")
def test_devices_lists_the_microphones() -> None:
    """Name, host, channels and rate of what can be listened to, for a person and for a program."""
    assert "USB microphone  (ALSA, 2 channels, 44100 Hz)\n" == diffmon("devices").stdout
    (found,) = json.loads(diffmon("devices", "--json").stdout)
    assert {"kind": "microphone", "index": 1, "name": "USB microphone", "channels": 2, "rate_hz": 44_100.0, "host": "ALSA"} == found
