"""Coverage: the share of later normal above levels of the learned normal, and its drift."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.learn.coverage import Coverage, coverage, lines

USUAL = {"a": np.linspace(0, 1, 101), "b": np.linspace(0, 10, 101)}


def test_shares_by_own_level() -> None:
    """Each site's windows are held against its own level; halves are of clips, and count windows."""
    normal = {"a": [np.array([0.85, 0.0]), np.array([0.95, 0.95, 0.95, 0.0])], "b": [np.array([0.95, 0.95]), np.array([0.95, 9.5])]}
    found = list(coverage(USUAL, normal))
    assert [0.1, 0.2, 0.3] == [each.p for each in found]
    assert [(4 / 10, 0 / 4, 4 / 6), (5 / 10, 1 / 4, 4 / 6)] == [pytest.approx((e.share, e.first, e.second)) for e in found[:2]]


def test_normal_like_the_learned_is_covered() -> None:
    """Scores that are drawn as the learned ones are exceed each level as often as they should."""
    rng = np.random.default_rng(0)
    for each in coverage({"a": rng.normal(size=4000)}, {"a": list(rng.normal(size=(10, 400)))}):
        assert (each.p, each.p, each.p) == pytest.approx((each.share, each.first, each.second), abs=0.03)


def test_a_half_without_clips() -> None:
    """Where no site has two clips there is no drift to tell, and without any clip nothing."""
    assert (1.0, None, 1.0) == next((e.share, e.first, e.second) for e in coverage(USUAL, {"a": [np.ones(3)]}))
    assert Coverage(0.1, None, None, None) == next(coverage(USUAL, {"a": []}))


def test_lines() -> None:
    """A level is a line, and what is not there is said to be none."""
    assert [
        "p = 0.1: 0.125 of all normal windows lie above the level of their site; of the first half of its clips none, of the second 0.250"
    ] == lines([Coverage(0.1, 0.125, None, 0.25)])
