"""Durations as people write them."""

from __future__ import annotations

import re

_FORM = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*(ms|s|m|h|d)")
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
# So that no number is too large to count items with; neither infinity nor NaN is below it.
_MOST_S = 1e9


def seconds(text: str | float) -> float:
    """Seconds of a duration like `90s`, `3m`, `24h`; a number is seconds already. Raises ValueError.

    >>> seconds("1.5m")
    90.0
    """
    match = _FORM.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is not None:
        return float(match[1]) * _UNIT_S[match[2]]
    if isinstance(text, int | float) and not isinstance(text, bool) and abs(text) < _MOST_S:
        return float(text)
    raise ValueError(f"{text!r} is not a duration like 90s, 3m or 24h")
