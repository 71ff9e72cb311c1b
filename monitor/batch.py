"""Which windows are judged together: those that wait, the streams in turn, never more than a batch."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

import numpy as np
import structlog

from monitor.records import Window
from monitor.slab import Slab
from monitor.window import Windower

log = structlog.get_logger(__name__)

_NUMBERS = 1 << 15  # about those of a window of sound: a batch has as many of these at most, however large its windows are
_CALM_S = 60.0
"""What is judged is as much as comes, once nothing was dropped for so long."""


class Batcher:
    """Cuts the windows of all streams. Called by the pipeline's thread, `cut` while it holds what all rings notify.

    A stream has its next turn when all others had theirs. So of streams that are alike as many windows are judged, when more come than
    can be judged; the others wait in the rings, which are bounded and overwrite the oldest, and each windower counts them.

    The items of a batch lie in memory that the next one is cut into: who keeps a window for longer keeps a copy.

    Args:
        size: how many windows a batch has at most.
    """

    def __init__(self, windowers: Mapping[str, Windower], *, size: int) -> None:
        self.size = size
        self._windowers = windowers
        self._turns = deque(windowers)
        self._slab = Slab(size * _NUMBERS * np.dtype(np.float32).itemsize)
        self._dropped = 0
        """As far as it was said."""
        self._began = 0
        """How many were dropped before it was said that some are."""
        self._last_s: float | None = None
        """When it was last seen that more were; none while all that comes is judged."""

    def full(self, windows: Sequence[Window], room: int) -> bool:
        """Whether a batch has no place for one more, nor the device if it has `room` for so many."""
        return self._full(len(windows), _numbers(windows), room)

    def cut(self, windows: list[Window], room: int) -> set[str]:
        """Adds windows that wait until the batch is full; the streams that have none in it, of those whose turn it was.

        A batch without any is a new one.
        """
        if not windows:
            self._slab.take_back()
        empty: set[str] = set()
        in_a_row, numbers = 0, _numbers(windows)
        while in_a_row < len(self._turns) and not self._full(len(windows), numbers, room):
            name = self._turns[0]
            self._turns.rotate(-1)
            window = self._windowers[name].next(empty=self._slab.lend)
            if window is None:
                empty.add(name)
                in_a_row += 1
            else:
                windows.append(window)
                numbers += window.items.size
                in_a_row = 0
        return empty - {w.stream for w in windows}

    @property
    def dropped(self) -> int:
        """Windows that were overwritten before they could be judged, of all streams."""
        return sum(windower.dropped for windower in self._windowers.values())

    def tell(self, now_s: float) -> None:
        """Says when windows begin to be dropped, and how many were once none is any more."""
        dropped = self.dropped
        if dropped > self._dropped:
            if self._last_s is None:
                self._began = self._dropped
                log.warning("batch.overloaded", reason="more windows come than can be judged, the oldest are dropped")
            self._dropped, self._last_s = dropped, now_s
        elif self._last_s is not None and now_s - self._last_s >= _CALM_S:
            log.warning("batch.recovered", dropped=dropped - self._began)
            self._last_s = None

    def _full(self, count: int, numbers: int, room: int) -> bool:
        return count >= min(self.size, room) or numbers >= self.size * _NUMBERS


def _numbers(windows: Sequence[Window]) -> int:
    return sum(window.items.size for window in windows)
