"""`calibrate --from-state`: a profile of what the daemon kept; outliers left out, marked clips in, and the one before put back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.checkpoint import load_model, save_profile
from monitor.config import load
from monitor.engine import pick_device
from monitor.learn.corpus import planes
from monitor.learn.fitting import p_of, scored
from monitor.learn.trimming import MOST, outliers, without
from monitor.normal import NormalLog
from monitor.offline import setting
from monitor.opened import Opened, about, engines, open_for, open_stream
from monitor.records import Window
from monitor.state import keep_previous, make_folder, previous, profile_path
from tests.command import diffmon

HOP_S, STRETCH = 0.5, 60
Array = np.ndarray


@pytest.fixture(scope="module")
def heard(model: Path, normal_wav: Path) -> Array:
    """Planes of a minute of normal, as the daemon keeps them."""
    sense = open_for(model, None, kind="audio").representation
    sound = soundfile.read(normal_wav, dtype="float32", always_2d=True, frames=60 * sense.rate_hz)[0]
    return planes(sound, sense, sense.hop).half().numpy()


def configured(folder: Path, model: Path) -> Path:
    """A configuration whose state is below the folder."""
    path = folder / "diffmon.toml"
    source = 'source = { type = "microphone" }'
    path.write_text(f'state_dir = "state"\n[[stream]]\nname = "room"\nmodel = "{model}"\n{source}\n', encoding="utf-8")
    return path


def kept(folder: Path, model: Path, heard: Array) -> None:
    """The log that a daemon leaves which heard that."""
    loaded, _ = load_model(model)
    log = NormalLog(folder / "state" / "normal" / "room", about=about("audio", loaded), hop_s=HOP_S, keep_s=7200)
    for i in range(0, len(heard), STRETCH):
        log._write(heard[i : i + STRETCH], 1767323045 + i * HOP_S)
    log.close()


def in_force(config: Path) -> Opened:
    """What the daemon would judge the stream by."""
    loaded = load(config)
    return open_stream(loaded.stream[0], loaded.state_dir)


def calibrated(config: Path, *more: str | Path) -> dict[str, object]:
    """What `calibrate --from-state` says."""
    done = diffmon("calibrate", "--from-state", "room", "--config", config, "--json", *more)
    assert 0 == done.exit_code, done.output
    told: dict[str, object] = json.loads(done.stdout)
    return told


def planted(heard: Array) -> Array:
    """The same with a bang in one window in 24: all bands 13 dB louder for a third of it."""
    spoilt = heard.copy()
    spoilt[7::24, :, :, 10:20] += 3
    return spoilt


def p_of_bangs(opened: Opened, heard: Array) -> float:
    """The p-value of a bang in the middle of many."""
    bangs = torch.from_numpy(planted(heard)[7::24]).float()
    return float(np.median(p_of(scored(opened.model, opened.representation, bangs, opened.fitted.profile).numpy(), opened.fitted.profile)))


def test_outliers_are_left_out(model: Path, heard: Array, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a bang in every 24th of the windows that were kept, a bang is still no normal; without trimming it would be."""
    kept(tmp_path, model, planted(heard))
    config = configured(tmp_path, model)
    assert 5 == calibrated(config)["left_out"]
    assert p_of_bangs(in_force(config), heard) < 1e-9
    monkeypatch.setattr("monitor.learn.trimming.FAR", 1e9)
    assert 0 == calibrated(config)["left_out"]
    assert p_of_bangs(in_force(config), heard) > 1e-3


def test_what_was_marked_is_normal(model: Path, heard: Array, tmp_path: Path) -> None:
    """A tone that was marked as normal is no anomaly to the profile any more; it is not trimmed, and one that cannot be read is named."""
    kept(tmp_path, model, heard)
    config = configured(tmp_path, model)
    sense = open_for(model, None, kind="audio").representation
    tone = 0.2 * np.sin(2 * np.pi * 1500 / sense.rate_hz * np.arange(6 * sense.rate_hz)).astype(np.float32)
    before = float(scored_by(in_force(config), tone))
    marked = tmp_path / "state" / "normal" / "room" / "marked"
    marked.mkdir()
    soundfile.write(marked / "0123456789abcdef.flac", tone, sense.rate_hz)
    (marked / "fedcba9876543210.flac").write_bytes(b"no sound")
    done = diffmon("calibrate", "--from-state", "room", "--config", config)
    assert 1 == done.exit_code
    assert "fedcba9876543210.flac: is not a sound file" in done.stderr
    assert scored_by(in_force(config), tone) < before / 3


