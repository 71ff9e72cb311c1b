"""A place that falls silent is not normal: what is too faint outvotes no part that finds it strange."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.score import surprises
from monitor.engine import Engine, pick_device
from monitor.opened import open_for
from monitor.records import Window

finite = st.floats(-1e6, 1e6, width=32)


@pytest.mark.parametrize("level_db", [-np.inf, -110.0, -95.0, -80.0, -60.0])
def test_near_silence_is_stranger_than_normal_ever_was(model: Path, level_db: float) -> None:
    """Noise down to nothing, in a room whose normal is anything but: above every score of held-out normal."""
    opened = open_for(model, None, kind="audio")
    sense = opened.representation
    items = np.random.default_rng(0).standard_normal((sense.length, 1)) * 10 ** (level_db / 20)
    engine = Engine(opened.model, sense, {"a": opened.fitted.profile}, device=pick_device("cpu"))
    [judged] = engine.judge([Window("a", 0, items.astype(np.float32), 0)])
    assert judged.score > opened.fitted.profile.quantiles.max()


@settings(deadline=None, derandomize=True)
@given(st.lists(finite, min_size=4, max_size=4), finite, st.floats(0.01, 100.0))
def test_a_surprise_grows_with_its_statistic_and_has_a_least(values: list[float], location: float, scale: float) -> None:
    """In the order of the statistics, as many deviations above normal's, and three below at most."""
    found = surprises(torch.tensor([sorted(values)]), torch.tensor(location), torch.tensor(scale))[0]
    assert sorted(found.tolist()) == found.tolist()
    for value, surprise in zip(sorted(values), found.tolist(), strict=True):
        assert surprise == pytest.approx(max(-3.0, (value - location) / scale), rel=1e-3, abs=1e-3 * (1 + abs(location) / scale))
