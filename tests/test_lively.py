"""Whether a live source has a signal."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.records import Block
from monitor.source.lively import lively
from monitor.source.pulse import STUCK_S, SoundPulse
from monitor.source.resampled import resampled
from tests.scripted import RATE, block

SIZE = 10
STUCK = round(STUCK_S * RATE / SIZE)
"""Blocks of a source that is stuck."""


def heard(blocks: Iterable[Block], *, rate_hz: float = RATE) -> list[Block | None]:
    """What is let through of these."""
    return [each for each, _ in lively(blocks, SoundPulse(rate_hz))]


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 3 * STUCK)), max_size=6))
def test_what_is_constant_for_long_is_left_out_and_all_else_is_there(runs: list[tuple[bool, int]]) -> None:
    """Against the obvious: runs of constant blocks of a second or more are no signal, shorter ones between signals are kept."""
    alive = [moves for moves, count in runs for _ in range(count)]
    given_blocks = [block(SIZE * i, list(range(SIZE)) if moves else [7] * SIZE) for i, moves in enumerate(alive)]
    got = heard(given_blocks)
    expected, i = [], 0
    while i < len(alive):
        last = next((j for j in range(i, len(alive)) if alive[j] != alive[i]), len(alive))
        if alive[i] or (last - i < STUCK and last < len(alive)):
            expected += [b.start for b in given_blocks[i:last]]
        i = last
    assert expected == [b.start for b in got if b is not None]
    assert (None in got) == any(len(run) >= STUCK for run in "".join("x" if moves else "-" for moves in alive).split("x"))


@pytest.mark.parametrize("card_hz", [22_050, 44_100, 48_000])
@pytest.mark.parametrize("value", [0.0, 0.25, -1.0])
def test_a_constant_that_was_resampled_is_one(card_hz: int, value: float) -> None:
    """A card at another rate than ours is stuck all the same, but for the edge where it began."""
    size = card_hz // 10
    stuck = (Block(size * i, np.full((size, 1), value, np.float32), i / 10) for i in range(30))
    told = heard(resampled(stuck, from_hz=card_hz, to_hz=16_000), rate_hz=16_000)
    assert told[-15:] == [None] * 15


def test_a_faint_signal_is_one() -> None:
    """What moves by one step of 16 bits is heard."""
    sound = (np.arange(SIZE * 30, dtype=np.float32) % 2)[:, None] / 32768
    faint = [Block(SIZE * i, sound[SIZE * i : SIZE * (i + 1)], 0.0) for i in range(30)]
    assert faint == (heard(faint))


def test_another_constant_is_no_signal_either() -> None:
    """A converter that is stuck may step from one value to the next."""
    stuck = [block(SIZE * i, [i] * SIZE) for i in range(2 * STUCK)]
    assert {None} == set(heard(stuck))


def test_a_block_without_items_is_no_signal() -> None:
    """The source is alive and hears nothing: what was constant just before is nothing either, and what comes after is a signal."""
    empty = block(30, [])
    assert [10, None, 40] == [
        b if b is None else b.start for b in heard([block(10, list(range(10))), block(20, [7] * 10), empty, block(40, list(range(10)))])
    ]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_left_out(value: float) -> None:
    """At once, even between signals; and when it lasts, it is no signal."""
    alive, broken = list(range(SIZE)), [0.5] * (SIZE - 1) + [value]
    got = heard([block(0, alive), block(SIZE, broken), block(2 * SIZE, alive)])
    assert [0, 2 * SIZE] == [b.start for b in got if b is not None]
    assert None in (heard([block(SIZE * i, broken) for i in range(STUCK)]))
