"""Numbers as people read them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

_UNITS = (("year", 365.25 * 86400), ("day", 86400.0), ("hour", 3600.0), ("minute", 60.0), ("second", 1.0))
_DAY_S = 86400.0
_FURTHEST = 1000
"""So many times what was held out a rarity is carried on; beyond, all that is said is that it is rarer."""


@dataclass(frozen=True, slots=True)
class Normal:
    """What is known of normal, of which rarity is told."""

    hop_s: float
    """From one window to the next."""
    held_out_s: float
    """How much normal was held out."""
    vouched_per_day: float
    """The smallest rate that it can vouch for."""


def lasting(seconds: float) -> str:
    """A duration in its largest unit of which there are two, to tenths if there are few: 9 days, 2.5 minutes."""
    unit, size = next(((unit, size) for unit, size in _UNITS if seconds >= 2 * size), _UNITS[-1])
    number = round(seconds / size, 1 if seconds < 10 * size else None)
    return f"{number:,g} {unit}{'s' * (number != 1)}"


def rfc3339(unix_s: float) -> str:
    """Local time with offset, to the millisecond."""
    return datetime.fromtimestamp(round(unix_s, 3)).astimezone().isoformat(timespec="milliseconds")


def rarity(p_value: float, normal: Normal) -> str:
    """How often normal has a window at least as strange, and what that rests on if it was not counted."""
    every_s = normal.hop_s / p_value
    furthest_s = _FURTHEST * normal.held_out_s
    often = f"about once in {lasting(every_s)}" if every_s <= furthest_s else f"less than once in {lasting(furthest_s)}"
    basis = f" (extrapolated from {lasting(normal.held_out_s)} of normal)" * (_DAY_S / every_s < normal.vouched_per_day)
    return f"{often} of normal{basis}"


def alarms(per_day: float) -> str:
    """A rate of false alarms: 1 false alarm a day."""
    return f"{per_day:g} false alarm{'s' * (per_day != 1)} a day"


def count(number: int, one: str, many: str = "") -> str:
    """So many of something: 1 event, 2 events."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
