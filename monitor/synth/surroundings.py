"""What sounds around machines: water, rain, wind, ventilation and a road. Made as machines are."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from monitor.synth.machine import Sounding, mix
from monitor.synth.wave import RATE_HZ, Doubles, Floats, bell, falling, log_uniform, noise, wandering

_SHAPES = 12  # of bubbles and drops; chance strews them


def water(rng: Generator) -> Sounding:
    """A stream: bubbles that ring at 300 to 3,000 Hz as they close (Minnaert 1933), above a rush."""
    shapes = [bubble(log_uniform(rng, 300, 3000), rng.uniform(0.005, 0.03)) for _ in range(_SHAPES)]
    rate_hz, rush, share = log_uniform(rng, 60, 500), bell(log_uniform(rng, 300, 2000), rng.uniform(0.8, 2)), rng.uniform(0.2, 0.8)

    def sound(n: int, chance: Generator) -> Floats:
        return mix(strewn(shapes, rate_hz, n, chance), noise(rush, n, RATE_HZ, chance), share)

    return sound


def rain(rng: Generator) -> Sounding:
    """Drops on something: short bursts, many a second, above the hiss of all that fall farther off."""
    shapes = [drop(rng) for _ in range(_SHAPES)]
    rate_hz, hiss = log_uniform(rng, 30, 600), bell(log_uniform(rng, 1500, 6000), rng.uniform(1, 2.5))
    share, restless = rng.uniform(0.4, 0.95), rng.uniform(0, 0.2)

    def sound(n: int, chance: Generator) -> Floats:
        falls = mix(strewn(shapes, rate_hz, n, chance), noise(hiss, n, RATE_HZ, chance), share)
        return falls * np.exp(wandering(n, chance, depth=restless, period_s=5.0))

    return sound


def wind(rng: Generator) -> Sounding:
    """Gusts: low noise, and higher noise that comes only when it blows hard."""
    low, high = falling(log_uniform(rng, 80, 400), 1.5), bell(log_uniform(rng, 400, 1800), rng.uniform(0.5, 1.2))
    gusts, period_s, share = rng.uniform(0.1, 0.45), rng.uniform(1.5, 6), rng.uniform(0.1, 0.5)

    def sound(n: int, chance: Generator) -> Floats:
        blows = wandering(n, chance, depth=gusts, period_s=period_s)
        return mix(noise(low, n, RATE_HZ, chance) * np.exp(blows), noise(high, n, RATE_HZ, chance) * np.exp(2 * blows), share)

    return sound


def ventilation(rng: Generator) -> Sounding:
    """Air in a duct, steady, with the duct's resonances."""
    corner, slope = log_uniform(rng, 150, 2000), rng.uniform(0.7, 2)
    peaks = [(bell(log_uniform(rng, 80, 3000), rng.uniform(0.03, 0.2)), rng.uniform(0.3, 3)) for _ in range(rng.integers(0, 5))]

    def duct(hz: Doubles) -> Doubles:
        return falling(corner, slope)(hz) * (1 + sum((height * peak(hz) for peak, height in peaks), np.zeros(len(hz))))

    return lambda n, chance: noise(duct, n, RATE_HZ, chance)


def road(rng: Generator) -> Sounding:
    """The rumble of a road far off, and what passes on it within some seconds."""
    rumble, tyres = falling(log_uniform(rng, 60, 300), 2), bell(log_uniform(rng, 500, 1500), rng.uniform(0.6, 1.3))
    passing, period_s, share = rng.uniform(0.1, 0.6), rng.uniform(2, 6), rng.uniform(0.1, 0.5)

    def sound(n: int, chance: Generator) -> Floats:
        near = np.exp(wandering(n, chance, depth=passing, period_s=period_s))
        return mix(noise(rumble, n, RATE_HZ, chance), noise(tyres, n, RATE_HZ, chance) * near, share)

    return sound


def bubble(pitch_hz: float, fade_s: float) -> Doubles:
    """A tone that rises a little while it dies away."""
    t = np.arange(round(5 * fade_s * RATE_HZ)) / RATE_HZ
    shape: Doubles = np.sin(2 * np.pi * pitch_hz * t * (1 + 0.1 * t / fade_s)) * np.exp(-t / fade_s) * np.minimum(t / 0.001, 1)
    return shape


def drop(rng: Generator) -> Doubles:
    """A burst of noise of one band, some milliseconds long."""
    fade_s = log_uniform(rng, 0.001, 0.012)
    n = round(6 * fade_s * RATE_HZ) + 8
    band = noise(bell(log_uniform(rng, 600, 6000), 0.8), n, RATE_HZ, rng).astype(np.float64)
    burst: Doubles = band * np.exp(-np.arange(n) / RATE_HZ / fade_s)
    return burst


def strewn(shapes: list[Doubles], rate_hz: float, n: int, rng: Generator) -> Floats:
    """Shapes begun at random, so many a second in all, some far and soft: `[n]`, RMS about 1."""
    from scipy.signal import oaconvolve

    total = np.zeros(n, np.float32)
    for shape in shapes:
        lead = len(shape)  # what began before the stretch rings into it
        count = rng.poisson(rate_hz / len(shapes) * (n + lead) / RATE_HZ)
        clicks = np.bincount(rng.integers(0, n + lead, count), rng.lognormal(0, 0.7, count), minlength=n + lead).astype(np.float32)
        total += oaconvolve(clicks, (shape / np.sqrt(np.sum(shape**2))).astype(np.float32))[lead : lead + n]
    return total / np.float32(np.exp(0.49) * np.sqrt(rate_hz / RATE_HZ))
