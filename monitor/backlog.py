"""What waits to be worked on, in order."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

import structlog

T = TypeVar("T")

log = structlog.get_logger(__name__)


class Backlog(Generic[T]):
    """A bounded queue, oldest dropped first and counted. Any thread may call it.

    Args:
        of: what waits, in words, for when it is said that some was dropped.
    """

    def __init__(self, capacity: int, *, of: str) -> None:
        self.dropped = 0
        """In all."""
        self._items: deque[T] = deque(maxlen=capacity)
        self._of = of
        self._lost = 0
        self._changed = threading.Condition()

    def put(self, item: T) -> None:
        """Appends; the first that is dropped in a row is said."""
        with self._changed:
            if len(self._items) == self._items.maxlen:
                self.dropped += 1
                if self.dropped - self._lost == 1:
                    log.warning("backlog.full", of=self._of, reason=f"{len(self._items)} wait, from now on the oldest are dropped")
            self._items.append(item)
            self._changed.notify()

    def take(self, timeout_s: float) -> T | None:
        """The oldest, or none within the time."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._items, timeout_s):
                return None
            item = self._items.popleft()
            if not self._items and self.dropped > self._lost:
                log.warning("backlog.dropped", of=self._of, count=self.dropped - self._lost)
                self._lost = self.dropped
            return item

    def __len__(self) -> int:
        return len(self._items)
