"""Topics whose last value the broker keeps."""

from __future__ import annotations

import threading
from collections import deque


class Retained:
    """The values as they should stand, and the changes that the broker has not been told. Any thread may call it."""

    def __init__(self, capacity: int = 1000) -> None:
        self._capacity = capacity
        self._values: dict[str, str | bytes] = {}
        self._changes: deque[tuple[str, str | bytes]] = deque()
        self._lock = threading.Lock()

    def put(self, topic: str, value: str | bytes) -> None:
        """Sets a topic; no change, nothing to tell. Past the capacity, and of pictures always, only the values as they stand are kept."""
        with self._lock:
            if self._values.get(topic) == value:
                return
            self._values[topic] = value
            if isinstance(value, bytes):
                self._changes = deque(change for change in self._changes if change[0] != topic)
            self._changes.append((topic, value))
            if len(self._changes) > self._capacity + len(self._values):
                self._renew()

    def repeat(self, topic: str) -> None:
        """Makes a topic's value one to tell again, unless it waits to be told."""
        with self._lock:
            change = (topic, self._values.get(topic, ""))
            if topic in self._values and change not in self._changes:
                self._changes.append(change)

    def renew(self) -> None:
        """Makes every value one to tell, and forgets what lies between: for a broker that may know nothing."""
        with self._lock:
            self._renew()

    def take(self) -> tuple[str, str | bytes] | None:
        """The oldest change as topic and value, or none."""
        with self._lock:
            return self._changes.popleft() if self._changes else None

    def __len__(self) -> int:
        return len(self._changes)

    def _renew(self) -> None:
        self._changes = deque(self._values.items())
