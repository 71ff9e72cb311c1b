"""Sound made of planes of sound: about as loud, at the same pitches, and as rough."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.representation.audio import AudioRepresentation, AudioSettings
from models.resynthesis import sound

RATE_HZ = 16_000
SENSE = AudioRepresentation(AudioSettings())


def planes(wave: np.ndarray) -> np.ndarray:
    """Of the first window."""
    return SENSE.planes(torch.from_numpy(wave[None, : SENSE.length, None].astype(np.float32)))[0].numpy()


def noise(level: float) -> np.ndarray:
    """White, of a window's length."""
    return level * np.random.default_rng(1).standard_normal(SENSE.length)


@pytest.mark.parametrize("level", [0.1, 0.001])
def test_noise_comes_back_as_loud_and_as_rough(level: float) -> None:
    """Within a decibel; each band within half a neper on average, and its roughness too."""
    wave = noise(level)
    made = sound(planes(wave), RATE_HZ)
    assert len(wave) == len(made)
    middle = slice(1024, -1024)
    assert 0 == pytest.approx(20 * np.log10(made[middle].std() / wave[middle].std()), abs=1)
    assert np.abs(planes(made) - planes(wave))[:2, :, 1:-1].mean() < 0.5


def test_a_tone_keeps_its_pitch() -> None:
    """The loudest frequency is that of the tone, within the width of a mel band."""
    wave = 0.1 * np.sin(2 * np.pi * 1000 * np.arange(SENSE.length) / RATE_HZ)
    spectrum = np.abs(np.fft.rfft(sound(planes(wave + noise(1e-4)), RATE_HZ)))
    assert 1000 == pytest.approx(spectrum.argmax() * RATE_HZ / SENSE.length, abs=60)


def test_the_same_seed_gives_the_same_sound() -> None:
    """And nobody else's random numbers are used up."""
    state = torch.get_rng_state()
    first, second = (sound(planes(noise(0.1)), RATE_HZ, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert torch.equal(state, torch.get_rng_state())
