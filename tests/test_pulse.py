"""Whether a camera sees anything, and why not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.records import Block
from monitor.source.lively import lively, recorded
from monitor.source.pulse import BLIND_S, FROZEN_S, PicturePulse, SoundPulse
from monitor.source.view import View
from tests.pictures import HEIGHT, WIDTH, black, covered, filmed, scene

RATE_HZ = 2.0
BLIND, FROZEN = round(BLIND_S * RATE_HZ), round(FROZEN_S * RATE_HZ)
"""Pictures after which it is known."""


def shown(*runs: tuple[str, int], view: View = View(64), rate_hz: float = RATE_HZ) -> list[tuple[int | None, str | None]]:  # noqa: B008
    """What is let through of so many pictures of each: an index, or why not."""
    blocks = (Block(i, view.item(picture)[None], i / rate_hz) for i, picture in enumerate(filmed(*runs)))
    return [(None if block is None else block.start, reason) for block, reason in lively(blocks, PicturePulse(rate_hz))]


def seen(first: int, after: int) -> list[tuple[int | None, str | None]]:
    """These pictures are let through."""
    return [(i, None) for i in range(first, after)]


@pytest.mark.parametrize("what", ["black", "covered"])
def test_a_blind_camera_has_no_signal(what: str) -> None:
    """Nothing of it is let through, it is told why from the second second on, and what it sees after is seen."""
    assert [*seen(0, 5), *[(None, what)] * 6, *seen(15, 18)] == shown(("scene", 5), (what, BLIND + 6), ("scene", 3))


@given(st.sampled_from(["black", "covered"]), st.integers(1, BLIND))
def test_what_is_blind_for_a_moment_is_judged(what: str, count: int) -> None:
    """A lamp is switched, a hand passes: late, but in order and whole."""
    assert seen(0, 6 + count) == shown(("scene", 3), (what, count), ("scene", 3))


def test_a_frozen_camera_has_no_signal() -> None:
    """Judged until it is known, since it shows what was true; then none until the picture changes."""
    expected = [*seen(0, FROZEN + 2), *[(None, "frozen")] * 3, *seen(FROZEN + 5, FROZEN + 7)]
    assert expected == shown(("scene", 2), ("frozen", FROZEN + 3), ("scene", 2))


def test_a_codec_that_repeats_a_still_scene_is_no_frozen_camera() -> None:
    """With each key frame, some seconds apart, all is drawn anew."""
    runs = [run for _ in range(6) for run in (("scene", 1), ("frozen", FROZEN - 2))]
    assert seen(0, 6 * (FROZEN - 1)) == shown(*runs)


def test_a_wall_in_even_light_is_no_covered_lens() -> None:
    """Its own light differs a little from part to part."""
    wall = [np.full((HEIGHT, WIDTH, 3), 200.0) - 12 * np.linspace(0, 1, WIDTH)[None, :, None] for _ in range(20)]
    blocks = [Block(i, View(64).item(picture.astype(np.uint8))[None], i / RATE_HZ) for i, picture in enumerate(wall)]
    assert {None} == {reason for _, reason in lively(blocks, PicturePulse(RATE_HZ))}


def test_light_that_goes_up_and_down_is_a_signal() -> None:
    """A picture without contrast that changes is of something."""
    blocks = [Block(i, np.full((1, 64, 64, 3), 60 + 20 * (i % 2), np.uint8), i / RATE_HZ) for i in range(20)]
    got = [block.start for block, _ in lively(blocks, PicturePulse(RATE_HZ)) if block is not None]
    assert list(range(20)) == got


@pytest.mark.parametrize(("picture", "reason"), [(black, "black"), (covered, "covered"), (scene, None)])
def test_what_is_masked_does_not_count(picture: object, reason: str | None) -> None:
    """A mask's grey is no light in a black picture, and no contrast in a covered one."""
    view = View(128, masks=(((0, 0), (70, 0), (70, 119), (0, 80)), ((100, 30), (140, 60), (100, 90))))
    blocks = [Block(i, view.item(picture(i))[None], i / RATE_HZ) for i in range(BLIND + 1)]  # type: ignore[operator]
    assert reason == list(lively(blocks, PicturePulse(RATE_HZ)))[-1][1]


@pytest.mark.parametrize(("rate_hz", "dead_after"), [(0.1, 1), (1.0, 2), (10.0, 20), (30.0, 60)])
def test_seconds_are_seconds_at_any_rate(rate_hz: float, dead_after: int) -> None:
    """Where pictures are further apart than that, the second one tells."""
    told = [reason for _, reason in shown(("black", dead_after + 2), rate_hz=rate_hz)]
    assert ["black", "black"] == told


def test_a_recording_is_judged_all_the_same() -> None:
    """And it is said of its last picture whether the camera saw anything."""
    items = np.stack([View(64).item(picture) for picture in filmed(("scene", 2), ("black", BLIND + 1))])
    blocks = [Block(0, items[:4], 0.0), Block(4, items[4:], 0.0), Block(len(items), items[:0], 0.0)]
    assert [(blocks[0], None), (blocks[1], "black"), (blocks[2], "nothing came")] == list(recorded(blocks, PicturePulse(RATE_HZ)))


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_sound_says_why_too(value: float) -> None:
    """Constant, or not finite; or what the source itself says of a block without items."""
    dead = [Block(100 * i, np.full((100, 1), value, np.float32), 0.0) for i in range(10)]
    empty = Block(1000, np.zeros((0, 1), np.float32), 0.0, reason="as it says")
    told = list(lively([*dead, empty], SoundPulse(1000)))
    assert [(None, "constant" if value == 0.0 else "not finite"), (None, "as it says")] == told
