"""From a false-alarm rate to an alarm level."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import accumulate

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from models.calibrate import fit_tail, p_value, quantile_grid
from monitor.alarm import AlarmCurve, count_events, fit, judgements
from monitor.errors import ModelError
from monitor.event import Rule, State, observe
from monitor.records import Judgement

Array = NDArray[np.float64]
Scores = Callable[[int, int], Array]

HOP_S, LENGTH_S = 1.0, 2.0
DAY = 86400
RULE = Rule(alarm_p=1.0, confirm_s=2.0, quiet_s=2.0, cooldown_s=5.0, update_s=5.0, silence_s=10.0, rate_hz=16000.0)


def tail(scores: Array) -> Array:
    """The p-values of scores that fall off exponentially."""
    return np.minimum(1.0, np.exp(-scores))


def independent(n: int, seed: int) -> Array:
    """Scores whose p-values are uniform and independent."""
    return np.random.default_rng(seed).exponential(size=n)


def correlated(n: int, seed: int) -> Array:
    """Scores of the same distribution that last: each is the largest of its own draw and its predecessors', faded."""
    fresh = -1 / np.log(np.random.default_rng(seed).uniform(size=n))
    lasting = fresh.copy()
    for i in range(1, n):
        lasting[i] = max(0.6 * lasting[i - 1], 0.4 * fresh[i])
    # Of a unit Frechet variable, exp(-1/x) is uniform.
    return -np.log1p(-np.exp(-1 / lasting))


def curve(*held_out: Array, rule: Rule = RULE, hop_s: float = HOP_S, seed: int = 0) -> AlarmCurve:
    """The fitted curve."""
    return fit(held_out, p_value=tail, rule=rule, hop_s=hop_s, length_s=LENGTH_S, rng=np.random.default_rng(seed))


def plain_count(windows: list[Judgement], rule: Rule) -> int:
    """Events begun, by feeding the decider with every window."""
    state, begun = State(), 0
    for window in windows:
        state, changes = observe(state, rule, window)
        begun += [change.type for change in changes].count("new")
    return begun


@pytest.mark.parametrize("scores", [independent, correlated])
def test_fresh_normal_alarms_at_about_the_rate_asked_for(scores: Scores) -> None:
    """A fresh day of normal has that many events within a factor of two where counted, and no more than twice beyond."""
    found = curve(scores(2000, 1), scores(2000, 2))
    fresh = judgements(tail(scores(DAY, 3)), RULE, HOP_S, LENGTH_S)
    for rate in (1000.0, 300.0, 150.0, 20.0):
        events = count_events(fresh, replace(RULE, alarm_p=found.level(rate)))
        assert events <= 2 * rate
        assert found.extrapolated(rate) or rate / 2 <= events


@settings(deadline=None, derandomize=True, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.integers(0, 1000),
    st.sampled_from([0.5, 0.1, 0.02]),
    st.sampled_from([0.0, 2.0, 9.0]),
    st.sampled_from([0.0, 0.7, 2.0, 15.0]),
    st.sampled_from([0.5, 1.0]),
    st.booleans(),
)
def test_the_fast_count_is_the_plain_count(
    seed: int, alarm_p: float, cooldown_s: float, quiet_s: float, hop_s: float, lasting: bool
) -> None:
    """Leaving out the windows that change nothing leaves the number of events as it is."""
    scores = (correlated if lasting else independent)(600, seed)
    rule = replace(RULE, alarm_p=alarm_p, cooldown_s=cooldown_s, quiet_s=quiet_s)
    windows = judgements(tail(scores), rule, hop_s, LENGTH_S)
    assert plain_count(windows, rule) == count_events(windows, rule)


def lasting_normal(n: int, seed: int) -> Array:
    """Normally distributed scores, each like the one before."""
    fresh = np.random.default_rng(seed).standard_normal(n)
    return np.array(list(accumulate(fresh, lambda last, new: 0.75 * last + 0.66 * new)))


def passing(n: int, seed: int) -> Array:
    """Scores of overlapping windows in which nothing lasts: each the logarithm of the energy of four hops."""
    energy = np.random.default_rng(seed).exponential(size=n + 3)
    return np.log(energy[3:] + energy[2:-1] + energy[1:-2] + energy[:-3])


@pytest.mark.parametrize("scores", [lasting_normal, passing])
def test_levels_hold_where_too_little_was_held_out_to_count(scores: Scores) -> None:
    """Scores in, events out: levels from two hours of normal each give, over fresh days, about the events that were asked for."""
    events = {24.0: 0, 96.0: 0}
    for seed in range(4):
        held_out = torch.from_numpy(scores(7200, seed)).float()
        quantiles, beyond = quantile_grid(held_out), fit_tail(held_out)

        def p_of(each: Array, quantiles: Tensor = quantiles, beyond: Tensor = beyond) -> Array:
            n = len(each)
            return p_value(torch.from_numpy(each), quantiles.expand(n, -1).double(), beyond.expand(n, -1)).numpy()

        found = fit([held_out.numpy()], p_value=p_of, rule=RULE, hop_s=HOP_S, length_s=LENGTH_S, rng=np.random.default_rng(seed))
        fresh = judgements(p_of(scores(DAY, 100 + seed)), RULE, HOP_S, LENGTH_S)
        for rate in events:
            events[rate] += count_events(fresh, replace(RULE, alarm_p=found.level(rate)))
    assert {24.0: 1, 96.0: 1} == pytest.approx({rate: events[rate] / (4 * rate) for rate in events}, abs=0.5)