def scored_by(opened: Opened, sound: Array) -> float:
    """The median score of a sound's windows."""
    return float(
        scored(opened.model, opened.representation, planes(sound[:, None], opened.representation, 8000), opened.fitted.profile).median()
    )


def test_the_newest_part_alone(model: Path, heard: Array, tmp_path: Path) -> None:
    """Of two stretches of 30 and 28 s the newer; other representations' count for nothing."""
    kept(tmp_path, model, heard)
    other = NormalLog(tmp_path / "state" / "normal" / "room", about="other", hop_s=HOP_S, keep_s=7200)
    other._write(heard[:STRETCH], 1767324045)
    other.close()
    told = calibrated(configured(tmp_path, model), "--newest", "20s", "--out", tmp_path / "new.profile")
    assert (1, 28.0) == (told["recordings"], told["held_out_s"])
    assert (tmp_path / "new.profile").exists()
    assert not profile_path(tmp_path / "state", "room").exists()


def test_a_profile_is_put_back_and_forth(model: Path, tmp_path: Path) -> None:
    """The one made here goes before the configured until it is put back; the one before the last is in force after that, or none."""
    config = configured(tmp_path, model)
    made_here = profile_path(tmp_path / "state", "room")
    loaded, fitted = load_model(model)
    make_folder(made_here.parent)
    save_profile(made_here, fitted, kind="audio", model=loaded.hash, notes={"number": 1})
    assert in_force(config).made_here
    first = made_here.read_bytes()
    keep_previous(made_here)
    save_profile(made_here, fitted, kind="audio", model=loaded.hash, notes={"number": 2})
    second = made_here.read_bytes()
    for now, before in [(first, second), (second, first)]:
        assert 0 == diffmon("calibrate", "--from-state", "room", "--config", config, "--put-back").exit_code
        assert (now, before) == (made_here.read_bytes(), previous(made_here).read_bytes())
    previous(made_here).unlink()
    assert "what is configured is in force again" in diffmon("calibrate", "--from-state", "room", "--config", config, "--put-back").stdout
    assert (False, second) == (in_force(config).made_here, previous(made_here).read_bytes())
    previous(made_here).unlink()
    assert "nothing to put back" in diffmon("calibrate", "--from-state", "room", "--config", config, "--put-back").stderr


def test_replay_judges_as_the_daemon_does(model: Path, tmp_path: Path) -> None:
    """By the profile that was made here, unless model or profile are named."""
    config = configured(tmp_path, model)
    for named, expected in [({}, tmp_path / "state"), ({"model": model}, None), ({"profile": tmp_path / "p"}, None)]:
        given: dict[str, Path | None] = {"model": None, "profile": None, **named}
        assert expected == setting(config_path=config, name=None, rate=None, paths=[], **given).state


def test_one_stream_of_several_gets_another_profile(model: Path, heard: Array) -> None:
    """As if it had had that from the start; the other stream of the network is judged as before."""
    opened = open_for(model, None, kind="audio")
    louder = replace(opened.fitted, profile=replace(opened.fitted.profile, mean=opened.fitted.profile.mean + 1))
    both = {"a": opened, "b": opened}
    engine, expected = (engines(each, pick_device("cpu"))["a"] for each in (both, {**both, "a": replace(opened, fitted=louder)}))
    items = 0.05 * np.random.default_rng(1).standard_normal((opened.representation.length, 1)).astype(np.float32)
    windows = [Window(name, 0, items, 0) for name in both]
    before = engine.judge(windows)
    engine.replace("a", louder)
    after = engine.judge(windows)
    assert expected.judge(windows)[0].score == after[0].score != before[0].score
    assert before[1].score == after[1].score
    assert (2, *opened.representation.shape) == engine.planes(windows).shape


