"""Sizes of files as people write them."""

from __future__ import annotations

import re

_FORM = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)")
_UNIT = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_MOST = 1 << 62


def size(text: str | int) -> int:
    """Bytes of a size like `500MB` or `2GiB`; a number is bytes already. Raises ValueError.

    >>> size("1.5KiB")
    1536
    """
    match = _FORM.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is not None:
        return round(float(match[1]) * _UNIT[match[2]])
    if isinstance(text, int) and not isinstance(text, bool) and abs(text) < _MOST:
        return text
    raise ValueError(f"{text!r} is not a size like 500MB or 2GiB")
