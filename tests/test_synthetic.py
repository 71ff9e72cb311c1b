"""Anomalies that are made of normal sound."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from models.synthetic.event import envelopes, events, pulses, tones
from models.synthetic.sound import KINDS, added, changed, made, placed, stuck

RATE_HZ = 16_000
LENGTH = 2 * RATE_HZ

Make = Callable[[Tensor, float, Generator], Tensor]


def seeded(seed: int) -> Generator:
    """A generator of its own."""
    return Generator().manual_seed(seed)


def hiss(count: int, level: float = 0.05) -> Tensor:
    """Windows of white noise, `[count, LENGTH]`."""
    return level * torch.randn(count, LENGTH, generator=seeded(9))


def rms(sounds: Tensor) -> Tensor:
    """Root mean square of each."""
    return sounds.square().mean(-1).sqrt()


@settings(deadline=None, derandomize=True, max_examples=15)
@given(seed=st.integers(0, 10_000), level=st.sampled_from([0.0, 1e-5, 0.01, 0.9]))
def test_anomalies_are_sound(seed: int, level: float) -> None:
    """Whatever is drawn and however loud normal is, silence too: finite, within full scale, the same from the same seed."""
    normal = hiss(6, level).clamp(-1, 1)[..., None]
    strange = made(normal, RATE_HZ, seeded(seed))
    assert normal.shape == strange.shape
    assert strange.isfinite().all()
    assert strange.abs().max() <= 1
    assert torch.equal(strange, made(normal, RATE_HZ, seeded(seed)))


def test_normal_is_left_as_it_was() -> None:
    """What anomalies are made of is not written to."""
    normal = hiss(20)[..., None]
    before = normal.clone()
    made(normal, RATE_HZ, seeded(1))
    assert torch.equal(before, normal)


@pytest.mark.parametrize("make", KINDS, ids=lambda each: each.__name__)
def test_nearly_every_anomaly_is_one(make: Make) -> None:
    """Of each kind nearly all differ from what they are made of, in a part of the window; the rest of it is untouched."""
    normal = hiss(30)
    differs = (make(normal, RATE_HZ, seeded(2)) - normal).abs() > 1e-6
    assert differs.any(1).float().mean() > 0.85
    assert 0.05 < differs.float().mean() < 0.8


def test_what_is_added_is_down_to_barely_audible() -> None:
    """The event's level lies 15 dB below to 3 dB above that of the window, and all of that range is used."""
    normal = hiss(150)
    snr_db = 20 * (rms(added(normal, RATE_HZ, seeded(3)) - normal) / rms(normal)).log10()
    # A second in a window of two, and what hangs over an edge is lost.
    assert -25 < torch.quantile(snr_db, 0.05) < -14
    assert -5 < torch.quantile(snr_db, 0.95) < 1


def test_a_change_may_be_a_loss() -> None:
    """Most windows that are changed have less sound, some more."""
    normal = hiss(200)
    more = rms(changed(normal, RATE_HZ, seeded(4))) > rms(normal)
    assert 0.15 < more.float().mean() < 0.5


def test_what_is_stuck_repeats() -> None:
    """While it is stuck, sound is what it was a frame ago: at some lag it equals itself."""
    normal = hiss(12)
    strange = stuck(normal, RATE_HZ, seeded(5))
    for one, was in zip(strange, normal, strict=True):
        differs = ((one - was).abs() > 1e-4).nonzero()[:, 0]
        if len(differs) < 8000:
            continue
        middle = one[differs[len(differs) // 2] :][:200]
        windows = one[: int(differs[len(differs) // 2])].unfold(0, 200, 1)
        assert (windows - middle).abs().amax(1).min() < 1e-4


def test_events_are_many_sounds() -> None:
    """Of unit level; some tonal, some noisy: the flattest spectra are a thousand times flatter than the sharpest."""
    sounds = events(100, RATE_HZ, RATE_HZ, seeded(6))
    heard = rms(sounds) > 0
    assert heard.float().mean() > 0.95
    assert torch.allclose(rms(sounds[heard]), torch.ones(int(heard.sum())), atol=1e-3)
    power = torch.fft.rfft(sounds[heard]).abs().square() + 1e-9
    flatness = (power.log().mean(1) - power.mean(1).log()).exp()
    assert flatness.max() / flatness.min() > 1000


def test_no_tone_is_folded() -> None:
    """No partial lies above half the rate: at a rate of 4 kHz, tones from 80 Hz to 6 kHz leave the top of the spectrum empty."""
    power = torch.fft.rfft(tones(100, 4000, 4000.0, seeded(7)) * torch.hann_window(4000)).abs().square()
    assert power[:, -20:].sum() < 1e-3 * power.sum()


def test_envelopes_lie_between_silence_and_full() -> None:
    """Each is between 0 and 1, and a pulse comes up from silence."""
    every = envelopes(100, RATE_HZ, RATE_HZ, seeded(8))
    assert (0, 1) == (float(every.min()), pytest.approx(float(every.max()), abs=0.01))
    assert pulses(100, torch.arange(RATE_HZ) / RATE_HZ, seeded(8))[:, 0].max() == 0


@settings(deadline=None, derandomize=True, max_examples=30)
@given(k=st.integers(2, 50), length=st.integers(50, 90), seed=st.integers(0, 1000))
def test_at_least_half_of_a_sound_is_placed(k: int, length: int, seed: int) -> None:
    """It lies in one piece, and may hang over an edge by half."""
    inside = placed(torch.ones(20, k), length, seeded(seed))
    assert set(inside.unique().tolist()) <= {0.0, 1.0}
    assert inside.sum(1).min() >= k // 2
    assert (inside.diff(dim=1).abs().sum(1) <= 2).all()
