"""Whether a stream still sounds as it did when its profile was made: a test of its p-values, as a pure function.

While nothing has changed, p-values of normal are uniform on (0, 1]. Against that a gambler bets: each p-value multiplies the
stake by 1.5 - p, which keeps it on average, and lets it grow when p-values are lower. The Shiryaev-Roberts sum
R = (R + 1) (1.5 - p), of such bets begun anew at every window, grows by 1 a window on average (Vovk et al. 2021, *Retrain or not
retrain: conformal test martingales for change-point detection*), so that on average it takes at least `FLAG` windows to come to
`FLAG` by chance.

* The bet is tame: no single window multiplies R by more than 1.5, so that a loud hour is needed and not a loud minute; and p-values whose
  mean is off by less than about 0.04, as those of a short calibration are, never let it grow for long.
* It is one-sided: hours that are more usual than usual, as the nights of a stream that was learned by day, are no drift.
* Windows overlap, and sound resembles what was heard a second before: only one window in `EVERY_S` is taken.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

EVERY_S = 30.0
"""One window in so many seconds is looked at (s)."""
FLAG = 1e6
"""Flagged from here on: on average at least a million windows, 347 days, to the first false flag."""
_MOST = 10 * FLAG  # the farther it grew, the longer it would take to come back
CALM = 1e3
"""No longer flagged once it is back here; while nothing changes it is mostly far below."""
_BET = 1.5


@dataclass(frozen=True, slots=True)
class Drift:
    """What one stream's test remembers."""

    statistic: float = 0.0
    """The Shiryaev-Roberts sum."""
    flagged: bool = False
    """Whether it came to `FLAG`, and not yet back to `CALM`."""

    @property
    def log10(self) -> float:
        """Decimal logarithm of the statistic, at least 0."""
        return math.log10(max(self.statistic, 1.0))


def observe(drift: Drift, p_value: float) -> Drift:
    """The test after one more p-value in (0, 1]."""
    statistic = min((drift.statistic + 1) * (_BET - p_value), _MOST)
    return Drift(statistic, statistic >= FLAG or (drift.flagged and statistic > CALM))
