"""The largest number that can be carried, found by doubling and halving what lies between."""

from __future__ import annotations

from collections.abc import Callable

_CLOSE = 1.1  # of two numbers, one carried and one not: nearer would be finer than a short trial can tell


def largest(carried: Callable[[int], bool], first: int, most: int) -> int:
    """About the largest number that is carried, at most `most`; 0 if not even one is.

    Begins with `first`, which should be near. Carried must mean that all smaller ones are.
    """
    low, high = 0, most + 1
    at = max(1, min(first, most))
    while low < at < high:
        if carried(at):
            low = at
        else:
            high = at
        at = _next(low, high, most)
    return low


def _next(low: int, high: int, most: int) -> int:
    """The number to try after it is known that low is carried, and high not; low, if they are close enough."""
    if high > most:
        return min(2 * low, most) if low < most else low
    if low == 0:
        return high // 2
    return low if high <= max(low + 1, _CLOSE * low) else (low + high) // 2


def confirmed(carried: Callable[[int], bool], found: int) -> int:
    """The number, or the next smaller ones, a tenth each, until one is carried for long; 0 if none is."""
    while found and not carried(found):
        found = min(found - 1, int(0.9 * found))
    return found
