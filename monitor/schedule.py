"""Quiet hours: when nothing is told of a stream, in local time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FORM = re.compile(r"(?:([a-z,-]+) +)?(\d\d):(\d\d) *- *(\d\d):(\d\d)")
_DAY_MIN = 24 * 60


@dataclass(frozen=True, slots=True)
class Hours:
    """A time of day on some days of the week; one that ends before it begins lasts past midnight."""

    days: frozenset[int]
    """On which it begins; 0 is Monday."""
    begin_min: int
    """Minutes after midnight."""
    end_min: int

    def hold(self, local: datetime) -> bool:
        """Whether a local time lies within."""
        return any(self._began(local - timedelta(days=back), local) for back in (0, 1))

    def _began(self, day: datetime, local: datetime) -> bool:
        """Whether a local time lies within what begins on that day."""
        if day.weekday() not in self.days:
            return False
        now_min = local.hour * 60 + local.minute + _DAY_MIN * (day.date() != local.date())
        return self.begin_min <= now_min < self.end_min + _DAY_MIN * (self.end_min <= self.begin_min)


def hours(text: str) -> Hours:
    """Quiet hours like `22:00-06:00`, `mon-fri 07:00-19:00` or `sat,sun 00:00-24:00`. Raises ValueError.

    >>> sorted(hours("fri-sun 22:00-06:00").days)
    [4, 5, 6]
    """
    match = _FORM.fullmatch(text.strip().lower()) if isinstance(text, str) else None
    try:
        if match is None:
            raise ValueError
        begin_min, end_min = (_minutes(match[i], match[i + 1]) for i in (2, 4))
        days = range(7) if match[1] is None else [d for part in match[1].split(",") for d in _days(part)]
    except ValueError:
        raise ValueError(f"{text!r} is not a time like 22:00-06:00 or mon-fri 07:00-19:00") from None
    return Hours(frozenset(days), begin_min % _DAY_MIN, end_min)


def zone(name: str) -> ZoneInfo:
    """A time zone by its name. Raises ValueError."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError, TypeError):
        raise ValueError(f"{name!r} is no time zone that this machine knows, expected a name like Europe/Berlin") from None


def quiet(schedule: Sequence[Hours], unix_s: float, where: ZoneInfo | None) -> bool:
    """Whether a time lies within quiet hours, in a time zone, or the machine's if none."""
    return any(each.hold(datetime.fromtimestamp(unix_s, where)) for each in schedule)


def _minutes(hour: str, minute: str) -> int:
    total = int(hour) * 60 + int(minute)
    if int(minute) > 59 or total > _DAY_MIN:
        raise ValueError
    return total


def _days(part: str) -> list[int]:
    """The days of `mon` or `mon-fri`; `sat-mon` goes over the week's end."""
    first, _, last = part.partition("-")
    begin, end = _DAYS.index(first), _DAYS.index(last or first)
    return [day % 7 for day in range(begin, end + 1 + 7 * (end < begin))]
