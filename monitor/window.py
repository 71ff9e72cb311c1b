"""Windows out of a ring: equal stretches at regular places, never across something lost."""

from __future__ import annotations

import numpy as np

from monitor.records import Items, Window
from monitor.ring import Ring


class Windower:
    """Windows of `length` items, one every `hop` items, in order. `next` is called by one thread, the one that scores.

    A window begins at a multiple of `hop` on the absolute index (but for a source's very last), so the same items give the same
    windows however they came.
    After something lost it goes on at the first multiple of `hop` that lies behind it.
    """

    def __init__(self, ring: Ring, *, stream: str, length: int, hop: int) -> None:
        self._ring = ring
        self._stream = stream
        self._length = length
        self._hop = hop
        self._start = -(-ring.begin // hop) * hop
        self._lost = 0
        # Up to `_seen` everything is either in a window or counted; so far that were `_gaps_seen` items in gaps.
        self._seen = ring.begin
        self._gaps_seen = 0

    @property
    def start(self) -> int:
        """Absolute index at which the next window begins, if nothing is lost; any thread may read it."""
        return self._start

    def next(self) -> Window | None:
        """The next window; none if it has not wholly arrived. At the end of the source, one more that ends with its last item."""
        with self._ring.arrived:
            while self._start + self._length <= self._ring.end:
                items = self._ring.read(self._start, self._start + self._length)
                if items is not None:
                    return self._cut(items)
                self._skip()
            return self._last() if self._ring.finished else None

    def _last(self) -> Window | None:
        start = self._ring.end - self._length
        fresh = start > self._start - self._hop and start >= 0
        items = self._ring.read(start, self._ring.end) if fresh else None
        if items is None:
            return None
        self._start = start
        return self._cut(items)

    def _cut(self, items: Items) -> Window:
        start = self._start
        self._count_gaps(start + self._length)
        window = Window(self._stream, start, items, self._lost)
        self._start, self._lost = start + self._hop, 0
        return window

    def _skip(self) -> None:
        """Goes on behind the gap in the coming window, or behind what was overwritten before it was read."""
        ends = [b for a, b in self._ring.gaps if self._start < b and a < self._start + self._length]
        if ends:
            behind = ends[-1]
            self._count_gaps(behind)
        else:
            behind = self._ring.oldest
            self._count_overrun(behind)
        self._start = -(-behind // self._hop) * self._hop

    def _count_overrun(self, end: int) -> None:
        # What was overwritten may all lie within the window before, which reaches beyond the start of this one.
        if end > self._seen:
            self._lost += end - self._seen
            self._seen, self._gaps_seen = end, self._ring.lost_before(end)

    def _count_gaps(self, end: int) -> None:
        gaps = self._ring.lost_before(end)
        self._lost += gaps - self._gaps_seen
        self._seen, self._gaps_seen = end, gaps


def fill(items: Items, length: int) -> Items:
    """The items there and back again, and so on, to `[length, *item]`: one window of a recording shorter than that.

    Every other repetition runs backwards, so that no seam clicks. At least one item.
    """
    if len(items) >= length:
        return items[:length]
    return np.pad(items, [(0, length - len(items)), *[(0, 0)] * (items.ndim - 1)], mode="symmetric")
