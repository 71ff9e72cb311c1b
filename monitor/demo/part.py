"""A part on the conveyor: a brushed plate with two holes, two screws and a label, and what may be wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import floor
from typing import Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from monitor.demo.shape import Colour, Floats, cover, disc, line, paint, shade, slab

HALF = (47.0, 31.0)
"""Half of a plate's length and width (pixels)."""
REACH = 68
"""Further from its middle nothing of a part is seen, nor of its shadow (pixels)."""
Fault = Literal["scratch", "missing part", "wrong colour"]
FAULTS: tuple[Fault, ...] = ("scratch", "missing part", "wrong colour")

_HOLES = ((-33.0, -16.0), (-33.0, 16.0))
_SCREWS = ((33.0, -17.0), (33.0, 17.0))
_HOLE, _SCREW = 7.0, 6.5
_LABEL = (19.0, 13.0)
_STEEL: Colour = (172, 176, 180)
_DARK: Colour = (26, 28, 30)
_BLUE: Colour = (34, 92, 170)
_WRONG: tuple[Colour, ...] = ((186, 46, 40), (214, 164, 30), (40, 132, 64))

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Defect:
    """What is wrong with a part, in its own pixels from its middle."""

    fault: Fault
    points: Points
    """Of a scratch its course, none if it has no length; of the others the corners of what is not as it should be."""
    colour: Colour = _BLUE
    """Of the label."""
    screw: int | None = None
    """Which is missing."""
    hole: int | None = None
    """Which is missing."""


_FLAWLESS = Defect("scratch", ())


@dataclass(frozen=True, slots=True)
class Part:
    """How one part lies."""

    angle: float
    """Radians."""
    tone: float
    """Of its metal, about 1."""
    slots: tuple[float, float]
    """How its screws are turned (radians)."""
    grain: NDArray[np.float32]
    """Brushing, `[2 * REACH]`."""
    defect: Defect | None = None

    @classmethod
    def drawn(cls, rng: Generator) -> Part:
        """A part as chance lays it."""
        angle, tone = rng.uniform((-0.02, 0.96), (0.02, 1.04))
        grain = rng.standard_normal(2 * REACH)
        return cls(angle, tone, tuple(rng.uniform(0, np.pi, 2)), (grain + np.roll(grain, 1)).astype(np.float32))

    def corners(self, x: float, y: float) -> NDArray[np.float64]:
        """Where a defect's points are in a picture in which the part's middle is at x, y: `[n, 2]`."""
        points = np.array(() if self.defect is None else self.defect.points).reshape(-1, 2)
        turn = np.array([[np.cos(self.angle), np.sin(self.angle)], [-np.sin(self.angle), np.cos(self.angle)]])
        at: NDArray[np.float64] = points @ turn + (x, y)
        return at


def spoilt(fault: Fault, rng: Generator) -> Defect:
    """A defect of that kind."""
    if fault == "scratch":
        return Defect(fault, _course(rng))
    if fault == "wrong colour":
        return Defect(fault, _around((0, 0), _LABEL), colour=_WRONG[rng.integers(len(_WRONG))])
    which = int(rng.integers(2))
    if rng.random() < 0.5:
        return Defect(fault, _around(_SCREWS[which], (_SCREW, _SCREW)), screw=which)
    return Defect(fault, _around(_HOLES[which], (_HOLE, _HOLE)), hole=which)


@dataclass(frozen=True, slots=True)
class Stamp:
    """A part as it changes a picture about its middle: what it lets through, and what it adds, `[2 * REACH, 2 * REACH, 3]` each."""

    through: Floats
    light: Floats

    @classmethod
    def of(cls, part: Part) -> Stamp:
        """The stamp of a part."""
        # Whatever is painted or shaded changes every pixel by a factor and a term: drawn over black and over white they are known.
        black, white = np.zeros((2 * REACH, 2 * REACH, 3), np.float32), np.ones((2 * REACH, 2 * REACH, 3), np.float32)
        for picture in (black, white):
            _draw(picture, part)
        return cls(white - black, black)

    def press(self, picture: Floats, x: float, y: float) -> None:
        """Draws the part into a picture `[H, W, 3]`, its middle at x, y and as far as it is in it; in place."""
        height, width = picture.shape[:2]
        left, top = floor(x) - REACH, floor(y) - REACH
        rows, columns = slice(max(0, -top), height - top), slice(max(0, -left), max(0, width - left))
        patch = picture[max(0, top) : top + 2 * REACH, max(0, left) : max(0, left + 2 * REACH)]
        right, down = np.float32(x - floor(x)), np.float32(y - floor(y))
        patch *= _moved(self.through, 1.0, right, down)[rows, columns]
        patch += _moved(self.light, 0.0, right, down)[rows, columns]


def _moved(stamp: Floats, around: float, right: np.float32, down: np.float32) -> Floats:
    """The same, a part of a pixel further."""
    for axis, share in ((0, down), (1, right)):
        before = np.roll(stamp, 1, axis)
        before[(0, slice(None)) if axis == 0 else (slice(None), 0)] = around
        stamp = (1 - share) * stamp + share * before
    return stamp


