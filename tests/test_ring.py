"""The ring: what it keeps, what it knows to be lost, and what time an index has."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.records import Block
from monitor.ring import Ring

DEADLINE_S = 60.0


def ring_of(capacity: int, **more: object) -> Ring:
    """A ring of plain numbers."""
    return Ring(capacity, item=(), rate_hz=10.0, dtype=np.int64, **more)  # type: ignore[arg-type]


def block_of(start: int, end: int) -> Block:
    """A block whose items are their own indices, each due at its nominal time."""
    return Block(start, np.arange(start, end), end / 10.0)


def test_gives_back_what_was_written() -> None:
    """A stretch that is kept is read as it was written, over the seam too."""
    ring = ring_of(10)
    ring.write(block_of(0, 7))
    ring.write(block_of(7, 14))
    assert (4, 14) == (ring.oldest, ring.end)
    assert list(range(4, 14)) == list(ring.read(4, 14))  # type: ignore[arg-type]


def test_read_is_a_copy() -> None:
    """What was read does not change when it is overwritten."""
    ring = ring_of(4)
    ring.write(block_of(0, 4))
    items = ring.read(0, 4)
    ring.write(block_of(4, 8))
    assert [0, 1, 2, 3] == list(items)  # type: ignore[arg-type]


@pytest.mark.parametrize(("start", "end"), [(3, 6), (12, 15), (0, 20)])
def test_reads_nothing_that_is_not_wholly_there(start: int, end: int) -> None:
    """An overwritten or future item makes the stretch unreadable."""
    ring = ring_of(10)
    ring.write(block_of(0, 14))
    assert ring.read(start, end) is None


def test_keeps_the_end_of_a_block_longer_than_itself() -> None:
    """Of a block longer than the ring the newest items stay."""
    ring = ring_of(5)
    ring.write(block_of(0, 3))
    ring.write(block_of(3, 23))
    assert list(range(18, 23)) == list(ring.read(18, 23))  # type: ignore[arg-type]


def test_reads_nothing_across_a_gap() -> None:
    """A jump of the index is a gap: recorded, unreadable; both sides of it can be read."""
    ring = ring_of(20)
    ring.write(block_of(0, 5))
    ring.write(block_of(8, 12))
    assert ((5, 8),) == ring.gaps
    assert ring.read(4, 9) is None
    assert ring.read(5, 6) is None
    assert [3, 4] == list(ring.read(3, 5))  # type: ignore[arg-type]
    assert [8, 9] == list(ring.read(8, 10))  # type: ignore[arg-type]


def test_forgets_a_gap_with_what_surrounds_it() -> None:
    """A gap that is overwritten leaves the list."""
    ring = ring_of(4)
    ring.write(block_of(0, 2))
    ring.write(block_of(1000, 1002))
    assert ((2, 1000),) == ring.gaps
    ring.write(block_of(1002, 1004))
    assert () == ring.gaps


def test_refuses_a_step_back() -> None:
    """A block that begins before the end is a fault of the source's code."""
    ring = ring_of(10)
    ring.write(block_of(0, 5))
    with pytest.raises(ValueError, match="begins at 4, expected 5 or later"):
        ring.write(block_of(4, 6))


@settings(deadline=None)  # a busy machine is no failure
@given(st.integers(1, 12), st.lists(st.tuples(st.integers(0, 5), st.integers(0, 20)), max_size=20))
def test_agrees_with_a_dictionary(capacity: int, steps: list[tuple[int, int]]) -> None:
    """Whatever is written, a stretch is readable exactly if each of its items is among the newest and came."""
    ring, kept = ring_of(capacity), {}
    for gap, n in steps:
        ring.write(block_of(ring.end + gap, ring.end + gap + n))
        kept.update({i: i for i in range(ring.end - n, ring.end)})
    for start in range(max(0, ring.end - capacity - 3), ring.end + 2):
        for end in range(start + 1, min(start + capacity, ring.end) + 3):
            wanted = range(start, end)
            there = all(i in kept and i >= ring.end - capacity for i in wanted)
            found = ring.read(start, end)
            assert (list(wanted) if there else None) == (None if found is None else list(found))


