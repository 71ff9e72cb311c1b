"""What happens on the conveyor in front of the camera: three parts with a defect and a shadow, where one can look them up afterwards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monitor.demo.conveyor import PITCH, SIDE, STEP_S, Conveyor, Footage, Shadow
from monitor.demo.part import FAULTS, REACH, Defect, spoilt
from monitor.records import Box

LEAD_S, TAIL_S = 10.0, 8.0
"""Quiet before the first and after the last."""
LEAST_S = 22.0
"""From one's beginning to the next one's: a part must have passed, its event ended, and another may begin."""
SHADOW = "shadow"
_SOFT = 3.0  # pixels that a defect reaches beyond its corners: its edges are soft


@dataclass(frozen=True, slots=True)
class Flaw:
    """A part with a defect on its way through the picture."""

    fault: str
    first_s: float
    """When the first of the defect is seen, from the footage's beginning."""
    onset_s: float
    """When all of it is seen."""
    end_s: float
    """When the last of it was."""
    number: int
    """Of the part."""
    footage: Footage

    def box(self, time_s: float) -> Box:
        """Where it is at a time: left, top, width and height of what is seen of it (pixels), of no width if nothing is."""
        corners = self.footage.part(self.number).corners(*self.footage.middle(self.number, time_s))
        (left, top), (right, bottom) = corners.min(0).clip(0, SIDE).tolist(), corners.max(0).clip(0, SIDE).tolist()
        return left, top, right - left, bottom - top


@dataclass(frozen=True, slots=True)
class Passing:
    """A shadow, which is no fault."""

    first_s: float
    end_s: float
    fault: str = SHADOW

    @property
    def onset_s(self) -> float:
        """As its beginning."""
        return self.first_s


def stage(conveyor: Conveyor, *, seconds: float, seed: int) -> tuple[Footage, list[Flaw], Passing]:
    """Footage in which each defect comes by once and a shadow passes; the flaws in order of time.

    Order, places and kinds are drawn from the seed. Raises ValueError if `seconds` cannot hold all and the quiet between them.
    """
    rng = np.random.default_rng([seed, 5])
    begins_s = _begins(seconds, rng)
    defects: dict[int, Defect] = {}
    shadow = Shadow(0.0, 0.0)
    plain = Footage(conveyor, seed=seed)
    for happening, begin_s in zip(rng.permutation([*FAULTS, SHADOW]), begins_s, strict=True):
        if happening == SHADOW:
            shadow = Shadow(begin_s, rng.uniform(0, 2 * np.pi))
        else:
            fault = next(f for f in FAULTS if f == happening)
            defects[_next(plain, begin_s)] = spoilt(fault, rng)
    footage = Footage(conveyor, seed=seed, shadows=[shadow], defects=defects)
    return footage, [_flaw(footage, number) for number in sorted(defects)], Passing(shadow.onset_s, shadow.end_s)


def _begins(seconds: float, rng: np.random.Generator) -> list[float]:
    """When each happening is to begin: what time is left over is shared out at random."""
    count = len(FAULTS) + 1
    least_s = LEAD_S + (count - 1) * LEAST_S + STEP_S * (1 + SIDE / PITCH) + TAIL_S
    if seconds < least_s:
        raise ValueError(f"{seconds:g} s cannot hold {count} happenings, expected at least {least_s:.0f} s")
    spare_s = rng.dirichlet(np.ones(count + 1))[:count] * (seconds - least_s)
    return [LEAD_S + i * LEAST_S + float(before) for i, before in enumerate(np.cumsum(spare_s))]


def _next(footage: Footage, time_s: float) -> int:
    """The first part that comes in after a time."""
    return next(n for n in range(1_000_000) if footage.middle(n, time_s)[0] < -REACH)


def _flaw(footage: Footage, number: int) -> Flaw:
    part = footage.part(number)
    assert part.defect is not None  # noqa: S101  # it was planted
    lasts = [STEP_S * i for i in range(number + 4)]
    sides = [(corners[:, 0].min(), corners[:, 0].max()) for corners in (part.corners(*footage.middle(number, t)) for t in lasts)]
    seen = [t for t, (left, right) in zip(lasts, sides, strict=True) if right > -_SOFT and left < SIDE + _SOFT]
    whole = [t for t, (left, right) in zip(lasts, sides, strict=True) if left >= 0 and right <= SIDE]
    return Flaw(part.defect.fault, seen[0], whole[0], seen[-1] + STEP_S, number, footage)


def overlap(a: Box, b: Box) -> float:
    """Intersection over union of two boxes."""
    across = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    down = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    both = max(0.0, across) * max(0.0, down)
    return both / (a[2] * a[3] + b[2] * b[3] - both)