def _draw(patch: Floats, part: Part) -> None:
    """Draws a part about the middle of a picture `[2 * REACH, 2 * REACH, 3]`."""
    rows, columns = np.mgrid[-REACH:REACH, -REACH:REACH].astype(np.float32) + 0.5
    cos, sin = float(np.cos(part.angle)), float(np.sin(part.angle))
    shade(patch, 0.45, cover(slab(*_turned(columns - 4, rows - 5, cos, sin), HALF, 7), 9))
    across, down = _turned(columns, rows, cos, sin)
    defect = part.defect or _FLAWLESS
    _plate(patch, part, across, down)
    for i, at in enumerate(_HOLES):
        if i != defect.hole:
            _bore(patch, across - at[0], down - at[1], _HOLE)
    for i, at in enumerate(_SCREWS):
        if i == defect.screw:
            _bore(patch, across - at[0], down - at[1], _SCREW - 2)
        else:
            _screw(patch, across - at[0], down - at[1], part.slots[i])
    _label(patch, across, down, defect.colour)
    if defect.fault == "scratch" and defect.points:
        _scratch(patch, across, down, defect.points)


def _turned(dx: Floats, dy: Floats, cos: float, sin: float) -> tuple[Floats, Floats]:
    """The part's own coordinates."""
    return cos * dx + sin * dy, cos * dy - sin * dx


def _plate(patch: Floats, part: Part, across: Floats, down: Floats) -> None:
    edge = slab(across, down, HALF, 7)
    brushed = 1 + 0.018 * np.interp(down, np.arange(-REACH, REACH), part.grain) + 0.0007 * across
    colour = part.tone * np.asarray(_STEEL, np.float32) * brushed[..., None].astype(np.float32)
    paint(patch, colour, cover(edge))
    rim = cover(np.abs(edge + 1.6) - 1.1)
    # Light comes from above and from the left.
    lit = (across / HALF[0] + down / HALF[1]) < 0
    shade(patch, 1.22, rim * lit)
    shade(patch, 0.72, rim * ~lit)


def _bore(patch: Floats, across: Floats, down: Floats, radius: float) -> None:
    edge = disc(across, down, radius)
    shade(patch, 1.2, cover(np.abs(edge - 1.0) - 0.8) * (across + down > 0))
    paint(patch, _DARK, cover(edge))
    paint(patch, (48, 50, 52), cover(disc(across - 1.6, down - 1.6, radius - 2.2), 2))


def _screw(patch: Floats, across: Floats, down: Floats, slot: float) -> None:
    shade(patch, 0.55, cover(disc(across - 1, down - 1.2, _SCREW + 0.8), 2.5))
    domed = (206 - 4.5 * (across + down))[..., None] * np.asarray((1.0, 0.98, 0.92), np.float32)
    paint(patch, domed.astype(np.float32), cover(disc(across, down, _SCREW)))
    tip = 4.4 * float(np.cos(slot)), 4.4 * float(np.sin(slot))
    paint(patch, (52, 50, 48), cover(line(across, down, (-tip[0], -tip[1]), tip) - 1.1))


def _label(patch: Floats, across: Floats, down: Floats, colour: Colour) -> None:
    shade(patch, 0.8, cover(slab(across - 0.7, down - 0.9, _LABEL, 2), 2))
    paint(patch, colour, cover(slab(across, down, _LABEL, 2)))
    paint(patch, (232, 234, 232), cover(slab(across, down + 3.5, (15.5, 5.0), 1)))
    for at, half in ((-11.0, 2.2), (-5.5, 1.2), (-1.5, 1.6), (3.5, 1.0), (7.0, 2.0), (12.0, 1.2)):
        paint(patch, (30, 32, 36), cover(slab(across - at, down + 3.5, (half, 3.6))))
    paint(patch, (226, 230, 236), cover(slab(across + 4, down - 6.5, (9.5, 1.0))))


def _scratch(patch: Floats, across: Floats, down: Floats, points: Points) -> None:
    pieces = list(pairwise(points))
    groove = np.min([line(across, down, a, b) for a, b in pieces], 0)
    burr = np.min([line(across + 1.0, down + 1.0, a, b) for a, b in pieces], 0)
    paint(patch, (236, 240, 242), 0.9 * cover(burr - 1.0))
    paint(patch, (58, 58, 60), 0.9 * cover(groove - 1.2))


def _course(rng: Generator) -> Points:
    """A slight curve across the plate."""
    side = rng.choice((-1.0, 1.0))
    begin, end = np.array((-22.0, 23.0 * side)), np.array((24.0, -20.0 * side))
    begin, end = begin + rng.uniform(-4, 4, 2), end + rng.uniform(-4, 4, 2)
    middle = (begin + end) / 2 + rng.uniform(-9, 9, 2)
    t = np.linspace(0, 1, 9)[:, None]
    curve = (1 - t) ** 2 * begin + 2 * t * (1 - t) * middle + t**2 * end
    return tuple((float(x), float(y)) for x, y in curve)


def _around(middle: tuple[float, float], half: tuple[float, float]) -> Points:
    return tuple((middle[0] + across * half[0], middle[1] + down * half[1]) for across in (-1, 1) for down in (-1, 1))
