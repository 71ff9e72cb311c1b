"""Durations as people write them."""

from __future__ import annotations

import re

_FORM = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(text: str | float) -> float:
    """Seconds of a duration like `90s`, `3m`, `24h`; a number is seconds already. Raises ValueError.

    >>> seconds("1.5m")
    90.0
    """
    if not isinstance(text, str):
        return float(text)
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a duration like 90s, 3m or 24h")
    return float(match[1]) * _UNIT_S[match[2]]