@pytest.mark.parametrize("damaged", [False, True])
def test_a_profile_of_another_model_is_ignored(model: Path, tmp_path: Path, logs: list[dict[str, object]], damaged: bool) -> None:
    """With a warning, and so is one that is damaged: what is configured is in force."""
    config = configured(tmp_path, model)
    made_here = profile_path(tmp_path / "state", "room")
    make_folder(made_here.parent)
    if damaged:
        made_here.write_bytes(b"nonsense")
    else:
        save_profile(made_here, load_model(model)[1], kind="audio", model="0" * 16, notes={})
    assert not in_force(config).made_here
    assert [("profile.ignored", "warning")] == [(e["event"], e["log_level"]) for e in logs]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--from-state", "room"], "--from-state needs --config"),
        (["a.wav", "--from-state", "room", "--config", "diffmon.toml"], "PATHS and --from-state exclude each other"),
        (["--model", "m", "--from-state", "room", "--config", "diffmon.toml"], "--model and --from-state exclude each other"),
        (["--out", "m", "--put-back", "--from-state", "room", "--config", "diffmon.toml"], "--put-back and --out exclude each other"),
        (["a.wav", "--model", "m", "--out", "p", "--put-back"], "--put-back needs --from-state"),
        (["a.wav"], "Missing --out (or '--from-state')."),
        ([], "Missing PATHS (or '--from-state')."),
    ],
)
def test_the_two_forms_are_not_mixed(arguments: list[str], expected: str) -> None:
    """A usage error names what does not fit or is missing."""
    done = diffmon("calibrate", *arguments)
    assert 2 == done.exit_code
    assert expected in done.stderr


def test_what_is_missing_is_said(model: Path, tmp_path: Path) -> None:
    """No state folder, no such stream, and no normal."""
    config = configured(tmp_path, model)
    done = diffmon("calibrate", "--from-state", "pump", "--config", config)
    assert (78, f"diffmon: {config}: no stream 'pump', expected one of room\n") == (done.exit_code, done.stderr)
    done = diffmon("calibrate", "--from-state", "room", "--config", config)
    assert (1, "holds 0.0 s of normal that this model can use, expected at least 8.4 s") == (
        done.exit_code,
        done.stderr.split(": ")[-1].strip(),
    )
    config.write_text(config.read_text().replace('state_dir = "state"', ""))
    done = diffmon("calibrate", "--from-state", "room", "--config", config)
    assert (78, f"diffmon: {config}: state_dir: missing") == (done.exit_code, done.stderr.split(", expected")[0])


@given(st.lists(st.lists(st.booleans(), max_size=8), min_size=1, max_size=4))
@settings(deadline=None, derandomize=True, max_examples=50)
def test_what_is_left_is_every_other_window(gone: list[list[bool]]) -> None:
    """The parts between outliers hold all other windows, in order, none twice, and none that a hole divides."""

    class Numbered:
        seconds = 4.0

        def __init__(self, at: int, count: int) -> None:
            self.numbers = torch.arange(at, at + count)

        def planes(self, sense: object, stride: int) -> torch.Tensor:
            return self.numbers

    stretches = [Numbered(10 * i, len(each)) for i, each in enumerate(gone)]
    left = without(stretches, [torch.tensor(each, dtype=torch.bool) for each in gone], HOP_S)
    parts = [part.planes(None, 0).tolist() for part in left]  # type: ignore[arg-type]
    assert [10 * i + j for i, each in enumerate(gone) for j, out in enumerate(each) if not out] == [n for part in parts for n in part]
    assert all(list(range(part[0], part[-1] + 1)) == part for part in parts if part)


def test_no_more_than_a_twentieth_is_left_out() -> None:
    """However many windows lie far off, and however few: of 1000 at most 50, of normal scores none."""
    rng = torch.Generator().manual_seed(1)
    scores = torch.randn(1000, generator=rng)
    assert not torch.cat(outliers([scores[:300], scores[300:]])).any()
    scores[:200] += 100
    found = outliers([scores[:300], scores[300:]])
    assert [300, 700] == [len(each) for each in found]
    assert round(MOST * 1000) == int(torch.cat(found).sum())


def test_a_profile_that_is_damaged_is_not_put_back(model: Path, tmp_path: Path) -> None:
    """The one that is in force stays."""
    config = configured(tmp_path, model)
    made_here = profile_path(tmp_path / "state", "room")
    loaded, fitted = load_model(model)
    make_folder(made_here.parent)
    save_profile(made_here, fitted, kind="audio", model=loaded.hash, notes={})
    before = made_here.read_bytes()
    previous(made_here).write_bytes(before[:1000])
    told = diffmon("calibrate", "--from-state", "room", "--config", config, "--put-back")
    assert (1, before) == (told.exit_code, made_here.read_bytes())
    assert str(previous(made_here)) in told.stderr
