"""Windows out of a ring: equal stretches at regular places, never across something lost."""

from __future__ import annotations

import numpy as np

from monitor.records import Items, Window
from monitor.ring import Empty, Ring


class Windower:
    """Windows of `length` items, one every `hop` items, in order. `next` is called by one thread, the one that scores.

    A window begins at a multiple of `hop` on the absolute index (but for a source's very last), so the same items give the same
    windows however they came.
    After something lost it goes on at the first multiple of `hop` that lies behind it, and counts all that is in no window: what the
    source lost, what was overwritten, and the pieces beside them that are shorter than a window.
    """

    def __init__(self, ring: Ring, *, stream: str, length: int, hop: int) -> None:
        self._ring = ring
        self._stream = stream
        self._length = length
        self._hop = hop
        self._start = self._regular = -(-ring.begin // hop) * hop
        self._covered = ring.begin
        """Absolute index up to which everything is in a window or counted as lost."""
        self.skipped = 0
        """Windows that could not be cut, for something was lost or there was no time; any thread may read it."""
        self.dropped = 0
        """Of these, those that were there and were overwritten before there was time; any thread may read it."""
        self.lost = 0
        """Items that are in no window, in all; any thread may read it."""

    @property
    def start(self) -> int:
        """Absolute index at which the next window begins, if nothing is lost; any thread may read it."""
        return self._start

    def reaches(self, index: int, ahead: int) -> bool:
        """Whether an item at `index` may come, being at most `ahead` items before what is cut.

        Behind a gap it may once all is cut that lies before: what was never written drives out as much as what was.
        """
        if index > self._ring.end:
            return self._start + self._length > self._ring.end
        return index - self._start <= ahead

    def next(self, *, empty: Empty = np.empty) -> Window | None:
        """The next window; none if it has not wholly arrived. At the end of the source, one more that ends with its last item.

        `empty` gives the memory for its items.
        """
        with self._ring.arrived:
            while self._start + self._length <= self._ring.end:
                items = self._ring.read(self._start, self._start + self._length, empty=empty)
                if items is not None:
                    return self._cut(items)
                self._skip()
            return self._last(empty) if self._ring.finished else None

    def _last(self, empty: Empty) -> Window | None:
        start = self._ring.end - self._length
        fresh = start > self._start - self._hop and start >= 0
        items = self._ring.read(start, self._ring.end, empty=empty) if fresh else None
        if items is None:
            self.lost += max(0, self._ring.end - self._covered)
            self._covered = max(self._covered, self._ring.end)
            return None
        self._start = start
        return self._cut(items)

    def _cut(self, items: Items) -> Window:
        # Where nothing is lost, what lies between windows is left out on purpose.
        lost = 0 if self._start <= self._regular else max(0, self._start - self._covered)
        self.skipped += max(0, self._start - self._regular) // self._hop
        self.lost += lost
        window = Window(self._stream, self._start, items, lost)
        self._covered = max(self._covered, window.end)
        self._start = self._regular = window.start + self._hop
        return window

    def _skip(self) -> None:
        """Goes on behind the gap in the coming window, or behind what was overwritten before it was read."""
        ends = [b for a, b in self._ring.gaps if self._start < b and a < self._start + self._length]
        behind = ends[-1] if ends else self._ring.oldest
        start = -(-behind // self._hop) * self._hop
        self.dropped += 0 if ends else (start - self._start) // self._hop
        self._start = start


def fill(items: Items, length: int) -> Items:
    """The items there and back again, and so on, to `[length, *item]`: one window of a recording shorter than that.

    Every other repetition runs backwards, so that no seam clicks. At least one item.
    """
    if len(items) >= length:
        return items[:length]
    return np.pad(items, [(0, length - len(items)), *[(0, 0)] * (items.ndim - 1)], mode="symmetric")