def test_time_of_needs_a_block() -> None:
    """Before the first block no index has a time."""
    with pytest.raises(LookupError, match="no block has come yet"):
        ring_of(4).time_of(0)


def test_time_goes_on_at_the_nominal_rate() -> None:
    """Beyond what is kept, time is counted at the nominal rate."""
    ring = ring_of(100)
    ring.write(Block(0, np.arange(10), 501.0))
    assert [500.0, 501.0, 502.0] == [ring.time_of(i) for i in (0, 10, 20)]


def test_time_jumps_at_a_gap() -> None:
    """Where the source lost an unknown amount, the items after it have the time at which they came."""
    ring = ring_of(1000)
    for k in range(20):
        ring.write(block_of(10 * k, 10 * k + 10))
    ring.write(Block(201, np.arange(10), 60.0))
    assert 60.0 == ring.time_of(211)
    assert 15.0 == pytest.approx(ring.time_of(150), abs=0.1)


@pytest.mark.parametrize("drift", [200e-6, -200e-6])
def test_follows_a_drifting_clock_for_a_day(drift: float) -> None:
    """A source 200 ppm fast or slow, with blocks up to 50 ms early or late, stays within 0.1 s for 24 hours."""
    rng = np.random.default_rng(0)
    rate_hz, seconds = 10.0, 10
    ring = Ring(600, item=(), rate_hz=rate_hz, dtype=np.int8)
    items = np.zeros(int(rate_hz * seconds), np.int8)
    worst_s = 0.0
    for k in range(24 * 3600 // seconds):
        end = (k + 1) * len(items)
        ring.write(Block(end - len(items), items, end / (rate_hz * (1 + drift)) + rng.uniform(-0.05, 0.05)))
        for index in (ring.oldest, end - 137, end):
            worst_s = max(worst_s, abs(ring.time_of(index) - index / (rate_hz * (1 + drift))) if index >= 0 else 0.0)
    assert 0.1 > worst_s


def test_late_blocks_do_not_make_time_late() -> None:
    """What only delays some blocks is not taken for time."""
    rng = np.random.default_rng(1)
    ring = Ring(16000, item=(1,), rate_hz=1000.0)
    items = np.zeros((10, 1), np.float32)
    for k in range(3000):
        ring.write(Block(10 * k, items, (10 * k + 10) / 1000.0 + rng.exponential(0.02)))
    assert 0.005 > max(abs(ring.time_of(i) - i / 1000.0) for i in range(ring.oldest, ring.end, 77))


def test_memory_for_times_is_bounded() -> None:
    """A source that loses something before every block does not fill memory with times."""
    ring = ring_of(100_000)
    for k in range(2000):
        ring.write(block_of(3 * k + 1, 3 * k + 3))
    assert 256 == len(ring._anchors._kept)


def test_who_waits_is_woken_by_a_write() -> None:
    """The condition that rings share is notified by a write from another thread."""
    ring = ring_of(10)
    writer = threading.Thread(target=lambda: [ring.write(block_of(k, k + 1)) for k in range(5)])
    with ring.arrived:
        writer.start()
        assert ring.arrived.wait_for(lambda: ring.end == 5, DEADLINE_S)
    writer.join(DEADLINE_S)


def test_wait_ends_with_the_source() -> None:
    """A source that ended wakes who waits, and says what ended it; the first reason stays."""
    ring = ring_of(10)
    error = OSError("unplugged")
    finisher = threading.Thread(target=lambda: (ring.finish(error), ring.finish()))
    with ring.arrived:
        finisher.start()
        assert ring.arrived.wait_for(lambda: ring.finished, DEADLINE_S)
    finisher.join(DEADLINE_S)
    assert (True, error) == (ring.finished, ring.error)


def test_one_thread_waits_for_several_rings() -> None:
    """Rings that share a condition wake the same thread, whichever is written."""
    arrived = threading.Condition()
    rings = [ring_of(10, arrived=arrived) for _ in range(3)]
    writer = threading.Thread(target=lambda: rings[2].write(block_of(0, 1)))
    with arrived:
        writer.start()
        assert arrived.wait_for(lambda: any(r.end for r in rings), DEADLINE_S)
    writer.join(DEADLINE_S)
