"""From a false-alarm rate to the alarm level that gives it, found by running the decider over held-out normal.

The held-out p-values are resampled in blocks of 30 s, which keeps their correlation, and `monitor.event` counts its `new` events
at a series of alarm levels. T days of normal vouch for rates down to 3 / T (the rule of three); below that nothing is counted,
and the rate is carried on.

An event takes two windows, and the rarer windows are, the fewer of them come in pairs: the rate falls as a power of the level,
which is 1 if what is strange lasts and 2 if no window knows of the next (Ledford and Tawn 1996, *Statistics for near
independence in multivariate extreme values*). The power is told by all pairs that are rare (`_power`); the rate is carried on
from where some thirty events were counted, since at the rarest rate, which is three of them, it would hang on chance. Three
things bound it:

* where more than twice as many events were counted as it says, half the count stands (`_steadied`);
* a window a hundred times rarer than the level makes an event alone, so the rate is at least the share of those (`_inverted`);
* no event begins without a window at the level: where no event was counted, every such window is taken for one (`_inverted`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from monitor.errors import ModelError
from monitor.event import Rule, State, observe
from monitor.records import Judgement

Array = NDArray[np.float64]

_DAY_S = 86400.0
_BLOCK_S = 30.0
_RATES = np.geomspace(1000.0, 0.01, 51)
# More common than this, events run into one another and their number falls again.
_HIGHEST_P = 0.25
# A rate that even this level exceeds is no matter of levels.
_LOWEST_P = 1e-7
_STEP = 1.5
# So many events make a rate to rely on; but at so many a day they begin to run into one another.
_MANY, _CROWDED = 30, 500.0
# As p-values, the pairs of windows that tell the power; and how many of them it takes to doubt that strangeness lasts.
_RARE, _LASTING = 0.02, 60
# Every held-out window is met about ten times, in other company each time, as long as that stays cheap.
_REPEATS = 10
_CHEAP_WINDOWS = 40_000


@dataclass(frozen=True, slots=True, eq=False)
class AlarmCurve:
    """The alarm level for each false-alarm rate, and how far down the held-out normal vouches for it."""

    rates_per_day: Array
    """`[n]`: `new` events in 24 hours of normal, falling."""
    alarm_p: Array
    """`[n]`: the alarm level for each rate as a p-value; never rises as the rate falls."""
    vouched_per_day: float
    """The smallest rate that the held-out normal can vouch for."""
    held_out_s: float
    """How much normal was held out (s)."""

    def level(self, rate_per_day: float) -> float:
        """The alarm level as a p-value: log-log between the grid's rates, at its ends beyond them."""
        rates, levels = np.log(self.rates_per_day[::-1]), np.log(self.alarm_p[::-1])
        return float(np.exp(np.interp(np.log(rate_per_day), rates, levels)))

    def extrapolated(self, rate_per_day: float) -> bool:
        """Whether a rate is smaller than the held-out normal can vouch for."""
        return rate_per_day < self.vouched_per_day

    def arrays(self) -> dict[str, Array]:
        """The curve as plain arrays by name, to be stored."""
        return {
            "rates_per_day": self.rates_per_day,
            "alarm_p": self.alarm_p,
            "vouched_per_day": np.array([self.vouched_per_day]),
            "held_out_s": np.array([self.held_out_s]),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.floating]]) -> AlarmCurve:
        """The curve that `arrays` wrote. Raises ModelError naming an array that is missing."""
        names = ("rates_per_day", "alarm_p", "vouched_per_day", "held_out_s")
        missing = [name for name in names if name not in arrays]
        if missing:
            raise ModelError(f"alarm curve: {missing[0]} is missing")
        rates, levels, vouched, held_out = (np.asarray(arrays[name], np.float64) for name in names)
        return cls(rates, levels, vouched.item(), held_out.item())


def fit(
    held_out: Sequence[NDArray[np.floating]],
    *,
    p_value: Callable[[Array], Array],
    rule: Rule,
    hop_s: float,
    length_s: float,
    rng: np.random.Generator,
) -> AlarmCurve:
    """The alarm levels of one stream.

    `held_out` has one array of scores in time order for each contiguous stretch of normal; `p_value` maps scores to p-values in
    (0, 1] and goes on smoothly below the rarest held-out one; of `rule` all but the alarm level is used. Held-out windows
    do not say where their strange part lies, so it is taken to be the whole window. Raises ModelError if nothing was held out.
    """
    stretches = [p_value(np.asarray(scores, np.float64)) for scores in held_out if len(scores)]
    if not stretches:
        raise ModelError("no alarm level can be found: no window of normal was held out, at least one is needed")
    held_out_s = sum((len(stretch) - 1) * hop_s + length_s for stretch in stretches)
    vouched = 3 * _DAY_S / held_out_s
    windows = judgements(_resampled(stretches, round(_BLOCK_S / hop_s), rng), rule, hop_s, length_s)
    levels, rates = _counted(windows, rule, hop_s, vouched)
    power = _power(stretches, round(rule.confirm_s / hop_s))
    return AlarmCurve(_RATES, _inverted(levels, rates, power, vouched, _DAY_S / hop_s), vouched, held_out_s)


def judgements(p_values: Array, rule: Rule, hop_s: float, length_s: float) -> list[Judgement]:
    """Windows as the decider reads them, one hop apart, strange throughout."""
    hop, length = rule.items(hop_s), rule.items(length_s)
    return [
        Judgement("", i * hop, i * hop + length, 0, 0.0, p, {}, 0.0, {}, (i * hop, i * hop + length))
        for i, p in enumerate(p_values.tolist())
    ]


