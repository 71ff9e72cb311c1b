"""The last stretch of one stream: written by its reader, read by whoever scores it."""

from __future__ import annotations

import math
import threading
from bisect import bisect_right
from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import DTypeLike, NDArray

from monitor.records import Block, Box, Items

_ANCHORS = 64

Empty = Callable[[tuple[int, ...], DTypeLike], Items]
"""Gives memory, by its shape and the type of its numbers."""


class Ring:
    """The last `capacity` items of one stream. One reader thread calls `write` and `finish`; any thread may call the rest.

    An item is addressed by its absolute index in the stream. What a source lost is a gap: those indices were never written.
    The oldest items are overwritten without asking; a reader that lags finds `oldest` beyond its own index.

    Args:
        capacity: how many items are kept.
        item: shape of one item.
        rate_hz: items a second, as nominally delivered.
        dtype: of the items.
        begin: absolute index of the first item that will come.
        arrived: notified at every write and at the end. Several rings may share one, so that one thread waits for any of them;
            holding it keeps the ring as it is across several calls.
    """

    def __init__(
        self,
        capacity: int,
        *,
        item: tuple[int, ...],
        rate_hz: float,
        dtype: DTypeLike = np.float32,
        begin: int = 0,
        arrived: threading.Condition | None = None,
    ) -> None:
        self.rate_hz = rate_hz
        self.arrived = arrived or threading.Condition()
        self._items: NDArray[np.generic] = np.zeros((capacity, *item), dtype)
        self.begin = self._end = begin
        self._gaps: deque[tuple[int, int]] = deque()
        self._anchors = _Anchors(rate_hz, spacing=max(1, capacity // _ANCHORS))
        self._shown: deque[tuple[int, Box | None]] = deque(maxlen=_ANCHORS)
        self._finished = False
        self._error: Exception | None = None

    @property
    def capacity(self) -> int:
        """How many items are kept."""
        return len(self._items)

    @property
    def end(self) -> int:
        """Absolute index after the newest item."""
        return self._end

    @property
    def oldest(self) -> int:
        """Smallest absolute index not yet overwritten."""
        return max(self.begin, self._end - self.capacity)

    @property
    def gaps(self) -> tuple[tuple[int, int], ...]:
        """Gaps that reach into what is kept, in order: absolute index of the first lost item, and after the last."""
        with self.arrived:
            return tuple(self._gaps)

    @property
    def finished(self) -> bool:
        """Whether the source has ended: nothing will be written any more."""
        return self._finished

    @property
    def error(self) -> Exception | None:
        """What ended the source, if it did not end by itself."""
        return self._error

    def write(self, block: Block) -> None:
        """Takes a block in, over the oldest items. Raises ValueError if it begins before the ring's end."""
        with self.arrived:
            if block.start < self._end:
                raise ValueError(f"a block begins at {block.start}, expected {self._end} or later")
            if block.start > self._end:
                self._gaps.append((self._end, block.start))
            self._store(block)
            self._end = block.end
            while self._gaps and self._gaps[0][1] <= self.oldest:
                self._gaps.popleft()
            self._anchors.add(block, oldest=self.oldest)
            if not self._shown or self._shown[-1][1] != block.shown:
                self._shown.append((block.start, block.shown))
            self.arrived.notify_all()

    def _store(self, block: Block) -> None:
        items = block.items[-self.capacity :]
        at = (block.end - len(items)) % self.capacity
        head = min(len(items), self.capacity - at)
        self._items[at : at + head] = items[:head]
        self._items[: len(items) - head] = items[head:]

    def read(self, start: int, end: int, *, empty: Empty = np.empty) -> Items | None:
        """Copy of the items `[end - start, *item]`; none if one of them is overwritten, lost in a gap or not there yet.

        `empty` gives the memory for it.
        """
        with self.arrived:
            if start < self.oldest or end > self._end or any(a < end and start < b for a, b in self._gaps):
                return None
            at, n = start % self.capacity, end - start
            head = min(n, self.capacity - at)
            items = empty((n, *self._items.shape[1:]), self._items.dtype)
            items[:head] = self._items[at : at + head]
            items[head:] = self._items[: n - head]
            return items

    def time_of(self, index: int) -> float:
        """Source time in seconds at which item `index` began (its predecessor was complete).

        Interpolated between the blocks that came earliest against the nominal rate, since a delay only ever makes a block
        late; beyond the blocks kept, counted at the nominal rate. Raises LookupError before the first block.
        """
        with self.arrived:
            return self._anchors.time_of(index)

    def shown_at(self, index: int) -> Box | None:
        """The part of the source's picture that an item shows; of one that is forgotten, what the oldest showed that is not."""
        with self.arrived:
            shown = [box for start, box in self._shown if start <= index]
            return shown[-1] if shown else self._shown[0][1] if self._shown else None

    def finish(self, error: Exception | None = None) -> None:
        """Marks that the source has ended, by itself or by `error`; the first call counts."""
        with self.arrived:
            if not self._finished:
                self._finished, self._error = True, error
            self.arrived.notify_all()


class _Anchors:
    """When a stream reached which index, thinned out: of every `spacing` items the block that was least late."""

    def __init__(self, rate_hz: float, *, spacing: int) -> None:
        self._rate_hz = rate_hz
        self._spacing = spacing
        # A gap begins a new anchor, since time may have jumped there; a source that is all gaps must not fill memory.
        self._kept: deque[tuple[int, float]] = deque(maxlen=4 * _ANCHORS)
        self._began = 0
        self._end = 0

    def add(self, block: Block, *, oldest: int) -> None:
        """Takes the time of a block's end in, and forgets what no index from `oldest` on needs."""
        anchor = (block.end, block.time_s)
        if not self._kept or block.start > self._end or block.end - self._began > self._spacing:
            self._kept.append(anchor)
            self._began = block.start
        elif self._lateness_s(anchor) < self._lateness_s(self._kept[-1]):
            self._kept[-1] = anchor
        self._end = block.end
        while len(self._kept) > 1 and self._kept[1][0] <= oldest:
            self._kept.popleft()

    def _lateness_s(self, anchor: tuple[int, float]) -> float:
        index, time_s = anchor
        return time_s - index / self._rate_hz

    def time_of(self, index: int) -> float:
        """Time at an index, between anchors or counted on from the nearest."""
        if not self._kept:
            raise LookupError("no block has come yet, so no index has a time")
        after = bisect_right(self._kept, (index, math.inf))
        if after in (0, len(self._kept)):
            place, time_s = self._kept[max(0, after - 1)]
            return time_s + (index - place) / self._rate_hz
        (place, time_s), (next_place, next_s) = self._kept[after - 1], self._kept[after]
        return time_s + (next_s - time_s) / (next_place - place) * (index - place)
