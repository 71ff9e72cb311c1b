"""How strange one recording was, window by window."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from monitor.records import Judgement
from monitor.replay import Tally


@dataclass(slots=True)
class Curve(Tally):
    """A tally that remembers every window's score: twelve bytes a window, of a day of sound two megabytes."""

    end: int = 0
    """Absolute index after the last judged item."""
    _starts: array[int] = field(default_factory=lambda: array("q"))
    _scores: array[float] = field(default_factory=lambda: array("f"))

    def add(self, judgement: Judgement) -> None:
        """Takes a window in."""
        # The explicit form: a dataclass with slots is made anew, and a bare super() would not know it.
        super(Curve, self).add(judgement)
        self.end = max(self.end, judgement.end)
        self._starts.append(judgement.start)
        self._scores.append(judgement.score)

    @property
    def highest(self) -> float:
        """The score of the strangest window; 0 where there is none."""
        return 0.0 if self.worst is None else self.worst.score

    def steps(self, most: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The curve in at most so many steps: edges `[n + 1]` as absolute indices, and the highest score within each step `[n]`.

        A step belongs to the middle of its windows, for one strange moment lifts every window that holds it.
        """
        starts, scores = np.array(self._starts, np.int64), np.array(self._scores, np.float32)
        size = -(-len(scores) // most)
        firsts = np.arange(0, len(scores), size)
        middles = (starts[firsts[1:]] + starts[firsts[1:] - 1] + self._length) // 2
        return np.concatenate([[0], middles, [self.end]]), np.maximum.reduceat(scores, firsts)

    @property
    def _length(self) -> int:
        return self.end - self._starts[-1]


@dataclass(frozen=True, slots=True)
class Scale:
    """Scores as heights from 0 to 1: evenly spaced about the alarm level, ever closer far above it, so that both can be seen."""

    threshold: float
    top: float

    @classmethod
    def of(cls, threshold: float, peak: float) -> Scale:
        """One that has room for the peak, and some for the alarm level."""
        return cls(threshold, max(1.1 * peak, 1.5 * threshold))

    def height(self, score: float) -> float:
        """Of a score; what is less strange than usual lies at the bottom."""
        return math.asinh(max(0.0, score) / self._unit) / math.asinh(self.top / self._unit)

    def marks(self) -> list[float]:
        """Scores to write beside it: 0, and round ones well above the alarm level."""
        decades = [mantissa * 10.0**power for power in range(6) for mantissa in (1, 2, 5)]
        return [0.0, *(each for each in decades if 1.4 * self.threshold < each <= self.top)][:6]

    @property
    def _unit(self) -> float:
        return max(self.threshold, 0.1)
