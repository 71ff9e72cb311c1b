"""Learning: what is trained on and what is held out, that it can be repeated, and what a checkpoint tells of it."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open

from models.checkpoint import Model, load_model
from models.representation.audio import AudioRepresentation, AudioSettings
from monitor.demo.sound import Room
from monitor.learn import training
from monitor.learn.corpus import SHARE, Corpus, Stretch, divide, sample, survey
from monitor.learn.training import Summary, train
from monitor.source.sound import SoundFiles, SoundInfo
from monitor.synth.wave import RATE_HZ
from tests.command import taught_briefly
from tests.conftest import Make

GAP_S = 2.0
SOUND = SoundFiles(16_000)


# --- what is held out


def recordings(durations_s: Sequence[float]) -> list[SoundInfo]:
    """Recordings of these lengths, none of which exists."""
    frames = [round(s * 16_000) for s in durations_s]
    return [SoundInfo(Path(f"{i:06d}.wav"), 16_000, 1, n, n) for i, n in enumerate(frames)]


def ends(stretches: Sequence[Stretch]) -> dict[Path, float]:
    """The last second of each recording that the stretches reach."""
    return {s.path: s.start_s + s.seconds for s in sorted(stretches, key=lambda s: s.start_s)}


def starts(stretches: Sequence[Stretch]) -> dict[Path, float]:
    """The first second of each recording that the stretches reach."""
    return {s.path: s.start_s for s in sorted(stretches, key=lambda s: -s.start_s)}


@given(st.lists(st.floats(0.1, 4000.0), min_size=1, max_size=40))
def test_held_out_lies_behind_training(durations_s: list[float]) -> None:
    """In no recording does held-out normal overlap what is trained on: it is the end, a gap later if there is room for one."""
    found = recordings(durations_s)
    corpus = divide(found, SOUND, GAP_S)
    room = max(r.seconds for r in found) * SHARE >= GAP_S
    trained, held = ends(corpus.training), starts(corpus.held_out)
    assert trained
    assert held
    for path in trained.keys() & held.keys():
        assert trained[path] + (GAP_S if room else 0.0) <= held[path] + 1e-6


@given(st.lists(st.floats(0.1, 4000.0), min_size=1, max_size=40))
def test_stretches_lie_within_their_recordings(durations_s: list[float]) -> None:
    """Every stretch is a piece of its recording, about half a minute at most, and no two of them overlap."""
    found = recordings(durations_s)
    corpus = divide(found, SOUND, GAP_S)
    seconds = {r.path: r.seconds for r in found}
    last_s = dict.fromkeys(seconds, 0.0)
    for s in [*corpus.training, *corpus.held_out]:
        assert last_s[s.path] - 1e-6 <= s.start_s
        assert 0 < s.seconds <= 45.0
        last_s[s.path] = s.start_s + s.seconds
        assert last_s[s.path] <= seconds[s.path] + 1e-6


def test_of_a_long_recording_the_last_quarter_is_held_out() -> None:
    """Two minutes: trained until a gap before 90 s, held out from there to the end."""
    corpus = divide(recordings([120.0]), SOUND, GAP_S)
    assert (0.0, 88.0) == (corpus.training[0].start_s, pytest.approx(ends(corpus.training)[Path("000000.wav")]))
    assert [Stretch(SOUND, Path("000000.wav"), 90.0, 30.0)] == corpus.held_out


def test_of_many_short_recordings_the_last_are_held_out_whole() -> None:
    """Forty recordings of 5 s: ten are held out, and the one before them, which may overlap, is left out."""
    corpus = divide(recordings([5.0] * 40), SOUND, GAP_S)
    assert [f"{i:06d}.wav" for i in range(29)] == [str(s.path) for s in corpus.training]
    assert [f"{i:06d}.wav" for i in range(30, 40)] == [str(s.path) for s in corpus.held_out]


def test_a_file_named_twice_is_one_recording(tmp_path: Path) -> None:
    """As a file, in its folder, and through a link: else the same sound would be trained on and held out."""
    (tmp_path / "kept").mkdir()
    wav = tmp_path / "kept" / "a.wav"
    soundfile.write(wav, np.zeros(20 * RATE_HZ), RATE_HZ)
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    found = survey([wav, tmp_path / "kept", tmp_path / "link" / "a.wav"], SOUND, AudioRepresentation(AudioSettings()))
    assert 1 == len(found.recordings)
    assert 20.0 == found.recordings[0].seconds


# --- a sample of it

STRETCHES = st.lists(st.floats(0.1, 45.0), min_size=1, max_size=60).map(
    lambda lengths: [Stretch(SOUND, Path("a.wav"), 100.0 * i, s) for i, s in enumerate(lengths)]
)


@given(STRETCHES, st.floats(0.0, 2000.0), st.integers(0, 2**32))
def test_a_sample_is_bounded_and_in_order(stretches: list[Stretch], most_s: float, seed: int) -> None:
    """It holds no stretch twice, keeps their order, and is no longer than asked for, but never empty; the same seed gives the same."""
    chosen = sample(stretches, most_s, np.random.default_rng(seed))
    assert chosen == sample(stretches, most_s, np.random.default_rng(seed))
    assert chosen == [s for s in stretches if s in chosen]
    assert 1 == len(chosen) or sum(s.seconds for s in chosen) <= most_s


def test_another_seed_draws_another_sample() -> None:
    """The choice is the seed's."""
    stretches = [Stretch(SOUND, Path("a.wav"), 30.0 * i, 30.0) for i in range(1000)]
    assert sample(stretches, 300.0, np.random.default_rng(1)) != sample(stretches, 300.0, np.random.default_rng(2))


