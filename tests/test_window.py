"""Windows: where they begin, what is in them, what they say was lost."""

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.records import Block, Window
from monitor.ring import Ring
from monitor.window import Windower, fill


def ring_of(capacity: int) -> Ring:
    """A ring of plain numbers."""
    return Ring(capacity, item=(), rate_hz=1.0, dtype=np.int64)


def block_of(start: int, end: int) -> Block:
    """A block whose items are their own indices."""
    return Block(start, np.arange(start, end), float(end))


def drain(windower: Windower) -> list[Window]:
    """All windows that are there."""
    return list(iter(windower.next, None))  # type: ignore[arg-type]


def cut(blocks: Iterable[Block], *, length: int, hop: int) -> list[Window]:
    """All windows of a source that is scored as fast as it comes."""
    ring = ring_of(200)
    windower = Windower(ring, stream="hall", length=length, hop=hop)
    windows = []
    for block in blocks:
        ring.write(block)
        windows += drain(windower)
    return windows


def summary(windows: list[Window]) -> list[tuple[int, list[int], int]]:
    """Windows in comparable form."""
    return [(w.start, w.items.tolist(), w.lost) for w in windows]


lengths = st.integers(1, 30)
pieces = st.lists(st.tuples(st.one_of(st.just(0), st.integers(0, 300)), st.integers(1, 40)), min_size=1, max_size=30)
"""(lost before, items) of each block."""


def blocks_of(steps: list[tuple[int, int]]) -> list[Block]:
    """Blocks from (lost before, items)."""
    blocks, end = [], 0
    for gap, n in steps:
        blocks.append(block_of(end + gap, end + gap + n))
        end += gap + n
    return blocks


def test_cuts_one_window_a_hop() -> None:
    """Windows begin at multiples of the hop and hold the items from there."""
    windows = cut([block_of(0, 25)], length=10, hop=5)
    assert [(s, list(range(s, s + 10)), 0) for s in (0, 5, 10, 15)] == summary(windows)
    assert {"hall"} == {w.stream for w in windows}


def test_waits_for_the_last_item() -> None:
    """A window that lacks one item is not there yet."""
    ring = ring_of(100)
    windower = Windower(ring, stream="hall", length=10, hop=5)
    ring.write(block_of(0, 9))
    assert windower.next() is None
    ring.write(block_of(9, 10))
    assert 10 == len(windower.next().items)  # type: ignore[union-attr]
    assert windower.next() is None


def test_goes_on_behind_a_gap() -> None:
    """After a gap comes the first multiple of the hop behind it, and that window says what was lost."""
    windows = cut([block_of(0, 22), block_of(26, 45)], length=10, hop=5)
    assert [(0, 0), (5, 0), (10, 0), (30, 10), (35, 0)] == [(w.start, w.lost) for w in windows]


def test_counts_a_gap_larger_than_the_ring() -> None:
    """A gap that empties the whole ring is counted exactly, whatever comes after it in how large pieces."""
    for sizes in ([1] * 40, [40]):
        steps = [(0, 13), (100_000, sizes[0]), *((0, n) for n in sizes[1:])]
        assert (100_015, 100_005) == [(w.start, w.lost) for w in cut(blocks_of(steps), length=10, hop=5)][1]


def test_goes_on_behind_an_overrun() -> None:
    """Who scores too slowly goes on with the oldest items still there, and says how many were missed."""
    ring = ring_of(20)
    windower = Windower(ring, stream="hall", length=10, hop=4)
    ring.write(block_of(0, 10))
    assert [(0, 0)] == [(w.start, w.lost) for w in drain(windower)]
    for start in range(10, 103, 3):
        ring.write(block_of(start, start + 3))
    assert (103, 83) == (ring.end, ring.oldest)
    assert [(84, 74), (88, 0), (92, 0)] == [(w.start, w.lost) for w in drain(windower)]
    assert 20 == windower.skipped  # those that begin at 4 to 80


