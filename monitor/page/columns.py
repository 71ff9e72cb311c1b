"""The sound of one stream as a scrolling spectrogram."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from monitor.evidence.clip import heard
from monitor.evidence.spectrogram import HOP, Spectrogram
from monitor.ring import Ring

SHOWN_S = 30.0
"""How much of it is seen."""
_STEP = 3
"""Columns of the spectrogram in one that is seen: about ten a second."""
_FAINTEST_DB, _LOUDEST_DB = -110.0, -10.0

Seen = NDArray[np.uint8]
"""Columns `[n, bands]`, low bands first: 0 is faint, 255 loud."""


class Columns:
    """Takes columns out of a stream's ring when it is asked, and only then. One thread calls it."""

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self.column_s = _STEP * HOP / ring.rate_hz
        """How long one is."""
        self._last: deque[NDArray[np.uint8]] = deque(maxlen=round(SHOWN_S / self.column_s))
        self._spectrogram = Spectrogram(ring.rate_hz)
        self._at = self._first = self._count = 0
        self.edges_hz = self._spectrogram.edges_hz
        """Where the bands meet."""

    @property
    def end(self) -> int:
        """Absolute index up to which there are columns."""
        return self._first + self._count * _STEP * HOP

    def forget(self) -> None:
        """Gives back what is remembered; what is asked for next begins half a minute before."""
        self._begin(0)

    def advance(self) -> Seen:
        """The columns that have come since it was last asked."""
        end, oldest = self._ring.end, max(self._ring.oldest, self._ring.end - round(SHOWN_S * self._ring.rate_hz))
        if self._at < oldest:
            self._begin(oldest)
        if end > self._at:
            self._spectrogram.add(heard(self._ring, self._at, end))
            self._at = end
        seen = _seen(self._spectrogram.taken(_STEP))
        self._count += len(seen)
        self._last.extend(seen)
        return seen

    def whole(self) -> Seen:
        """The columns of the last half minute, as far as they were asked for."""
        return np.stack(self._last) if self._last else np.zeros((0, len(self.edges_hz) - 1), np.uint8)

    def _begin(self, at: int) -> None:
        self._at = self._first = at
        self._count = 0
        self._spectrogram = Spectrogram(self._ring.rate_hz)
        self._last.clear()


def _seen(decibels: NDArray[np.float32]) -> Seen:
    share = (decibels.T - _FAINTEST_DB) / (_LOUDEST_DB - _FAINTEST_DB)
    seen: Seen = (255 * share.clip(0, 1)).astype(np.uint8)
    return seen
