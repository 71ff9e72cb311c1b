"""A conveyor seen from above, drawn from nothing: a belt between rails, parts that come by, a lamp, shadows, a sensor's noise.

The belt goes on by one part every few seconds, and rests while it is looked at.

A conveyor's look (`Conveyor.drawn`) and a stretch of what passes on it (`Footage`) have seeds of their own: two stretches of one
conveyor look alike and share no part. Frames are `[SIDE, SIDE, 3]` uint8 RGB; the same in distribution however
long it runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, floor

import numpy as np

from monitor.demo.part import REACH, Defect, Part, Stamp
from monitor.demo.shape import Floats, cover, disc, paint, shade
from monitor.evidence.overlay import Pixels, rounded

SIDE = 256
PITCH = 180.0
"""From one part to the next, on average, and from one rest to the next (pixels, to the right)."""
STEP_S = 2.0
"""How long it rests."""
SHADOW_S = 4.0
"""A shadow takes so long to pass."""
_RAIL = 26
_PERIOD = 512  # after so many pixels the belt looks the same
_FIRST = 2  # number of the part that is about in the middle at the beginning: some were laid before it
_LAID = 2.0  # how far chance lays a part from its place, either way
_SHADOW_DEPTH, _SHADOW_HALF, _SHADOW_SOFT = 0.2, 46.0, 40.0
_NOISE = 2.2  # deviation, of 255


@dataclass(frozen=True, slots=True)
class Shadow:
    """Somebody walks by."""

    onset_s: float
    angle: float
    """Of its way, radians."""

    @property
    def end_s(self) -> float:
        """When it is gone."""
        return self.onset_s + SHADOW_S

    def factor(self, time_s: float) -> Floats | None:
        """How bright it leaves each pixel, `[SIDE, SIDE]`; none if there is no shadow."""
        share = (time_s - self.onset_s) / SHADOW_S
        if not 0 < share < 1:
            return None
        rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float32) - SIDE / 2
        reach = SIDE * 0.71 + _SHADOW_HALF + _SHADOW_SOFT
        across = columns * np.cos(self.angle) + rows * np.sin(self.angle) - (2 * share - 1) * reach
        dark = cover(np.abs(across) - _SHADOW_HALF, _SHADOW_SOFT)
        factor: Floats = 1 - _SHADOW_DEPTH * dark * dark * (3 - 2 * dark)
        return factor


@dataclass(frozen=True, slots=True)
class Conveyor:
    """What makes one conveyor look unlike another."""

    belt: Floats
    """The belt between and below the rails, `[SIDE, _PERIOD, 3]`, from 0 to 255."""
    rails: Floats
    """The rails, `[SIDE, SIDE, 3]`, black elsewhere."""
    light: Floats
    """How bright the lamp leaves each pixel, `[SIDE, SIDE]`."""

    @classmethod
    def drawn(cls, seed: int) -> Conveyor:
        """The conveyor of a seed."""
        rng = np.random.default_rng(seed)
        rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float32)
        lamp = SIDE * rng.uniform((0.35, 0.3), (0.6, 0.5))
        light = 1.1 - 0.38 * ((columns - lamp[0]) ** 2 + (rows - lamp[1]) ** 2) / SIDE**2
        return cls(_belt(rng), _rails(), light.astype(np.float32))


class Footage:
    """What the camera sees of a conveyor for a stretch of time. One thread calls it.

    Args:
        conveyor: that is seen.
        seed: of the stretch.
        shadows: that pass in it.
        defects: of the parts that have one, by their number.
    """

    def __init__(
        self, conveyor: Conveyor, *, seed: int, shadows: Sequence[Shadow] = (), defects: Mapping[int, Defect] | None = None
    ) -> None:
        self._conveyor, self._seed, self._shadows = conveyor, seed, shadows
        self._defects = defects or {}
        self._stamps: dict[int, Stamp] = {}

    def part(self, number: int) -> Part:
        """The `number`-th part, from 0."""
        part = Part.drawn(np.random.default_rng([self._seed, 1, number]))
        return replace(part, defect=self._defects.get(number))

    def middle(self, number: int, time_s: float) -> tuple[float, float]:
        """Where the middle of a part is at a time, x and y (pixels)."""
        laid = np.random.default_rng([self._seed, 2, number]).uniform(-_LAID, _LAID, 2)
        return way(time_s) - PITCH * (number - _FIRST) + SIDE / 2 + laid[0], SIDE / 2 + laid[1] / 2

    def frame(self, time_s: float) -> Pixels:
        """What is seen at a time from the stretch's beginning."""
        seen = self._scene(time_s)
        for shadow in self._shadows:
            factor = shadow.factor(time_s)
            if factor is not None:
                seen *= factor[..., None]
        rng = np.random.default_rng([self._seed, 3, round(1000 * time_s)])
        flicker = 1 + 0.025 * np.sin(2 * np.pi * time_s / 23) + 0.008 * rng.standard_normal()
        seen *= (np.float32(flicker) * self._conveyor.light)[..., None]
        seen += _NOISE * rng.standard_normal(seen.shape, np.float32)
        return rounded(seen)

    def _scene(self, time_s: float) -> Floats:
        """Belt, parts and rails as they are, before any light falls on them."""
        gone = way(time_s)
        whole, rest = floor(gone), np.float32(gone - floor(gone))
        columns = np.arange(SIDE) - whole
        belt = self._conveyor.belt
        seen: Floats = (1 - rest) * belt[:, columns % _PERIOD] + rest * belt[:, (columns - 1) % _PERIOD]
        self._stamps = {n: self._stamps.get(n) or Stamp.of(self.part(n)) for n in _numbers(time_s)}
        for number, stamp in self._stamps.items():
            stamp.press(seen, *self.middle(number, time_s))
        for rows in (slice(0, _RAIL), slice(SIDE - _RAIL, SIDE)):
            seen[rows] = self._conveyor.rails[rows]
        return seen


