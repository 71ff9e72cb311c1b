"""A place with a microphone in it: some machines and what surrounds them, in a room, at a level."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from monitor.synth import machine, surroundings
from monitor.synth.machine import Sounding
from monitor.synth.wave import RATE_HZ, Doubles, Floats, amplitude, noise

KINDS: dict[str, Callable[[Generator], Sounding]] = {
    each.__name__: each
    for each in (
        machine.motor,
        machine.gears,
        machine.fan,
        machine.pump,
        machine.compressor,
        machine.transformer,
        surroundings.water,
        surroundings.rain,
        surroundings.wind,
        surroundings.ventilation,
        surroundings.road,
    )
}
_MOST = 4  # things that sound in one place
_LEVELS_DB = -50.0, -18.0
_FLOOR_DB = -75.0, -55.0  # of the microphone's own noise
_TAIL_S = 1.2


@dataclass(frozen=True, slots=True)
class Scene:
    """What can be heard in one place, always alike and never the same."""

    sources: Sequence[tuple[str, Sounding, float]]
    """Kind, sound and factor of each."""
    echo: Doubles
    """What the room and the microphone make of a click, `[m]`, of energy 1."""
    level_db: float
    """RMS of it all, relative to full scale, about."""
    floor_db: float
    """The same of the microphone's noise."""

    @classmethod
    def drawn(cls, seed: int) -> Scene:
        """The place of a seed."""
        rng = np.random.default_rng(seed)
        names = rng.choice([*KINDS], rng.integers(1, _MOST + 1), replace=False)
        factors = np.array([amplitude(rng.uniform(-12, 0)) for _ in names])
        factors /= np.sqrt(np.sum(factors**2))
        sources = [(str(name), KINDS[name](rng), float(factor)) for name, factor in zip(names, factors, strict=True)]
        return cls(sources, echo(rng), rng.uniform(*_LEVELS_DB), rng.uniform(*_FLOOR_DB))

    def sound(self, seconds: float, *, seed: int) -> Floats:
        """A stretch of it, `[n, 1]` in [-1, 1]; another seed is another stretch."""
        from scipy.signal import oaconvolve

        n, lead = round(seconds * RATE_HZ), len(self.echo)
        # A generator each: no sound depends on how much chance another one uses.
        chances = np.random.default_rng(seed).spawn(len(self.sources) + 1)
        dry = np.zeros(n + lead, np.float32)
        for (_, sounding, factor), chance in zip(self.sources, chances, strict=False):
            dry += np.float32(factor) * sounding(n + lead, chance)
        wet: Doubles = oaconvolve(dry, self.echo)[lead : lead + n]
        own = noise(np.ones_like, n, RATE_HZ, chances[-1])
        heard: Doubles = np.clip(amplitude(self.level_db) * wet + amplitude(self.floor_db) * own, -1, 1)
        return heard.astype(np.float32)[:, None]


def echo(rng: Generator) -> Doubles:
    """A room's and a microphone's answer to a click: what comes straight, and noise that dies away within 0.1 to 1.2 s."""
    fade_s = rng.uniform(0.1, _TAIL_S)
    t = np.arange(round(fade_s * RATE_HZ)) / RATE_HZ
    tail = rng.standard_normal(len(t)) * 10 ** (-3 * t / fade_s)
    tail *= amplitude(rng.uniform(-12, 6)) / np.sqrt(np.sum(tail**2))
    tail[0] += 1.0
    coloured = np.fft.irfft(np.fft.rfft(tail) * colour(len(tail), rng), len(tail))
    answer: Doubles = coloured / np.sqrt(np.sum(coloured**2))
    return answer


def colour(n: int, rng: Generator) -> Doubles:
    """A smooth gain over the frequencies of `[n]` samples, some decibels up and down, an octave at a time."""
    octaves = np.log2(np.maximum(np.fft.rfftfreq(n, 1 / RATE_HZ), 40) / 40)
    knots_db = 4 * rng.standard_normal(9)
    gain: Doubles = 10 ** (np.interp(octaves, np.arange(9), knots_db) / 20)
    return gain
