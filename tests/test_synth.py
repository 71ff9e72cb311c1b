"""The sounds that the base network is trained on."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from monitor.synth.scene import KINDS, Scene
from monitor.synth.wave import RATE_HZ, Doubles, Floats, bell, falling, harmonics, noise, turns, wandering

SECONDS = 8


def sound(kind: str, character: int, stretch: int) -> Floats:
    """A stretch of one thing of a kind."""
    return KINDS[kind](np.random.default_rng(character))(SECONDS * RATE_HZ, np.random.default_rng(stretch))


def rms(x: Floats) -> float:
    """Root of the mean square."""
    return float(np.sqrt(np.mean(np.square(x, dtype=np.float64))))


def spectrum_db(x: Floats) -> Doubles:
    """Level of 24 bands of equal width in octaves."""
    power = np.abs(np.fft.rfft(x.ravel())) ** 2
    edges = np.geomspace(40, RATE_HZ / 2, 25) * len(x) / RATE_HZ
    return np.array([10 * np.log10(power[int(a) : int(b)].mean() + 1e-12) for a, b in pairwise(edges)])


@pytest.mark.parametrize("kind", KINDS)
def test_everything_is_about_as_loud(kind: str) -> None:
    """RMS is about 1 while it runs; what rests or blows is at times softer or louder, nothing is cut off or not a number."""
    for character in range(4):
        x = sound(kind, character, 50)
        assert (SECONDS * RATE_HZ,) == x.shape
        assert np.float32 == x.dtype
        assert np.isfinite(x).all()
        assert 0.3 < rms(x) < 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_character_is_kept_and_a_stretch_is_not(kind: str) -> None:
    """The same seeds give the same samples; another stretch shares the spectrum and no sample, another character has another one."""
    one, again, other = sound(kind, 1, 60), sound(kind, 1, 60), sound(kind, 1, 61)
    assert np.array_equal(one, again)
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.5
    alike = np.abs(spectrum_db(one) - spectrum_db(other)).mean()
    unlike = np.mean([np.abs(spectrum_db(one) - spectrum_db(sound(kind, c, 60))).mean() for c in range(2, 6)])
    assert alike < 0.6 * unlike


@pytest.mark.parametrize("seed", range(6))
def test_a_scene_is_as_loud_as_drawn(seed: int) -> None:
    """What is heard is at the scene's level but for what rests, within full scale, and made of its seeds."""
    scene = Scene.drawn(seed)
    x = scene.sound(SECONDS, seed=1)
    assert (SECONDS * RATE_HZ, 1) == x.shape
    assert np.abs(x).max() <= 1
    assert abs(20 * np.log10(rms(x)) - scene.level_db) < 6
    assert np.array_equal(x, Scene.drawn(seed).sound(SECONDS, seed=1))
    assert abs(np.corrcoef(x[:, 0], scene.sound(SECONDS, seed=2)[:, 0])[0, 1]) < 0.5


def test_scenes_hold_every_kind() -> None:
    """Fifty places have all that is made in them somewhere."""
    assert {name for seed in range(50) for name, _, _ in Scene.drawn(seed).sources} == {*KINDS}


def test_harmonics_are_at_multiples_of_the_pitch() -> None:
    """Energy lies at the pitch and its double as the weights say, and nowhere else."""
    rng = np.random.default_rng(0)
    x = harmonics(turns(500.0, RATE_HZ, rng, drift=0.0), np.array([1.0, 0.5]), rng)
    power = np.abs(np.fft.rfft(x)) ** 2
    assert [500, 1000] == sorted(np.argsort(power)[-2:])
    assert power[1000] / power[500] == pytest.approx(0.25, rel=0.01)
    assert 1.0 == pytest.approx(rms(x), rel=0.01)


def test_gains_draw_spectra() -> None:
    """A bell is highest at its centre; what falls is 3 dB down at its corner for a slope of one."""
    hz = np.array([500.0, 1000.0, 2000.0])
    assert [0.6065, 1.0, 0.6065] == pytest.approx(list(bell(1000, 1.0)(hz)), rel=1e-3)
    assert 0.7071 == pytest.approx(falling(1000, 1.0)(hz)[1], rel=1e-3)
    levels = spectrum_db(noise(bell(1000, 0.5), SECONDS * RATE_HZ, RATE_HZ, np.random.default_rng(0)))
    centre = np.geomspace(40, RATE_HZ / 2, 25)[int(np.argmax(levels))]
    assert 700 < centre < 1200


def test_what_wanders_stays_near() -> None:
    """It has about the depth it was given, and never twice that."""
    x = wandering(100 * RATE_HZ, np.random.default_rng(0), depth=0.1, period_s=0.5)
    assert np.abs(x).max() <= 0.2
    assert 0.05 < x.std() < 0.1