def test_nothing_is_lost_that_an_earlier_window_held() -> None:
    """Overwritten items that the window before reached lack to no one, though a window that begins among them cannot be cut."""
    ring = ring_of(50)
    windower = Windower(ring, stream="hall", length=23, hop=1)
    ring.write(block_of(0, 23))
    assert [(0, 0)] == [(w.start, w.lost) for w in drain(windower)]
    ring.write(block_of(23, 52))
    assert [(s, 0) for s in range(2, 30)] == [(w.start, w.lost) for w in drain(windower)]


def test_counts_gap_and_overrun_once() -> None:
    """A gap within what was overwritten unread is not counted twice, and a later one is added."""
    ring = ring_of(20)
    windower = Windower(ring, stream="hall", length=5, hop=5)
    for start, end in ((0, 5), (8, 40), (41, 60)):
        ring.write(block_of(start, end))
        if start == 0:
            assert [0] == [w.start for w in drain(windower)]
    assert [(45, 40), (50, 0), (55, 0)] == [(w.start, w.lost) for w in drain(windower)]


@settings(deadline=None)  # a busy machine is no failure
@given(pieces, lengths, lengths, st.data())
def test_windows_do_not_depend_on_chunking(steps: list[tuple[int, int]], length: int, hop: int, data: st.DataObject) -> None:
    """The same items in other blocks give the same windows, with the same losses."""
    finer = []
    for gap, n in steps:
        at = data.draw(st.integers(0, n - 1))
        finer += [(gap, n - at), *([(0, at)] if at else [])]
    assert summary(cut(blocks_of(steps), length=length, hop=hop)) == summary(cut(blocks_of(finer), length=length, hop=hop))


@settings(deadline=None)  # a busy machine is no failure
@given(pieces, lengths, lengths)
def test_every_possible_window_is_cut_and_no_other(steps: list[tuple[int, int]], length: int, hop: int) -> None:
    """Cut are exactly the stretches at multiples of the hop of which every item came; every item in none is counted once."""
    blocks = blocks_of(steps)
    came = {i for block in blocks for i in block.items.tolist()}
    windows = cut(blocks, length=length, hop=hop)
    possible = [s for s in range(0, blocks[-1].end, hop) if all(i in came for i in range(s, s + length))]
    assert possible == [w.start for w in windows]
    assert all(w.items.tolist() == list(range(w.start, w.end)) for w in windows)
    reached = regular = 0
    for window in windows:
        assert (max(0, window.start - reached) if window.start > regular else 0) == window.lost
        reached, regular = max(reached, window.end), window.start + hop


@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 40), st.booleans()), min_size=1, max_size=40), lengths, lengths)
def test_a_slow_scorer_never_gets_a_wrong_item(steps: list[tuple[int, int, bool]], length: int, hop: int) -> None:
    """Scored only now and then, windows are still in order, whole, and true; between them lies what they say was lost."""
    ring = ring_of(50)
    windower = Windower(ring, stream="hall", length=length, hop=hop)
    windows = []
    for block, (_, _, scored) in zip(blocks_of([s[:2] for s in steps]), steps, strict=True):
        ring.write(block)
        windows += drain(windower) if scored else []
    for window in windows:
        assert list(range(window.start, window.end)) == window.items.tolist()
        assert 0 == window.start % hop
    ends = [0, *(w.end for w in windows)]
    for window, before in zip(windows, ends, strict=False):
        assert 0 <= window.lost <= max(0, window.start - before)


@pytest.mark.parametrize("n", [1, 3, 7, 8])
def test_fill_repeats_to_one_window(n: int) -> None:
    """A recording shorter than a window is repeated there and back, so that neighbours stay neighbours, and cut."""
    items = np.arange(n, dtype=np.float32)[:, None]
    there_and_back = [*range(n), *reversed(range(n))]
    assert [there_and_back[i % (2 * n)] for i in range(8)] == fill(items, 8)[:, 0].tolist()
    assert (8, 1) == fill(items, 8).shape
