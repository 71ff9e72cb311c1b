"""Four faults for a machine room, planted where one can look them up afterwards.

A fault's level is the RMS of what it changes, over the half second where that is strongest, relative to the RMS of the
room's whole sound, in decibels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from monitor.demo.sound import Room, mixed
from monitor.synth.wave import RATE_HZ, Doubles, Floats, amplitude, noise

QUIETEST_DB, LOUDEST_DB = -6.0, 6.0
SHORTEST_S, LONGEST_S = 3.0, 4.0
LEAD_S, APART_S, TAIL_S = 12.0, 12.0, 8.0
"""Quiet before the first fault, from one's end to the next one's onset, after the last."""
LOUDEST_STRETCH_S = 0.5
BLOW_S = 0.2
FAULTS = ("squeal", "knock", "hiss", "dropout")


@dataclass(frozen=True, slots=True)
class Planted:
    """Where a fault is, and how strong."""

    fault: str
    onset_s: float
    """From the sound's beginning."""
    end_s: float
    level_db: float

    @property
    def first_s(self) -> float:
        """As the onset: a sound does not come into view."""
        return self.onset_s


def plant(room: Room, *, seconds: float = 110.0, seed: int, rate_hz: int = RATE_HZ) -> tuple[Floats, list[Planted]]:
    """A stretch of the room's sound, `[n, 1]` in [-1, 1], with each fault in it once, and where they are, in order of time.

    Without the faults it is `room.sound(seconds, seed=seed)`. Order, places and levels are drawn from the seed: levels
    from -6 to +6 dB, a drop-out's no higher than taking away all of the hum allows. Raises ValueError if `seconds`
    cannot hold four faults and the quiet between them.
    """
    layers = room.layers(seconds, seed=seed, rate_hz=rate_hz)
    sound = mixed(layers)[:, 0]
    usual = rms(sound)
    # The seed alone is the room's noise; the pair is independent of it.
    rng = np.random.default_rng([seed, 1])
    planted = []
    for fault, (begin, end) in zip(rng.permutation(FAULTS), _places(seconds, rate_hz, rng), strict=True):
        change = _change(fault, layers["hum"][begin:end], rate_hz, rng)
        factor = amplitude(rng.uniform(QUIETEST_DB, LOUDEST_DB)) * usual / loudest(change, rate_hz)
        if fault == "dropout":
            factor = min(factor, 1.0)
        sound[begin:end] += (factor * change).astype(np.float32)
        level_db = decibels(factor * loudest(change, rate_hz) / usual)
        planted.append(Planted(str(fault), begin / rate_hz, end / rate_hz, level_db))
    return np.clip(sound, -1, 1)[:, None], planted


def _places(seconds: float, rate_hz: int, rng: Generator) -> list[tuple[int, int]]:
    """First and after-last sample of each fault, in order: what time is left over is shared out at random."""
    lengths_s = rng.uniform(SHORTEST_S, LONGEST_S, len(FAULTS))
    least_s = LEAD_S + TAIL_S + (LONGEST_S + APART_S) * len(FAULTS) - APART_S
    if seconds < least_s:
        raise ValueError(f"{seconds:g} s cannot hold {len(FAULTS)} faults, expected at least {least_s:g} s")
    quiet_s = np.array([LEAD_S, *[APART_S] * (len(FAULTS) - 1), TAIL_S])
    quiet_s += rng.dirichlet(np.ones(len(quiet_s))) * (seconds - quiet_s.sum() - lengths_s.sum())
    onsets_s = np.cumsum(quiet_s[:-1]) + np.cumsum(lengths_s) - lengths_s
    return [(round(a * rate_hz), round((a + d) * rate_hz)) for a, d in zip(onsets_s, lengths_s, strict=True)]


def _change(fault: str, hum: Floats, rate_hz: int, rng: Generator) -> Doubles:
    """What a fault adds where the room hums like `hum`, `[n]`; all but the drop-out at any level."""
    if fault == "dropout":
        return dropout(hum, rate_hz)
    return {"squeal": squeal, "knock": knock, "hiss": hiss}[fault](len(hum), rate_hz, rng)


