"""Numbers and times in as many columns as a table has for them."""

from __future__ import annotations

import math
from datetime import datetime


def figure(value: float) -> str:
    """A number in at most six columns; what is none is a dash.

    >>> figure(3.14159), figure(-41.26), figure(123456.7), figure(1e9), figure(float("nan"))
    ('3.1', '-41.3', '123457', '1e+09', '-')
    """
    if not math.isfinite(value):
        return "-"
    tenths = f"{value:.1f}"
    whole = f"{value:.0f}"
    return next((text for text in (tenths, whole) if len(text) <= 6), f"{value:.0e}")


def lasting(seconds: float) -> str:
    """A duration in at most six columns; less than none is none.

    >>> lasting(0.04), lasting(12.3), lasting(99), lasting(7300), lasting(4e5), lasting(-1)
    ('0.0 s', '12 s', '99 s', '2.0 h', '5 d', '0.0 s')
    """
    seconds = max(0.0, seconds)
    units = ((9.95, 1.0, ".1f", "s"), (99.5, 1.0, ".0f", "s"), (99.5 * 60, 60.0, ".0f", "min"), (99.5 * 3600, 3600.0, ".1f", "h"))
    for below, unit, form, name in units:
        if seconds < below:
            return f"{seconds / unit:{form}} {name}"
    return f"{seconds / 86_400:.0f} d"


def moment(unix_s: float, now_unix_s: float) -> str:
    """Local time, to the second of today, of another day to the minute."""
    at, now = datetime.fromtimestamp(unix_s), datetime.fromtimestamp(now_unix_s)
    return f"{at:%H:%M:%S}" if at.date() == now.date() else f"{at:%m-%d %H:%M}"
