"""The sound around one event, taken out of its stream's ring while it lasts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from monitor.config import EvidenceConfig
from monitor.records import Event, Items
from monitor.ring import Ring

_STALLED_S = 5.0
"""A clip ends when for so long nothing more came, though the event has ended."""


class Clip:
    """Hands the sound of one event on, piece by piece. One thread calls it, but for `behind`.

    While the event lasts, nobody knows where the clip will end. What may lie beyond is left in the ring as long as there is room.

    Args:
        event: its `new`.
        hear: takes a piece `[n, 1]`.
    """

    def __init__(self, event: Event, ring: Ring, config: EvidenceConfig, hear: Callable[[Items], None]) -> None:
        self.event = event
        """The last that was told of it."""
        self._ring, self._config, self._hear = ring, config, hear
        self._first = self._at = max(event.start_index - self._items(config.before), ring.oldest)
        self._last = self._first + self._items(config.longest)
        self._seen, self._moved_s = -1, 0.0

    @property
    def seconds(self) -> float:
        """How long it is so far."""
        return (self._at - self._first) / self._ring.rate_hz

    @property
    def start_s(self) -> float:
        """Where in it the event begins."""
        return max(0, self.event.start_index - self._first) / self._ring.rate_hz

    def tell(self, event: Event) -> None:
        """Takes in what else is told of the event."""
        self.event = event
        if event.type == "end":
            self._last = max(self._at, min(self._last, self._wanted))

    def behind(self) -> bool:
        """Whether what it still needs will soon be overwritten; any thread may ask."""
        return self._at < self._last and self._ring.end - self._at > self._ring.capacity * 3 // 4

    def advance(self, now_s: float) -> bool:
        """Hands on what is known to belong to it, about a second at least; whether that was all. `now_s` is monotonic."""
        ended = self.event.type == "end"
        over = ended and self._nothing_comes(now_s)  # asked first: what comes after that is not to be missed
        sure = self._last if ended else max(self._wanted, self._ring.end - self._ring.capacity // 2)
        end = min(self._ring.end, self._last, sure)
        done = over or end == self._last
        if done or end - self._at >= self._ring.rate_hz:
            self._take(end)
        return done

    def close(self) -> None:
        """Hands on what is there."""
        self._take(min(self._ring.end, self._last))

    @property
    def _wanted(self) -> int:
        """Index after what belongs to it for certain."""
        return self.event.end_index + self._items(self._config.after)

    def _take(self, end: int) -> None:
        if end > self._at:
            items, self._at = heard(self._ring, self._at, end), end
            self._hear(items)

    def _nothing_comes(self, now_s: float) -> bool:
        if self._ring.end != self._seen:
            self._seen, self._moved_s = self._ring.end, now_s
        return self._ring.finished or now_s - self._moved_s > _STALLED_S

    def _items(self, seconds: float) -> int:
        return round(seconds * self._ring.rate_hz)


def heard(ring: Ring, start: int, end: int) -> NDArray[np.float32]:
    """Items `[end - start, 1]`; what was lost, or is overwritten, is zeros. `end` is not beyond the ring's.

    Within [-1, 1], which is all that a FLAC holds: a file may go beyond.
    """
    items = np.zeros((end - start, 1), np.float32)
    with ring.arrived:
        at = max(start, ring.oldest)
        for lost, after in (*ring.gaps, (end, end)):
            stop = min(lost, end)
            if at < stop:
                items[at - start : stop - start] = ring.read(at, stop)
            at = max(at, after)
    return items.clip(-1, 1)
