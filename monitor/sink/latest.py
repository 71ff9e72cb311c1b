"""Topics of which only the latest value counts."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

T = TypeVar("T")


class Latest(Generic[T]):
    """One value a topic, handed out at most once an interval; a newer one replaces it. Any thread may call it.

    No call looks at every topic: there may be thousands.
    """

    def __init__(self, interval_s: float = 1.0) -> None:
        self._interval_s = interval_s
        self._due: dict[str, T] = {}
        """Values to hand out at once."""
        self._early: dict[str, T] = {}
        """Values of topics that rest."""
        self._rests_s: OrderedDict[str, float] = OrderedDict()
        """Topics of which a value was handed out, and when they may have the next: the earliest first, for all rest equally long."""
        self._lock = threading.Lock()

    def put(self, topic: str, value: T) -> None:
        """Sets the value to hand out next."""
        with self._lock:
            (self._early if topic in self._rests_s else self._due)[topic] = value

    def take(self, now_s: float) -> list[tuple[str, T]]:
        """Topics and values that are due at a monotonic time; each is handed out once."""
        with self._lock:
            while self._rests_s and next(iter(self._rests_s.values())) <= now_s:
                topic, _ = self._rests_s.popitem(last=False)
                if topic in self._early:
                    self._due[topic] = self._early.pop(topic)
            due, self._due = self._due, {}
            self._rests_s.update(dict.fromkeys(due, now_s + self._interval_s))
            return list(due.items())

    def wait_s(self, now_s: float) -> float:
        """Seconds until something is due, at most the interval."""
        with self._lock:
            if self._due:
                return 0.0
            next_s = next((due_s for topic, due_s in self._rests_s.items() if topic in self._early), now_s + self._interval_s)
            return max(0.0, next_s - now_s)
