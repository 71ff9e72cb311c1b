"""The drift test: how seldom it is wrong, how soon it is right, and that it forgets."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.demo.sound import Room
from monitor.drift import EVERY_S, FLAG, Drift, observe
from monitor.engine import Engine, pick_device
from monitor.opened import engines, open_for
from monitor.records import Window

PER_HOUR = round(3600 / EVERY_S)


def after(p_values: Iterable[float], drift: Drift | None = None) -> Drift:
    """The test after many p-values."""
    drift = drift or Drift()
    for p in p_values:
        drift = observe(drift, p)
    return drift


def hours_to_flag(p_values: Iterable[float], drift: Drift | None = None) -> float | None:
    """After how many hours it is flagged; none if never."""
    drift = drift or Drift()
    for count, p in enumerate(p_values, 1):
        drift = observe(drift, p)
        if drift.flagged:
            return count / PER_HOUR
    return None


@pytest.fixture(scope="module")
def measured(model: Path) -> dict[float, np.ndarray]:
    """p-values that the room has on another day, by gain in decibels."""
    opened = open_for(model, None, kind="audio")
    engine: Engine = engines({"room": opened}, pick_device("cpu"))["room"]
    length = opened.representation.length
    sound = Room.drawn(1).sound(60, seed=77)
    cut = [sound[i * length :][:length] for i in range(len(sound) // length)]
    gains_db = (0.0, 6.0)
    return {
        db: np.array([j.p_value for j in engine.judge([Window("room", 0, items * np.float32(10 ** (db / 20)), 0) for items in cut])])
        for db in gains_db
    }


def test_chance_flags_less_than_once_a_month() -> None:
    """Independent uniform p-values, ten years of them in streams of a month: well below one flag a month, as the bound says."""
    rng, months = np.random.default_rng(1), 120
    statistic, flags = np.zeros(months), 0
    for _ in range(30 * 24 * PER_HOUR):
        statistic = (statistic + 1) * (1.5 - rng.random(months))
        flags += int((statistic >= FLAG).sum())
        statistic[statistic >= FLAG] = 0
    assert flags / months < 0.3


def test_the_simulation_is_of_the_test() -> None:
    """What the simulation above adds up is what `observe` does."""
    p_values = np.random.default_rng(2).random(1000)
    statistic = 0.0
    for p in p_values:
        statistic = (statistic + 1) * (1.5 - p)
    assert statistic == pytest.approx(after(p_values).statistic)


def test_a_gain_that_steps_up_at_hour_two_is_flagged_within_the_hour(measured: dict[float, np.ndarray]) -> None:
    """Two hours of the room as it was learned, then 6 dB louder: nothing before, flagged 16 minutes after, which is the soonest."""
    rng = np.random.default_rng(3)
    before = after(rng.choice(measured[0.0], 2 * PER_HOUR))
    assert not before.flagged
    delay_h = hours_to_flag(rng.choice(measured[6.0], PER_HOUR), before)
    assert delay_h is not None
    assert 0.25 <= delay_h <= 0.35


def test_normal_is_no_drift_if_it_is_more_usual_than_usual() -> None:
    """A day of p-values that are all high, as at night of a stream that was learned by day, leaves nothing."""
    assert after([0.95] * 24 * PER_HOUR).log10 < 0.1


def test_ten_loud_minutes_are_no_drift() -> None:
    """One event of ten minutes between hours of normal, of whatever strangeness, is not taken for a change."""
    rng = np.random.default_rng(4)
    assert hours_to_flag([*rng.random(PER_HOUR), *[1e-300] * 20, *rng.random(PER_HOUR)]) is None


def test_what_was_flagged_is_forgotten_when_normal_is_back() -> None:
    """After a day of drift, a few hours of normal take the flag back; half an hour of it does not."""
    flagged = after([1e-6] * 24 * PER_HOUR)
    rng = np.random.default_rng(5)
    assert after(rng.random(PER_HOUR // 2), flagged).flagged
    assert not after(rng.random(8 * PER_HOUR), flagged).flagged


@given(st.lists(st.floats(0, 1, exclude_min=True), max_size=200))
@settings(deadline=None, derandomize=True, max_examples=50)
def test_the_statistic_stays_finite(p_values: list[float]) -> None:
    """Whatever comes, it is between 0 and ten times the flag."""
    drift = after(p_values)
    assert 0 <= drift.statistic <= 10 * FLAG
    assert 0 <= drift.log10 <= 7.01