def test_a_few_wild_windows_do_not_make_the_level_stricter_than_in_proportion() -> None:
    """The power is at least 1: of twice as rare an event the level is at most twice as strict."""
    scores = independent(7200, 1)
    scores[100:7000:120] = scores[101:7001:120] = 16.0
    found = curve(scores)
    assert 0.5 <= found.level(0.5) / found.level(1.0) * 1.001


def test_what_cannot_be_counted_does_not_hang_on_chance() -> None:
    """From one half hour of the same normal to another, the level for a rate that none of them vouches for differs little."""
    levels = [curve(correlated(1800, seed)).level(20.0) for seed in range(10)]
    assert max(levels) < 3 * min(levels)


def test_a_strangeness_that_comes_back_is_counted() -> None:
    """Normal in which something wild happens every five minutes: the level for fewer events than that lies below it."""
    scores = independent(3600, 1)
    scores[150::300] = 50.0
    assert curve(scores).level(100.0) < 1e-6


def assert_usable(found: AlarmCurve) -> None:
    """A level for every rate, finite, above nought, never rising as the rate falls."""
    assert (1000.0, 0.01) == pytest.approx((found.rates_per_day[0], found.rates_per_day[-1]))
    assert np.all(np.diff(found.rates_per_day) < 0)
    assert np.all(np.diff(found.alarm_p) <= 0)
    assert np.all((found.alarm_p > 0) & (found.alarm_p < 1))
    assert np.isfinite([found.vouched_per_day, found.held_out_s]).all()


@pytest.mark.parametrize("n", [1, 2, 12, 300, 2000])
@pytest.mark.parametrize("scores", [independent, correlated])
def test_any_amount_of_normal_gives_a_curve(scores: Scores, n: int) -> None:
    """From a single window to hours, the curve is finite and monotone."""
    assert_usable(curve(scores(n, 4)))


@pytest.mark.parametrize("score", [0.0, 1.0, 1000.0])
def test_scores_that_never_differ_give_a_curve(score: float) -> None:
    """No window strange, all alike, or all impossibly strange: the curve is finite and monotone."""
    assert_usable(curve(np.full(100, score)))


def test_a_rare_outlier_sets_no_level() -> None:
    """One wild window in a quarter of an hour is too little to vouch for any rate it could set."""
    scores = np.zeros(900)
    scores[500] = 50.0
    assert curve(np.zeros(900)).level(1.0) == pytest.approx(curve(scores).level(1.0))


def test_too_little_normal_vouches_for_nothing() -> None:
    """With eight seconds held out every rate is extrapolated, taking each window at the level for an event."""
    found = curve(independent(7, 5))
    assert 8.0 == found.held_out_s
    assert pytest.approx(3 * DAY / 8) == found.vouched_per_day
    assert found.extrapolated(1000.0)
    assert pytest.approx(1 / DAY) == found.level(1.0)


def test_stretches_are_held_apart() -> None:
    """How long normal was held out is the sum over stretches, each as long as its windows reach; an empty one is nothing."""
    found = curve(independent(10, 1), np.array([]), independent(20, 2))
    assert 9 + 2 + 19 + 2 == found.held_out_s


def test_short_stretches_count_by_their_length() -> None:
    """Normal cut into many stretches shorter than a block has about the levels of the same normal in one."""
    scores = independent(4000, 6)
    cut = curve(scores[:2000], *np.split(scores[2000:], 200))
    assert pytest.approx(curve(scores).level(300.0), rel=0.3) == cut.level(300.0)


def test_the_same_normal_gives_the_same_curve() -> None:
    """The level depends on the scores and the generator's seed alone."""
    assert curve(independent(500, 1)).alarm_p.tolist() == curve(independent(500, 1)).alarm_p.tolist()


def test_levels_are_interpolated_and_clamped() -> None:
    """Between two rates the level is their geometric mean; beyond the grid it is the end's."""
    found = AlarmCurve(np.array([100.0, 1.0]), np.array([1e-2, 1e-4]), 10.0, 25920.0)
    assert pytest.approx(1e-3) == found.level(10.0)
    assert (1e-2, 1e-4) == pytest.approx((found.level(5000.0), found.level(1e-9)))
    assert [False, True] == [found.extrapolated(rate) for rate in (10.0, 9.9)]


def test_a_curve_survives_being_stored() -> None:
    """Plain arrays of half the precision bring back the same levels."""
    found = curve(independent(500, 1))
    back = AlarmCurve.from_arrays({name: array.astype(np.float32) for name, array in found.arrays().items()})
    assert pytest.approx(found.level(3.0), rel=1e-5) == back.level(3.0)
    assert (found.vouched_per_day, found.held_out_s) == pytest.approx((back.vouched_per_day, back.held_out_s))


def test_a_missing_array_is_named() -> None:
    """A stored curve without one of its arrays is refused by name."""
    arrays = curve(independent(50, 1)).arrays()
    del arrays["alarm_p"]
    with pytest.raises(ModelError, match="alarm_p is missing"):
        AlarmCurve.from_arrays(arrays)


def test_nothing_held_out_is_refused() -> None:
    """Without a single held-out window there is nothing to find a level from."""
    with pytest.raises(ModelError, match="no window of normal was held out"):
        curve(np.array([]))