def count_events(windows: Sequence[Judgement], rule: Rule) -> int:
    """How many events the decider begins, fed only with the windows that can change its mind.

    The windows are those of `judgements`: a hop apart, and strange throughout.
    """
    p_values = np.array([window.p_value for window in windows])
    alarming = np.flatnonzero(p_values <= rule.alarm_p).tolist()
    last, beyond = _runs(windows, np.flatnonzero(p_values <= rule.release_p), rule)
    state, begun, i = State(), 0, 0
    # With no event open, a window above the alarm level leaves no trace but the index it ends at.
    while (following := bisect_left(alarming, i)) < len(alarming):
        i = alarming[following]
        state, changes = observe(state, rule, windows[i])
        if state.open is not None:
            begun += sum(change.type == "new" for change in changes)
            # An event goes on to the last window of a run, and ends with the one that is too far from it.
            end = last[bisect_left(last, i)]
            for i in range(end, min(end + 2 * beyond, len(windows)), beyond):
                state, _ = observe(replace(state, judged=windows[i].start), rule, windows[i])
        i += 1
    return begun


def _runs(windows: Sequence[Judgement], kept: NDArray[np.intp], rule: Rule) -> tuple[list[int], int]:
    """The last of each run of windows that keep an event open, and how many windows after it the event ends."""
    hop = max(windows[-1].start // max(len(windows) - 1, 1), 1)
    beyond = rule.items(rule.quiet_s) // hop + 1
    return kept[np.diff(kept, append=len(windows) + beyond + 1) > beyond].tolist(), beyond


def _power(stretches: Sequence[Array], reach: int) -> float:
    """The power of the level, from 1 to 2, at which pairs of windows at most `reach` apart grow rarer (Hill 1975)."""
    pairs = []
    for p in stretches:
        rarest = np.minimum.reduce([np.append(p[lag:], np.ones(min(lag, len(p)))) for lag in range(1, reach + 1)])
        pairs.append(np.maximum(p, rarest))
    rarer = np.concatenate(pairs)
    beyond = np.log(_RARE / rarer[rarer < _RARE].clip(_LOWEST_P))
    return min(max((len(beyond) + _LASTING) / (float(beyond.sum()) + _LASTING), 1.0), 2.0)


def _resampled(stretches: Sequence[Array], block: int, rng: np.random.Generator) -> Array:
    """One long sequence of blocks, each from within one stretch, wrapped around its end: every window is equally likely."""
    sizes = np.array([len(stretch) for stretch in stretches])
    lengths = np.minimum(sizes, max(block, 1))
    # A stretch shorter than a block gives shorter ones, and is drawn more often for it.
    odds = sizes / lengths
    size = max(sizes.sum(), min(_REPEATS * sizes.sum(), _CHEAP_WINDOWS))
    blocks: list[Array] = []
    for i in rng.choice(len(stretches), size=size // lengths.min() + 1, p=odds / odds.sum()):
        blocks.append(stretches[i][(rng.integers(sizes[i]) + np.arange(lengths[i])) % sizes[i]])
        size -= lengths[i]
        if size <= 0:
            break
    return np.concatenate(blocks)


def _counted(windows: Sequence[Judgement], rule: Rule, hop_s: float, vouched: float) -> tuple[Array, Array]:
    """Rising alarm levels, and the events a day at each; down to where a rate that is vouched for is out of reach."""
    days = len(windows) * hop_s / _DAY_S
    rarest_first = sorted(window.p_value for window in windows)
    # No event begins without a window at the level: this many of them are needed to reach the rate.
    needed = rarest_first[min(int(vouched * days), len(windows) - 1)]
    steps = max(0, int(np.log(_HIGHEST_P / max(needed, _LOWEST_P)) / np.log(_STEP)) + 1)
    levels = _HIGHEST_P * _STEP ** -np.arange(steps, -1.0, -1.0)
    counts = [count_events(windows, replace(rule, alarm_p=float(level))) for level in levels]
    # Where events run into one another a higher level counts fewer of them; it is no quieter for that.
    return levels, np.maximum.accumulate(np.array(counts) / days)


def _inverted(levels: Array, rates: Array, power: float, vouched: float, windows_per_day: float) -> Array:
    """The alarm level for each rate of the grid: interpolated where counted, carried on below."""
    solid = rates >= vouched
    if not solid.any():
        return np.minimum(_RATES / windows_per_day, _HIGHEST_P)
    rates, first = np.unique(_steadied(levels[solid], rates[solid], power, vouched), return_index=True)
    levels = levels[solid][first]
    counted = np.exp(np.interp(np.log(_RATES), np.log(rates), np.log(levels)))
    carried = levels[0] * (_RATES / rates[0]) ** (1 / power)
    # A single window at a hundredth of the level is enough, and too rare to be in the counts.
    carried = np.minimum(carried, 100 * _RATES / windows_per_day)
    return np.minimum.accumulate(np.where(rates[0] > _RATES, carried, counted))


def _steadied(levels: Array, rates: Array, power: float, vouched: float) -> Array:
    """Counted rates, but below that of many events it is carried on; or half the count, where even that is more."""
    enough = max(vouched, min(_MANY * vouched / 3, _CROWDED))
    many = max(0, int(np.searchsorted(rates, enough, side="right")) - 1)
    carried = rates[many] * (levels / levels[many]) ** power
    return np.where(levels < levels[many], np.maximum(carried, rates / 2), rates)
