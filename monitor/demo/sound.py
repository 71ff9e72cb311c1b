"""The sound of a machine room, made from nothing: mains hum, a fan, a pump and the air between them.

A room's character (`Room.drawn`) and a stretch of its sound (`Room.sound`) have seeds of their own: two stretches of
one room sound alike and share no sample. Everything is mono float32 in [-1, 1], about -26 dB below full scale (RMS),
and the same in distribution however long it lasts. All levels are RMS in decibels relative to full scale.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from monitor.synth.wave import RATE_HZ, Doubles, Floats, amplitude, noise, strokes, swell, tones

MAINS_HZ = 50.0
HUM_WEIGHTS = (0.7, 1.0, 0.25, 0.5, 0.12, 0.3, 0.0, 0.15)
"""Amplitudes at 50, 100, 150 Hz and so on: transformers and motors hum loudest at twice the mains."""
HUM_DB, FAN_DB, PUMP_DB, AIR_DB = -29.5, -31.5, -33.0, -40.0
THUMP_SHARE = 0.3
"""Of a pump stroke's energy, how much is the low thump; the rest is rushing water."""


@dataclass(frozen=True, slots=True)
class Room:
    """What makes one room sound unlike another."""

    hum_weights: tuple[float, ...]
    """Amplitudes of the mains' harmonics, from 50 Hz up."""
    fan_low_hz: float
    """Below this the fan's noise falls off."""
    fan_high_hz: float
    """Above this too."""
    blade_hz: float
    """Blades passing a second."""
    stroke_s: float
    """From one stroke of the pump to the next, on average."""
    stroke_hz: float
    """Centre of the water's noise."""
    thump_hz: float
    """Pitch of the thump at a stroke's start."""

    @classmethod
    def drawn(cls, seed: int) -> Room:
        """The room of a seed."""
        rng = np.random.default_rng(seed)
        return cls(
            hum_weights=tuple(float(w * rng.uniform(0.7, 1.3)) for w in HUM_WEIGHTS),
            fan_low_hz=rng.uniform(80, 150),
            fan_high_hz=rng.uniform(500, 1200),
            blade_hz=rng.uniform(130, 270),
            stroke_s=rng.uniform(0.72, 0.88),
            stroke_hz=rng.uniform(300, 700),
            thump_hz=rng.uniform(55, 90),
        )

    def layers(self, seconds: float, *, seed: int, rate_hz: int = RATE_HZ) -> dict[str, Floats]:
        """What sounds in the room, each `[n]` by its name: hum, fan, pump, air. Their sum is the room's sound."""
        n = round(seconds * rate_hz)
        makers = {"hum": (hum, HUM_DB), "fan": (fan, FAN_DB), "pump": (pump, PUMP_DB), "air": (air, AIR_DB)}
        # A generator each: no layer depends on how much chance another one uses.
        chances = np.random.default_rng(seed).spawn(len(makers))
        return {
            name: (amplitude(level_db) * make(self, n, rate_hz, rng)).astype(np.float32)
            for (name, (make, level_db)), rng in zip(makers.items(), chances, strict=True)
        }

    def sound(self, seconds: float, *, seed: int, rate_hz: int = RATE_HZ) -> Floats:
        """A stretch of the room's sound, `[n, 1]`; another seed is another stretch."""
        return mixed(self.layers(seconds, seed=seed, rate_hz=rate_hz))


def mixed(layers: dict[str, Floats]) -> Floats:
    """The sum of layers `[n]` as a sound `[n, 1]`."""
    total: Floats = np.sum(list(layers.values()), axis=0, dtype=np.float32)
    return total.reshape(-1, 1)


def hum(room: Room, n: int, rate_hz: int, rng: Generator) -> Floats:
    """Mains hum with its harmonics, swelling a little every few seconds; `[n]`, RMS 1."""
    return tones(MAINS_HZ, room.hum_weights, n, rate_hz, rng) * swell(n, rate_hz, rng, depth=0.06)


def fan(room: Room, n: int, rate_hz: int, rng: Generator) -> Floats:
    """A fan: a band of noise, and in it the tone of the blades that pass; `[n]`, RMS 1."""

    def band(hz: Doubles) -> Doubles:
        rise = (hz / room.fan_low_hz) ** 2
        shape: Doubles = rise / (1 + rise) / (1 + (hz / room.fan_high_hz) ** 2) ** 0.75
        return shape

    blades = tones(room.blade_hz, (1.0, 0.4, 0.2), n, rate_hz, rng) * swell(n, rate_hz, rng, depth=0.08)
    return np.float32(0.9**0.5) * noise(band, n, rate_hz, rng) + np.float32(0.1**0.5) * blades


def pump(room: Room, n: int, rate_hz: int, rng: Generator) -> Floats:
    """A pump: every stroke, not quite even in time and strength, rushes and thumps; `[n]`, RMS 1."""
    t = np.arange(round(0.45 * rate_hz)) / rate_hz
    rush = np.minimum(t / 0.06, 1) * np.exp(-t / 0.12) * np.minimum((t[-1] - t) / 0.05, 1)
    thump = np.minimum(t / 0.005, 1) * np.exp(-t / 0.07) * np.sin(2 * np.pi * room.thump_hz * t)
    # One stroke before the beginning, so that the first sample is as likely to lie within a stroke as any other.
    count = int(n / rate_hz / room.stroke_s * 1.1) + 8
    at_s = rng.uniform(-2, -1) * room.stroke_s + np.cumsum(room.stroke_s * (1 + 0.015 * rng.standard_normal(count)))
    starts = np.round(at_s * rate_hz).astype(np.int64)
    strengths = 1 + 0.06 * rng.standard_normal(count)

    def water(hz: Doubles) -> Doubles:
        shape: Doubles = np.exp(-0.5 * (np.log2(np.maximum(hz, 1) / room.stroke_hz) / 0.8) ** 2)
        return shape

    rushes = noise(water, n, rate_hz, rng) * strokes(starts, strengths, _of_energy(rush, room, rate_hz), n)
    thumps = strokes(starts, strengths, _of_energy(thump, room, rate_hz), n)
    return np.float32((1 - THUMP_SHARE) ** 0.5) * rushes + np.float32(THUMP_SHARE**0.5) * thumps


def air(room: Room, n: int, rate_hz: int, rng: Generator) -> Floats:
    """The noise of an empty room, falling by 3 dB an octave; `[n]`, RMS 1. The same in every room."""
    return noise(lambda hz: 1 / np.sqrt(np.maximum(hz, 20)), n, rate_hz, rng)


def _of_energy(shape: Doubles, room: Room, rate_hz: int) -> Doubles:
    """The shape of one stroke, scaled so that a row of them has RMS 1."""
    scaled: Doubles = shape * np.sqrt(room.stroke_s * rate_hz / np.sum(shape**2))
    return scaled
