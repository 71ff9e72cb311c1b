"""Lines of the log that somebody else can cause."""

from __future__ import annotations

import time


class Sparing:
    """Lets so many through in a minute: who causes more is not worth a full disk. One thread asks."""

    def __init__(self, most: int = 20) -> None:
        self._most = most
        self._minute = self._count = 0

    def lets(self) -> bool:
        """Whether one more may be logged."""
        minute = int(time.monotonic() // 60)
        if minute != self._minute:
            self._minute, self._count = minute, 0
        self._count += 1
        return self._count <= self._most