def way(time_s: float) -> float:
    """How far the belt has gone (pixels)."""
    return PITCH * floor(time_s / STEP_S + 1e-9)


def _numbers(time_s: float) -> range:
    """The parts that may be seen at a time."""
    middle = _FIRST + way(time_s) / PITCH
    away = (SIDE / 2 + REACH + _LAID) / PITCH
    return range(ceil(middle - away), floor(middle + away) + 1)


def shadows(seconds: float, *, seed: int, every_s: float = 12.0) -> list[Shadow]:
    """The shadows that pass in a stretch of normal."""
    rng = np.random.default_rng([seed, 4])
    count = int(seconds / every_s)
    return [Shadow(every_s * (i + rng.uniform(0.1, 0.7)), rng.uniform(0, 2 * np.pi)) for i in range(count)]


def _belt(rng: np.random.Generator) -> Floats:
    """Dark rubber with a fine weave, worn a little along its way."""
    rows, columns = np.mgrid[:SIDE, :_PERIOD].astype(np.float32)
    weave = np.sin(2 * np.pi * (columns + rows) / 8) + np.sin(2 * np.pi * (columns - rows) / 8)
    speckle = rng.standard_normal((SIDE, _PERIOD)).astype(np.float32)
    speckle += np.roll(speckle, 1, 0) + np.roll(speckle, 1, 1)
    worn = np.convolve(rng.standard_normal(SIDE + 24), np.hanning(25) / 5, "valid")[:SIDE]
    grey = 58 + 1.6 * weave + 1.3 * speckle + 1.8 * worn[:, None]
    from_rail = np.minimum(rows, SIDE - 1 - rows) - _RAIL
    grey *= 1 - 0.45 * np.exp(-np.maximum(from_rail, 0) / 7)
    belt: Floats = (grey[..., None] * np.array([0.93, 1.0, 1.02])).astype(np.float32)
    return belt


def _rails() -> Floats:
    """Two rounded bars of steel with bolts."""
    picture = np.zeros((SIDE, SIDE, 3), np.float32)
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    for middle in (_RAIL / 2 - 1, SIDE - _RAIL / 2):
        across = (rows - middle) / (_RAIL / 2)
        bar = 118 + 62 * np.exp(-(((across + 0.35) / 0.3) ** 2)) - 46 * across
        paint(picture, (bar[..., None] * np.array([0.97, 1.0, 1.03])).astype(np.float32), cover(np.abs(rows - middle) - _RAIL / 2 + 1))
        for x in (34.0, 128.0, 222.0):
            shade(picture, 0.5, cover(disc(columns - x - 1, rows - middle - 1.2, 6.4), 2))
            paint(picture, (96, 98, 100), cover(disc(columns - x, rows - middle, 5.4)))
            paint(picture, (60, 62, 64), cover(disc(columns - x, rows - middle, 2.4)))
    return picture
