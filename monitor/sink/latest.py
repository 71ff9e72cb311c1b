"""Topics of which only the latest value counts."""

from __future__ import annotations

import threading


class Latest:
    """One value a topic, handed out at most once an interval; a newer one replaces it. Any thread may call it."""

    def __init__(self, interval_s: float = 1.0) -> None:
        self._interval_s = interval_s
        self._values: dict[str, str] = {}
        self._due_s: dict[str, float] = {}
        self._lock = threading.Lock()

    def put(self, topic: str, value: str) -> None:
        """Sets the value to hand out next."""
        with self._lock:
            self._values[topic] = value

    def take(self, now_s: float) -> list[tuple[str, str]]:
        """Topics and values that are due at a monotonic time; each is handed out once."""
        with self._lock:
            due = [topic for topic in self._values if self._due_s.get(topic, now_s) <= now_s]
            self._due_s.update(dict.fromkeys(due, now_s + self._interval_s))
            return [(topic, self._values.pop(topic)) for topic in due]

    def wait_s(self, now_s: float) -> float:
        """Seconds until something is due, at most the interval."""
        with self._lock:
            due = min((self._due_s.get(topic, now_s) for topic in self._values), default=now_s + self._interval_s)
            return max(0.0, due - now_s)
