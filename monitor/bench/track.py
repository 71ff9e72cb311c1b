"""What every stream of a bench plays: a machine room in a loop, in which something hisses now and then."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monitor.demo.fault import faded, rms
from monitor.demo.sound import Room
from monitor.synth.wave import RATE_HZ, Doubles, Floats, amplitude, noise

NORMAL_S = 90.0
"""Of the same room, to learn from."""
_LOOP_S, _SLOT_S, _SEAM_S = 36.0, 6.0, 0.1
_HISS_S, _HISS_DB, _EDGE_HZ = 1.0, 3.0, 3000.0
_ROOM, _LEARNED, _PLAYED = 0, 1_000_000, 2_000_000  # what is learned and what is played must not be the same noise


@dataclass(frozen=True, slots=True)
class Track:
    """A loop of sound, and where in it something begins that is not normal."""

    twice: Floats
    """The loop, two times over, `[2n, 1]`: any piece of it lies in one stretch."""
    begins: tuple[int, ...]
    """Of every fault, its first sample in the loop."""

    @property
    def length(self) -> int:
        """Samples of the loop."""
        return len(self.twice) // 2

    def piece(self, start: int, count: int) -> Floats:
        """Samples `[count, 1]` from an index on, at most a loop of them."""
        at = start % self.length
        return self.twice[at : at + count]

    def onsets(self, start: int, end: int) -> list[int]:
        """Every index from start to end at which a fault begins."""
        loops = range(start // self.length, end // self.length + 1)
        return [at for loop in loops for begin in self.begins if start <= (at := loop * self.length + begin) < end]


def normal() -> Floats:
    """Sound of the room without a fault, `[n, 1]`."""
    return Room.drawn(_ROOM).sound(NORMAL_S, seed=_LEARNED)


def track() -> Track:
    """The loop: a hiss of a second in every six, each at a place of its own against the windows."""
    seam, n = round(_SEAM_S * RATE_HZ), round(_LOOP_S * RATE_HZ)
    sound = Room.drawn(_ROOM).sound(_LOOP_S + _SEAM_S, seed=_PLAYED)[:, 0]
    # The loop lasts whole turns of the mains: the hum is the same on both sides, and must not be louder where they meet.
    turn = np.linspace(0, 1, seam, dtype=np.float32)
    loop = sound[:n].copy()
    loop[:seam] = turn * sound[:seam] + (1 - turn) * sound[n:]
    rng = np.random.default_rng(_PLAYED)
    slots = _SLOT_S * np.arange(round(_LOOP_S / _SLOT_S))
    # No nearer than 4 s: until then the event of the one before goes on.
    begins = tuple(int(RATE_HZ * (slot + rng.uniform(1.5, 3.5))) for slot in slots)
    level = rms(loop) * amplitude(_HISS_DB)
    for begin in begins:
        loop[begin : begin + round(_HISS_S * RATE_HZ)] += np.float32(level) * _hiss(rng)
    return Track(np.clip(np.concatenate([loop, loop]), -1, 1)[:, None], begins)


def _hiss(rng: np.random.Generator) -> Floats:
    """A valve that opens: unlike the demo's leak it is there at once, so that it has an onset to count from."""

    def above(hz: Doubles) -> Doubles:
        shape: Doubles = 1 / (1 + (_EDGE_HZ / np.maximum(hz, 1)) ** 8)
        return shape

    n = round(_HISS_S * RATE_HZ)
    sound: Floats = noise(above, n, RATE_HZ, rng) * faded(n, RATE_HZ, rise_s=0.01, fall_s=0.01).astype(np.float32)
    return sound
