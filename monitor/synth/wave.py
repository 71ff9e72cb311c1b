"""What sounds are made of: noise with a spectrum, tones, repeated shapes, and what makes them waver.

Everything is mono float32 `[n]`, and the same in distribution however long it lasts.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

RATE_HZ = 16000

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Gain = Callable[[Doubles], Doubles]
"""A factor for each frequency in Hz."""


def amplitude(level_db: float) -> float:
    """The factor of a level in decibels."""
    return float(10.0 ** (level_db / 20.0))


def tones(pitch_hz: float, weights: tuple[float, ...], n: int, rate_hz: int, rng: Generator) -> Floats:
    """A steady tone and its harmonics at random phases, `[n]`, RMS 1."""
    block = 1 << 12
    pitches = 2 * np.pi * pitch_hz / rate_hz * np.arange(1, len(weights) + 1)
    begin = block * np.arange(n // block + 1)[:, None] * pitches + rng.uniform(0, 2 * np.pi, len(weights))
    within = pitches[:, None] * np.arange(block)
    # sin(a + b) = sin a cos b + cos a sin b, for all harmonics at once: far quicker than a sine for each sample.
    scaled = np.array(weights) * (2 / np.sum(np.square(weights))) ** 0.5
    left = np.hstack([scaled * np.sin(begin), scaled * np.cos(begin)]).astype(np.float32)
    right = np.vstack([np.cos(within), np.sin(within)]).astype(np.float32)
    total: Floats = left @ right
    return total.reshape(-1)[:n]


def swell(n: int, rate_hz: int, rng: Generator, *, depth: float) -> Floats:
    """A factor about 1 that wanders by `depth` within seconds, `[n]`."""
    step = 2 * rate_hz
    knots = 1 + depth * np.clip(rng.standard_normal(n // step + 2), -2, 2)
    return np.linspace(knots[:-1], knots[1:], step, endpoint=False, axis=1, dtype=np.float32).reshape(-1)[:n]


def noise(gain: Gain, n: int, rate_hz: int, rng: Generator) -> Floats:
    """Gaussian noise with the spectrum that `gain` (of frequencies in Hz) draws, `[n]`, RMS 1."""
    half = 1 << 13
    shape = gain(np.fft.rfftfreq(2 * half, 1 / rate_hz).astype(np.float64))
    shape /= np.sqrt(np.mean(np.square(shape)))
    white = rng.standard_normal((n // half + 2, 2 * half), np.float32)
    blocks: Floats = np.fft.irfft(np.fft.rfft(white) * shape.astype(np.float32)).astype(np.float32, copy=False)
    # Neighbours overlap by half and cross-fade at equal power, so the level never dips.
    blocks *= np.sin(np.pi * (np.arange(2 * half) + 0.5) / (2 * half)).astype(np.float32)
    return (blocks[:-1, half:] + blocks[1:, :half]).reshape(-1)[:n]


def strokes(starts: NDArray[np.int64], strengths: Doubles, shape: Doubles, n: int) -> Floats:
    """One shape begun at each of `starts` (sample indices, possibly outside) with its strength, `[n]`."""
    at = starts[:, None] + np.arange(len(shape))
    inside = (at >= 0) & (at < n)
    return np.bincount(at[inside], (strengths[:, None] * shape)[inside], minlength=n).astype(np.float32)


def wandering(n: int, rng: Generator, *, depth: float, period_s: float) -> Floats:
    """The logarithm of a factor that wanders by about `depth` within `period_s`, `[n]`."""
    step = max(1, round(period_s * RATE_HZ))
    knots = depth * np.clip(rng.standard_normal(n // step + 2), -2, 2)
    begin = rng.integers(step)  # or every stretch would have its first knot at its beginning
    return np.interp(np.arange(begin, begin + n), step * np.arange(len(knots)), knots).astype(np.float32)


def turns(pitch_hz: float, n: int, rng: Generator, *, drift: float) -> Doubles:
    """How often something has turned, `[n]`, at a pace that drifts by a share of itself within seconds."""
    pace = 1 + wandering(n, rng, depth=drift, period_s=4.0)
    turned: Doubles = rng.random() + np.cumsum(pace * (pitch_hz / RATE_HZ), dtype=np.float64)
    return turned


def harmonics(turned: Doubles, weights: Doubles, rng: Generator) -> Floats:
    """The k-th of the weights at k times the pitch, at a random phase; `[n]`, RMS 1."""
    once = np.exp(2j * np.pi * turned).astype(np.complex64)
    power, total = np.ones_like(once), np.zeros(len(once), np.float32)
    for weight in weights:
        power *= once
        total += (np.complex64(weight * np.exp(2j * np.pi * rng.random())) * power).imag
    total *= np.float32((2 / np.sum(np.square(weights))) ** 0.5)
    return total


def bell(centre_hz: float, octaves: float) -> Gain:
    """A band about a centre, so many octaves to where it has fallen by 4 dB."""
    return lambda hz: np.exp(-0.5 * (np.log2(np.maximum(hz, 1) / centre_hz) / octaves) ** 2)


def falling(corner_hz: float, slope: float) -> Gain:
    """Flat up to a corner, then falling by `slope` times 6 dB an octave."""
    return lambda hz: (1 + (hz / corner_hz) ** 2) ** (-slope / 2)


def log_uniform(rng: Generator, low: float, high: float) -> float:
    """A number whose logarithm is uniform."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
