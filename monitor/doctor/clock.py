"""Whether events will carry the right time."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Iterator

from monitor.doctor import Finding

_TIME_ERROR = 5  # <sys/timex.h>
_TIMEX_BYTES = 208
_MEND = "timedatectl set-ntp true"


def synchronised() -> bool | None:
    """Whether the kernel knows its clock to follow another one; none if it does not say."""
    # All zero: asks and sets nothing.
    state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(2 * _TIMEX_BYTES))
    return None if state < 0 else state != _TIME_ERROR


def findings(year: int | None = None, follows: Callable[[], bool | None] = synchronised) -> Iterator[Finding]:
    """One; the year is that of the clock if none."""
    year = time.gmtime().tm_year if year is None else year
    if year < 2025:
        yield Finding("clock", "failed", f"it is set to the year {year}", _MEND)
        return
    match follows():
        case True:
            yield Finding("clock", "ok", "synchronised")
        case False:
            yield Finding("clock", "warning", "not synchronised: times in events drift", _MEND)
        case None:
            yield Finding("clock", "warning", "the kernel does not say whether it is synchronised", "timedatectl")