def squeal(n: int, rate_hz: int, rng: Generator) -> Doubles:
    """A bearing that squeals: a wavering tone with harmonics, louder and softer with each turn; `[n]` at any level."""
    t = np.arange(n) / rate_hz
    knots = np.clip(rng.standard_normal(int(t[-1] / 0.15) + 2), -2, 2)
    pitch_hz = rng.uniform(2000, 4500) * (1 + 0.012 * np.interp(t, 0.15 * np.arange(len(knots)), knots))
    phase = 2 * np.pi * np.cumsum(pitch_hz) / rate_hz
    tone = sum(w * np.sin(k * phase) for k, w in ((1, 1.0), (2, 0.4), (3, 0.2)) if k * pitch_hz.max() < 0.47 * rate_hz)
    turning = 1 + 0.6 * np.sin(2 * np.pi * rng.uniform(8, 25) * t + rng.uniform(0, 2 * np.pi))
    shaped: Doubles = tone * turning * faded(n, rate_hz, rise_s=0.05, fall_s=0.05)
    return shaped


def knock(n: int, rate_hz: int, rng: Generator) -> Doubles:
    """Something loose that strikes three times, first at the start, last at the end; `[n]` at any level."""
    t = np.arange(round(BLOW_S * rate_hz)) / rate_hz
    pitches_hz = rng.uniform((250, 700, 1500), (500, 1300, 3000))
    ringing = np.exp(-t / np.array([[0.1], [0.05], [0.03]])) * np.sin(2 * np.pi * pitches_hz[:, None] * t)
    blow = np.array([1.0, 0.4, 0.3]) @ ringing * faded(len(t), rate_hz, rise_s=0.002, fall_s=0.1)
    total = np.zeros(n)
    for at in (0.0, rng.uniform(0.4, 0.6), 1.0):
        start = round(at * (n - len(blow)))
        total[start : start + len(blow)] += rng.uniform(0.85, 1) * blow
    return total


def hiss(n: int, rate_hz: int, rng: Generator) -> Doubles:
    """A leak: noise above some 3 kHz that sets in softly; `[n]` at any level."""
    edge_hz = rng.uniform(2800, 3500)

    def above(hz: Doubles) -> Doubles:
        shape: Doubles = 1 / (1 + (edge_hz / np.maximum(hz, 1)) ** 8)
        return shape

    return noise(above, n, rate_hz, rng) * faded(n, rate_hz, rise_s=0.5, fall_s=0.1)


def dropout(hum: Floats, rate_hz: int) -> Doubles:
    """What takes the hum `[n]` away within 20 ms and gives it back at the end: its negative, `[n]`."""
    return -hum * faded(len(hum), rate_hz, rise_s=0.02, fall_s=0.02)


def faded(n: int, rate_hz: int, *, rise_s: float, fall_s: float) -> Doubles:
    """A factor that rises from 0 to 1 at the beginning and falls back at the end, `[n]`."""
    t = (np.arange(n) + 0.5) / rate_hz
    envelope: Doubles = np.clip(np.minimum(t / rise_s, (n / rate_hz - t) / fall_s), 0, 1)
    return envelope


def decibels(ratio: float) -> float:
    """The level of a ratio of amplitudes."""
    return 20.0 * float(np.log10(ratio))


def rms(x: NDArray[np.floating]) -> float:
    """Root of the mean square."""
    return float(np.sqrt(np.mean(np.square(x, dtype=np.float64))))


def loudest(x: NDArray[np.floating], rate_hz: int) -> float:
    """RMS of the strongest half second of `[n]`."""
    length = round(LOUDEST_STRETCH_S * rate_hz)
    energy = np.concatenate([[0.0], np.cumsum(np.square(x, dtype=np.float64))])
    return float(np.sqrt(np.max(energy[length:] - energy[:-length]) / length))