@pytest.mark.parametrize(("count", "each_s"), [(100, 3600.0), (36_000, 10.0), (120_000, 3.0)])
def test_a_hundred_hours_are_planned_without_being_read(count: int, each_s: float) -> None:
    """Divided and sampled in seconds, however they are cut into files; the sample comes from all over them."""
    found = recordings([each_s] * count)
    began_s = time.monotonic()
    corpus: Corpus = divide(found, SOUND, GAP_S)
    chosen = sample(corpus.training, 4096.0, np.random.default_rng(0))
    assert time.monotonic() - began_s < 30
    assert 270_000 == pytest.approx(sum(s.seconds for s in corpus.training), rel=0.001)
    assert 90_000 == pytest.approx(sum(s.seconds for s in corpus.held_out), rel=0.001)
    assert 4000 < sum(s.seconds for s in chosen) <= 4096
    middle = found[count // 2].path
    assert 0.1 < sum(s.path > middle for s in chosen) / len(chosen) < 0.6


# --- training


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A quarter of a minute of a machine room."""
    path = tmp_path_factory.mktemp("plant-room") / "compressor.wav"
    soundfile.write(path, Room.drawn(2).sound(16, seed=5), RATE_HZ)
    return path


def learn(normal: Path, out: Path, *, seed: int, init: Path | None = None, budget_s: float = 5) -> Summary:
    """A model, hardly trained, written to `out`."""
    with pytest.MonkeyPatch.context() as patch:
        taught_briefly(patch)
        *_, summary = train([normal], out, kind="audio", budget_s=budget_s, seed=seed, steps=2, init=init)
    assert isinstance(summary, Summary)
    return summary


def weights(model: Model) -> torch.Tensor:
    """All weights of a network in one row."""
    return torch.cat([p.detach().flatten() for p in model.denoiser.parameters()])


@pytest.fixture(scope="module")
def first(made: Make, short: Path) -> Path:
    """A model of seed 1."""
    return made("first.safetensors", lambda path: learn(short, path, seed=1))


@pytest.fixture(scope="module")
def again(short: Path) -> Summary:
    """What is said of the same once more."""
    return learn(short, short.with_name("again.safetensors"), seed=1)


def test_the_same_seed_and_steps_give_the_same_model(first: Path, again: Summary) -> None:
    """Weights, noise, profile and alarm levels are equal to the last bit."""
    assert load_model(first)[0].hash == again.model
    assert first.read_bytes() == Path(again.out).read_bytes()


def test_another_seed_gives_another_model(short: Path, first: Path, tmp_path: Path) -> None:
    """The seed decides the weights."""
    learn(short, tmp_path / "other.safetensors", seed=2)
    one, other = load_model(first)[0], load_model(tmp_path / "other.safetensors")[0]
    assert one.hash != other.hash
    assert (weights(one) - weights(other)).norm() > 0.1 * weights(one).norm()


def test_training_goes_on_from_a_model(short: Path, first: Path, tmp_path: Path) -> None:
    """Two steps from an existing model, under another seed, leave its weights close by and its noise as it was."""
    learn(short, tmp_path / "further.safetensors", seed=2, init=first)
    before, after = load_model(first)[0], load_model(tmp_path / "further.safetensors")[0]
    assert before.hash != after.hash
    assert torch.equal(before.bank, after.bank)
    assert (weights(before) - weights(after)).norm() < 0.1 * weights(before).norm()


def test_a_checkpoint_names_no_path(short: Path, first: Path) -> None:
    """How it came about is told in numbers: where the recordings lay, and what they are called, stays here."""
    with safe_open(first, framework="pt") as file:
        header = file.metadata()["diffmon"]
    notes = json.loads(header)["notes"]
    assert {"training_s", "held_out_s", "recordings", "steps", "seed", "diffmon", "skipped"} <= set(notes)
    assert not [word for word in (*short.parts[1:], short.stem, "first", "/") if word in header]


def test_the_summary_says_what_was_used(again: Summary) -> None:
    """A quarter is held out; training has the rest but for a gap of one window."""
    assert 4.0 == again.held_out_s
    assert 12.0 - 2.1 == pytest.approx(again.training_s, abs=0.05)
    assert (1, 2, []) == (again.recordings, again.steps, again.unreadable)


def test_all_that_is_held_out_is_judged(short: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes may be fitted on a part; the alarm level rests on every held-out stretch the budget has time for."""
    monkeypatch.setattr(training, "_MOST_SIZED", 12)
    for name in "abcdefgh":
        shutil.copy(short, tmp_path / f"{name}.wav")
    summary = learn(tmp_path, tmp_path / "m.safetensors", seed=1, budget_s=16)
    assert 2 * 16.0 == summary.held_out_s
    assert 3 * 86_400 / summary.held_out_s == pytest.approx(summary.vouched_per_day, rel=0.1)


def test_a_compressed_recording_that_was_cut_short_is_skipped(short: Path, tmp_path: Path) -> None:
    """Its header promises more than is there: what is missing is named, the rest is used."""
    sound, rate_hz = soundfile.read(short)
    soundfile.write(tmp_path / "whole.flac", np.tile(sound, 8), rate_hz)
    data = (tmp_path / "whole.flac").read_bytes()
    (tmp_path / "cut.flac").write_bytes(data[: len(data) // 2])
    summary = learn(tmp_path, tmp_path / "m.safetensors", seed=1)
    assert summary.unreadable
    assert {True} == {"cut.flac" in sentence for sentence in summary.unreadable}
