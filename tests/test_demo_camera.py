"""The drawn conveyor: the same for the same seed, its faults where they are said to be."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.demo.conveyor import SHADOW_S, SIDE, STEP_S, Conveyor, Footage, Shadow, shadows
from monitor.demo.happening import Flaw, Passing, overlap, stage
from monitor.demo.part import FAULTS
from monitor.demo.video import write_video
from monitor.errors import DiffmonError
from monitor.records import Box

SECONDS = 115.0
NOISE = 12
"""No noise of the sensor is as large, of 255."""
EDGE = 3
"""A scratch is as wide, and edges are soft (pixels)."""


CONVEYOR = Conveyor.drawn(0)


@cache
def staged(seed: int) -> tuple[Footage, list[Flaw], Passing]:
    """What happens in the footage of a seed."""
    return stage(CONVEYOR, seconds=SECONDS, seed=seed)


def frames(footage: Footage, *times_s: float) -> np.ndarray:
    """Frames at these times."""
    return np.stack([footage.frame(t) for t in times_s])


def differ(seed: int, time_s: float) -> np.ndarray:
    """Which pixels `[SIDE, SIDE]` are otherwise at a time than if nothing had happened: the noise is the same."""
    with_it, without = staged(seed)[0].frame(time_s), Footage(CONVEYOR, seed=seed).frame(time_s)
    return np.abs(with_it.astype(int) - without).max(-1) > NOISE


def test_the_same_seed_gives_the_same_frames_in_any_order() -> None:
    """And another seed of the same conveyor other parts."""
    first, second, other = (Footage(CONVEYOR, seed=seed) for seed in (7, 7, 8))
    np.testing.assert_array_equal(frames(first, 0.0, 4.25), frames(second, 4.25, 0.0)[::-1])
    assert (np.abs(first.frame(4.25).astype(int) - other.frame(4.25)) > NOISE).any()
    assert ((SIDE, SIDE, 3), np.uint8) == (first.frame(0.0).shape, first.frame(0.0).dtype)


def test_another_seed_is_another_conveyor() -> None:
    """Its belt and its lamp."""
    one, two = CONVEYOR, Conveyor.drawn(1)
    assert not np.array_equal(one.belt, two.belt)
    assert not np.array_equal(one.light, two.light)


@settings(max_examples=12, deadline=None, derandomize=True)
@given(st.integers(0, 1000))
def test_everything_happens_once_and_apart(seed: int) -> None:
    """Each defect, and a shadow, with quiet before, between and after; the same for the same seed."""
    _, flaws, shadow = staged(seed)
    assert set(FAULTS) == {flaw.fault for flaw in flaws}
    spans = sorted((each.first_s, each.end_s) for each in (*flaws, shadow))
    assert spans[0][0] >= 10
    assert spans[-1][1] <= SECONDS
    assert all(later[0] - before[1] > 7 for before, later in pairwise(spans))


def test_too_little_time_is_refused() -> None:
    """Four happenings need room."""
    with pytest.raises(ValueError, match="cannot hold 4 happenings"):
        stage(CONVEYOR, seconds=60.0, seed=0)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_fault_is_in_its_box_and_nowhere_else(seed: int, fault: str) -> None:
    """While the belt rests with all of it in view, whose box it fills a good part of."""
    flaw = next(f for f in staged(seed)[1] if f.fault == fault)
    for time_s in (flaw.onset_s + 0.25, flaw.onset_s + STEP_S - 0.25):
        left, top, width, height = flaw.box(time_s)
        rows, columns = np.nonzero(differ(seed, time_s))
        assert len(rows) > 4
        assert left - EDGE <= columns.min()
        assert columns.max() < left + width + EDGE
        assert top - EDGE <= rows.min()
        assert rows.max() < top + height + EDGE
    assert columns.max() - columns.min() > 0.7 * width
    assert rows.max() - rows.min() > 0.7 * height


def test_before_and_after_a_fault_nothing_of_it_is_seen() -> None:
    """A moment before its onset, and one after its end."""
    for flaw in staged(0)[1]:
        for time_s in (flaw.first_s - 0.1, flaw.end_s + 0.1):
            assert 0 == flaw.box(time_s)[2]
            assert not differ(0, time_s).any()


def test_a_shadow_makes_darker_and_nothing_else() -> None:
    """The same in every colour, by about a fifth, and it is gone when it is said to be."""
    shadow = Shadow(10.0, 0.7)
    assert shadow.factor(10.0) is None
    assert shadow.factor(10.0 + SHADOW_S) is None
    plain, dark = (Footage(CONVEYOR, seed=0, shadows=passing).frame(12.0).astype(float) for passing in ((), (shadow,)))
    factor = shadow.factor(12.0)
    assert factor is not None
    assert (0.75 < factor.min() < 0.85, 1.0) == (True, factor.max())
    lit = plain > 40
    np.testing.assert_allclose((plain * factor[..., None])[lit], dark[lit], atol=NOISE)
    np.testing.assert_array_equal(plain[factor == 1], dark[factor == 1])


def test_shadows_pass_in_normal_too() -> None:
    """Every twelve seconds or so, each before the next."""
    passing = shadows(360.0, seed=5)
    assert 30 == len(passing)
    assert all(a.end_s < b.onset_s for a, b in pairwise(passing))
    assert passing == shadows(360.0, seed=5)


boxes = st.tuples(*[st.floats(0, 100)] * 2, *[st.floats(1, 50)] * 2)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(boxes, boxes)
def test_overlap_is_a_share_that_does_not_know_first_from_second(a: Box, b: Box) -> None:
    """Of a box with itself one, of boxes apart none."""
    assert 0 <= overlap(a, b) <= 1 + 1e-9
    assert pytest.approx(overlap(a, b)) == overlap(b, a)
    assert pytest.approx(1.0) == overlap(a, a)
    assert 0 == overlap(a, (a[0] + a[2], *b[1:]))
    assert pytest.approx(1 / 7) == overlap((0, 0, 2, 2), (1, 1, 2, 2))


def test_a_video_has_all_the_frames_at_their_times(tmp_path: Path) -> None:
    """Close to what was drawn."""
    footage = Footage(CONVEYOR, seed=0)
    drawn = frames(footage, *np.arange(6) / 4)
    write_video(tmp_path / "belt.mp4", drawn, 4)
    with av.open(tmp_path / "belt.mp4") as container:
        found = [(frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
    assert [0.0, 0.25, 0.5, 0.75, 1.0, 1.25] == [time_s for time_s, _ in found]
    assert np.abs(np.stack([frame for _, frame in found]).astype(int) - drawn).mean() < 6


def test_a_video_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """By its name."""
    with pytest.raises(DiffmonError, match=r"belt\.mp4: cannot be written: No such file or directory"):
        write_video(tmp_path / "missing" / "belt.mp4", frames(Footage(CONVEYOR, seed=0), 0.0), 4)
