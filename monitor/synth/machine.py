"""Machines that run: what a motor, gears, a fan, a pump, a compressor and a transformer sound like from close by.

Each draws the character of one machine and gives what makes stretches of its sound: `[n]`, about RMS 1 while it runs.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from monitor.synth.wave import RATE_HZ, Doubles, Floats, bell, falling, harmonics, log_uniform, noise, strokes, turns, wandering

Sounding = Callable[[int, Generator], Floats]
"""Makes so many samples of a sound, by chance."""


def motor(rng: Generator) -> Sounding:
    """A shaft that turns 10 to 60 times a second, its harmonics, and a roughness that turns with it."""
    shaft_hz = rng.uniform(10, 60)
    weights = fading(int(rng.integers(6, 30)), rng.uniform(0.4, 1.5), rng)
    rough, beat, band = rng.uniform(0.1, 0.8), rng.uniform(0.0, 0.6), bell(log_uniform(rng, 300, 3000), rng.uniform(0.7, 2))

    def sound(n: int, chance: Generator) -> Floats:
        turned = turns(shaft_hz, n, chance, drift=0.003)
        hiss = noise(band, n, RATE_HZ, chance) * pulsing(turned, beat)
        return mix(harmonics(turned, weights, chance), hiss, rough)

    return sound


def gears(rng: Generator) -> Sounding:
    """Teeth that meet 100 to 1,500 times a second, louder and softer with each turn of the wheel."""
    shaft_hz, teeth = rng.uniform(4, 30), int(rng.integers(15, 60))
    weights = fading(max(1, min(6, int(6000 / (shaft_hz * teeth)))), rng.uniform(0.5, 2), rng)
    uneven, rough = rng.uniform(0.1, 0.7), rng.uniform(0.1, 0.6)
    band = bell(log_uniform(rng, 500, 4000), rng.uniform(0.5, 1.5))

    def sound(n: int, chance: Generator) -> Floats:
        turned = turns(shaft_hz, n, chance, drift=0.003)
        mesh = harmonics(turned * teeth, weights, chance) * pulsing(turned, uneven)
        return mix(mesh, noise(band, n, RATE_HZ, chance), rough)

    return sound


def fan(rng: Generator) -> Sounding:
    """A rush of air through blades that pass 30 to 400 times a second."""
    blade_hz, blades = log_uniform(rng, 30, 400), int(rng.integers(3, 12))
    weights = fading(int(rng.integers(2, 8)), rng.uniform(0.5, 1.5), rng)
    rush, beat = falling(log_uniform(rng, 150, 2500), rng.uniform(1, 2.5)), rng.uniform(0, 0.5)
    tonal = rng.uniform(0.02, 0.4)

    def sound(n: int, chance: Generator) -> Floats:
        turned = turns(blade_hz / blades, n, chance, drift=0.004)
        air = noise(rush, n, RATE_HZ, chance) * pulsing(turned * blades, beat)
        return mix(air, harmonics(turned * blades, weights, chance), tonal)

    return sound


def pump(rng: Generator) -> Sounding:
    """Strokes 0.25 to 1.5 s apart, not quite even: a rush of water each, and a thump."""
    every_s, uneven = log_uniform(rng, 0.25, 1.5), rng.uniform(0.005, 0.04)
    t = np.arange(round(min(0.9 * every_s, 0.6) * RATE_HZ)) / RATE_HZ
    end = np.minimum((t[-1] - t) / 0.03, 1)
    rush = np.minimum(t / rng.uniform(0.01, 0.1), 1) * np.exp(-t / rng.uniform(0.05, 0.3)) * end
    thump = np.minimum(t / 0.004, 1) * np.exp(-t / rng.uniform(0.02, 0.1)) * np.sin(2 * np.pi * rng.uniform(45, 180) * t) * end
    band, low = bell(log_uniform(rng, 200, 2500), rng.uniform(0.5, 1.2)), rng.uniform(0.05, 0.6)

    def sound(n: int, chance: Generator) -> Floats:
        starts, strengths = paced(every_s, uneven, n, chance)
        water = noise(band, n, RATE_HZ, chance) * strokes(starts, strengths, even(rush, every_s), n)
        return mix(water, strokes(starts, strengths, even(thump, every_s), n), low)

    return sound


def compressor(rng: Generator) -> Sounding:
    """Pistons that chug 3 to 14 times a second above a motor; some rest now and then, and begin anew."""
    every_s, turning = 1 / rng.uniform(3, 14), motor(rng)
    t = np.arange(round(0.8 * every_s * RATE_HZ)) / RATE_HZ
    puff = np.minimum(t / 0.003, 1) * np.exp(-t / rng.uniform(0.01, 0.06)) * np.minimum((t[-1] - t) / 0.01, 1)
    band, share = bell(log_uniform(rng, 80, 1200), rng.uniform(0.6, 1.5)), rng.uniform(0.1, 0.6)
    cycle_s = rng.uniform(6, 30) if rng.random() < 0.5 else None

    def sound(n: int, chance: Generator) -> Floats:
        starts, strengths = paced(every_s, 0.01, n, chance)
        chug = noise(band, n, RATE_HZ, chance) * strokes(starts, strengths, even(puff, every_s), n)
        running = mix(chug, turning(n, chance), share)
        return running if cycle_s is None else running * on_and_off(cycle_s, n, chance)

    return sound


def transformer(rng: Generator) -> Sounding:
    """The hum of the mains, 50 or 60 Hz, loudest at twice that."""
    mains_hz = float(rng.choice([50.0, 60.0]))
    weights = fading(int(rng.integers(6, 20)), rng.uniform(0.3, 1.2), rng)
    weights[0::2] *= rng.uniform(0.05, 0.6)  # 50, 150 Hz and so on
    hiss, share = falling(log_uniform(rng, 400, 3000), 1.5), rng.uniform(0.01, 0.2)

    def sound(n: int, chance: Generator) -> Floats:
        hum = harmonics(turns(mains_hz, n, chance, drift=0.0003), weights, chance)
        return mix(hum * np.exp(wandering(n, chance, depth=0.05, period_s=3.0)), noise(hiss, n, RATE_HZ, chance), share)

    return sound


def fading(count: int, tilt: float, rng: Generator) -> Doubles:
    """Amplitudes of so many harmonics, falling like k to the power of -tilt, each some decibels off."""
    order = np.arange(1, count + 1, dtype=np.float64)
    weights: Doubles = order**-tilt * np.exp(0.6 * rng.standard_normal(count))
    return weights


def pulsing(turned: Doubles, depth: float) -> Floats:
    """A factor that goes up and down by a share with each turn, of mean square 1."""
    wave: Doubles = (1 + depth * np.cos(2 * np.pi * turned)) / np.sqrt(1 + depth**2 / 2)
    return wave.astype(np.float32)


def mix(one: Floats, other: Floats, share: float) -> Floats:
    """Two sounds, of which the other has a share of the energy."""
    return np.float32((1 - share) ** 0.5) * one + np.float32(share**0.5) * other


def paced(every_s: float, uneven: float, n: int, rng: Generator) -> tuple[NDArray[np.int64], Doubles]:
    """Where strokes begin (samples) and how strong each is; one or two begin before the stretch does."""
    count = int(n / RATE_HZ / every_s * 1.2) + 8
    at_s = rng.uniform(-2, -1) * every_s + np.cumsum(every_s * (1 + uneven * rng.standard_normal(count)))
    return np.round(at_s * RATE_HZ).astype(np.int64), 1 + 2 * uneven * rng.standard_normal(count)


def even(shape: Doubles, every_s: float) -> Doubles:
    """One stroke, scaled so that a row of them has RMS 1."""
    scaled: Doubles = shape * np.sqrt(every_s * RATE_HZ / np.sum(shape**2))
    return scaled


def on_and_off(cycle_s: float, n: int, rng: Generator) -> Floats:
    """A factor that is 1 for about 60 % of a cycle and near 0 for the rest, with soft edges of 0.3 s."""
    time_s = (np.arange(n) / RATE_HZ + rng.uniform(0, cycle_s)) % cycle_s
    edge_s = np.minimum(time_s, 0.6 * cycle_s - time_s)
    running: Doubles = np.clip(0.5 + edge_s / 0.3, 0.02, 1)
    return running.astype(np.float32)
