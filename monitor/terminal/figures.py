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

    >>> lasting(0.04), lasting(12.3), lasting(59.96), lasting(75), lasting(7300), lasting(4e5), lasting(-1)
    ('0.0 s', '12 s', '60 s', '75 s', '122min', '111 h', '0.0 s')
    """
    seconds = max(0.0, seconds)
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    if seconds < 180 * 60:
        return f"{seconds / 60:.0f}min"
    return f"{seconds / 3600:.0f} h" if seconds < 1000 * 3600 else f"{seconds / 86_400:.0f} d"


def moment(unix_s: float, now_unix_s: float) -> str:
    """Local time, to the second of today, of another day to the minute."""
    at, now = datetime.fromtimestamp(unix_s), datetime.fromtimestamp(now_unix_s)
    return f"{at:%H:%M:%S}" if at.date() == now.date() else f"{at:%m-%d %H:%M}"
