"""Memory for one batch after another: lent without overlap, again and again, and fresh where it does not reach."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.batch import Batcher
from monitor.records import Block, Window
from monitor.ring import Ring
from monitor.slab import Slab
from monitor.window import Windower

shapes = st.lists(st.tuples(st.integers(0, 40), st.sampled_from(["uint8", "float32", "float64"])), max_size=20)


@given(st.lists(shapes, max_size=4))
@settings(deadline=None, derandomize=True)
def test_what_is_lent_at_a_time_does_not_overlap(batches: list[list[tuple[int, str]]]) -> None:
    """Each array keeps what is written to it until all is taken back, whether it fits or not."""
    slab = Slab(1000)
    for batch in batches:
        slab.take_back()
        lent = [slab.lend((n, 2), dtype) for n, dtype in batch]
        for number, items in enumerate(lent):
            items[...] = number
        assert [((n, 2), dtype) for n, dtype in batch] == [(items.shape, str(items.dtype)) for items in lent]
        assert all((number == items).all() for number, items in enumerate(lent))


@pytest.mark.parametrize(("count", "same"), [(4, True), (400, False)])
def test_what_was_taken_back_is_lent_again(count: int, *, same: bool) -> None:
    """The same memory; but of fresh memory what does not fit."""
    slab = Slab(1000)
    first = slab.lend((count,), "float32")
    slab.take_back()
    assert same == np.shares_memory(first, slab.lend((count,), "float32"))


def test_a_batch_lies_where_the_one_before_lay() -> None:
    """As long as it grows its windows lie side by side; the next is cut over it."""
    ring = Ring(100, item=(), rate_hz=1.0)
    ring.write(Block(0, np.arange(20, dtype=np.float32), 20.0))
    batcher = Batcher({"s": Windower(ring, stream="s", length=4, hop=4)}, size=8)
    first: list[Window] = []
    for room in (1, 2):
        batcher.cut(first, room)
    assert [[0, 1, 2, 3], [4, 5, 6, 7]] == [w.items.tolist() for w in first]
    second: list[Window] = []
    batcher.cut(second, 1)
    assert np.shares_memory(first[0].items, second[0].items)
    assert [[8, 9, 10, 11], [4, 5, 6, 7]] == [w.items.tolist() for w in first]
