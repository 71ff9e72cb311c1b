"""Which of a live camera's frames are taken: it delivers many more than are looked at."""

from __future__ import annotations


class Ticks:
    """Follows the frames of one camera.

    >>> ticks = Ticks(2.0)
    >>> [ticks.taken(time_s) for time_s in (7.0, 7.1, 7.45, 7.6, 8.1, 9.5)]
    [0, None, 1, None, 2, 5]
    """

    def __init__(self, rate_hz: float) -> None:
        self._rate_hz = rate_hz
        self._began_s: float | None = None
        self._index = -1

    def taken(self, time_s: float) -> int | None:
        """Index of the item that a frame of this time becomes: the newest when it is due. None if it is not due yet.

        Rounded, so that a camera that is no faster than asked may be early or late by half a step. Of a frame that never came the
        index is missing.
        """
        if self._began_s is None:
            self._began_s = time_s
        index = round((time_s - self._began_s) * self._rate_hz)
        if index <= self._index:
            return None
        self._index = index
        return index
