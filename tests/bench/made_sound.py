"""Sounds that are made from nothing, a second each, of ten kinds: what a detector's settings are chosen on.

They differ in what tells them from a background: tonal or noisy, steady or sudden, narrow or wide, once or repeated. Each
is float32 `[EVENT]` at the protocols' rate, its largest sample at full scale; every choice in it is drawn from the
generator that is handed in.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from monitor.learn.protocol import EVENT, RATE_HZ, Clip

HIGHEST_HZ = 7800.0
"""No harmonic lies above this."""

Doubles = NDArray[np.float64]

TIME_S: Doubles = np.arange(EVENT) / RATE_HZ


def made(rng: Generator) -> tuple[str, Clip]:
    """A kind that is drawn, and a sound of it."""
    kind = list(KINDS)[rng.integers(len(KINDS))]
    sound = KINDS[kind](rng)
    return kind, (sound / np.abs(sound).max()).astype(np.float32)


def tone(rng: Generator) -> Doubles:
    """A steady sine; every other one changes between loud and soft."""
    sound: Doubles = np.sin(2 * np.pi * log_uniform(rng, 150, 6000) * TIME_S)
    if rng.random() < 0.5:
        sound *= 0.6 + 0.4 * np.sign(np.sin(2 * np.pi * rng.uniform(0.5, 6) * TIME_S))
    return sound


def voice(rng: Generator) -> Doubles:
    """Many harmonics of a pitch that wavers, dying away."""
    waver = np.sin(2 * np.pi * rng.uniform(2, 7) * TIME_S + rng.uniform(0, 2 * np.pi))
    hz = pitch(rng) * (1 + rng.uniform(0, 0.08) * waver)
    return harmonics(hz, int(rng.integers(4, 24)), rng.uniform(0.3, 1.5), rng) * swell(rng.uniform(0.01, 0.3), rng.uniform(0.2, 2))


def chirp(rng: Generator) -> Doubles:
    """A few harmonics of a pitch that glides, up to 1.7 octaves."""
    hz = pitch(rng) * np.exp(rng.uniform(-1.2, 1.2)) ** TIME_S
    return harmonics(hz, int(rng.integers(1, 8)), 1.0, rng)


def clicks(rng: Generator) -> Doubles:
    """One to eight short bursts of noise in one band."""
    sound, low_hz, high_hz = np.zeros(EVENT), *band_hz(rng)
    for _ in range(rng.integers(1, 9)):
        start = int(rng.integers(0, EVENT - 800))
        n = min(EVENT - start, int(rng.uniform(0.01, 0.15) * RATE_HZ))
        sound[start : start + n] += rng.uniform(0.3, 1) * noise(low_hz, high_hz, rng)[:n] * np.exp(-4 * np.arange(n) / n)
    return sound


def hiss(rng: Generator) -> Doubles:
    """Noise in a band, dying away."""
    return noise(*band_hz(rng), rng) * swell(rng.uniform(0.01, 0.5), rng.uniform(0.2, 3))


def flutter(rng: Generator) -> Doubles:
    """Noise in a band that comes and goes 3 to 30 times a second."""
    sound: Doubles = noise(*band_hz(rng), rng) * (1 + np.sin(2 * np.pi * rng.uniform(3, 30) * TIME_S))
    return sound


def barks(rng: Generator) -> Doubles:
    """One to three short calls, of gliding harmonics and noise."""
    sound, hz, low_hz, high_hz = np.zeros(EVENT), pitch(rng), *band_hz(rng)
    for _ in range(rng.integers(1, 4)):
        start = int(rng.uniform(0, 0.7) * EVENT)
        n = min(EVENT - start, int(rng.uniform(0.1, 0.35) * RATE_HZ))
        call = harmonics(hz * np.linspace(1, rng.uniform(0.6, 1.5), n), 12, rng.uniform(0.3, 1), rng)
        sound[start : start + n] += (call + rng.uniform(0, 1.5) * noise(low_hz, high_hz, rng)[:n]) * np.hanning(n)
    return sound


def notes(rng: Generator) -> Doubles:
    """Two to five plucked chords of one to three notes."""
    hz, chords = pitch(rng), []
    for each in np.array_split(TIME_S, rng.integers(2, 6)):
        strings = [pluck(hz * 2 ** (rng.integers(-7, 13) / 12), len(each), rng) for _ in range(rng.integers(1, 4))]
        chords.append(np.sum(strings, axis=0))
    return np.concatenate(chords)


def thud(rng: Generator) -> Doubles:
    """A blow: noise from 60 Hz up that begins at once and is soon gone."""
    return noise(60, log_uniform(rng, 300, 7000), rng) * swell(0.004, rng.uniform(0.03, 0.4))


def rattle(rng: Generator) -> Doubles:
    """Noise in a band, switched on and off at random every 25 ms."""
    on = rng.random(EVENT // 400) > 0.6
    on[rng.integers(len(on))] = True
    return noise(*band_hz(rng), rng) * on.repeat(400)


KINDS: dict[str, Callable[[Generator], Doubles]] = {
    each.__name__: each for each in (tone, voice, chirp, clicks, hiss, flutter, barks, notes, thud, rattle)
}


def log_uniform(rng: Generator, low: float, high: float) -> float:
    """A number whose logarithm is uniform."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def pitch(rng: Generator) -> float:
    """A fundamental, in Hz."""
    return log_uniform(rng, 80, 1200)


def band_hz(rng: Generator) -> tuple[float, float]:
    """The edges of a band, 0.4 to 2.6 octaves wide, in Hz."""
    low = log_uniform(rng, 100, 4000)
    return low, min(7900.0, low * log_uniform(rng, 1.3, 6))


def noise(low_hz: float, high_hz: float, rng: Generator) -> Doubles:
    """A second of white noise, of which only the band is kept."""
    spectrum = np.fft.rfft(rng.standard_normal(EVENT))
    hz = np.fft.rfftfreq(EVENT, 1 / RATE_HZ)
    spectrum[(hz < low_hz) | (hz > high_hz)] = 0
    return np.fft.irfft(spectrum, EVENT)


def harmonics(hz: Doubles, count: int, tilt: float, rng: Generator) -> Doubles:
    """So many harmonics, the k-th of amplitude k ** -tilt and random phase, of a fundamental that is `hz` at each sample `[n]`."""
    phase = 2 * np.pi * np.cumsum(hz) / RATE_HZ
    order = np.arange(1, count + 1)[:, None]
    order = order[order * hz.max() < HIGHEST_HZ][:, None]
    total: Doubles = np.sum(order**-tilt * np.sin(order * phase + rng.uniform(0, 2 * np.pi, order.shape)), axis=0)
    return total


def pluck(hz: float, n: int, rng: Generator) -> Doubles:
    """A plucked string, `[n]`."""
    return harmonics(np.full(n, hz), 10, 1.0, rng) * np.exp(-TIME_S[:n] / rng.uniform(0.05, 0.5))


def swell(rise_s: float, fall_s: float) -> Doubles:
    """An envelope that rises to 1 in a line and falls exponentially from there."""
    return np.minimum(1, TIME_S / rise_s) * np.exp(-np.maximum(0, TIME_S - rise_s) / fall_s)
