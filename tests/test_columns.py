"""The scrolling spectrogram of the live page."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.evidence.spectrogram import Spectrogram
from monitor.page.columns import SHOWN_S, Columns
from monitor.records import Block
from monitor.ring import Ring
from tests.paged import RATE_HZ, tone


@pytest.fixture
def ring() -> Ring:
    """Holds 40 s of sound."""
    return Ring(40 * RATE_HZ, item=(1,), rate_hz=RATE_HZ)


def brightest(columns: Columns, seen: np.ndarray) -> set[int]:
    """Frequencies at which the columns are brightest, to the nearest hundred (Hz)."""
    edges = columns.edges_hz
    return {round((edges[band] + edges[band + 1]) / 200) * 100 for band in seen.argmax(1)}


def test_pieces_give_the_same_columns_as_the_whole() -> None:
    """However the sound comes, and the rest of a piece is not lost."""
    sound = np.random.default_rng(0).standard_normal((RATE_HZ, 1)).astype(np.float32)
    whole, pieces, found = Spectrogram(RATE_HZ), Spectrogram(RATE_HZ), []
    whole.add(sound)
    for piece in np.array_split(sound, 17):
        pieces.add(piece)
        found.append(pieces.taken(1))
    np.testing.assert_allclose(whole.decibels(), np.concatenate(found, 1), rtol=1e-4)


def test_a_tone_is_bright_where_it_lies(ring: Ring) -> None:
    """Ten columns a second, each up to where it says."""
    columns = Columns(ring)
    tone(ring, 2, hz=3000)
    seen = columns.advance()
    assert 2.0 == pytest.approx(len(seen) * columns.column_s, abs=0.15)
    assert {3000} == brightest(columns, seen[1:-1])
    assert 0 <= ring.end - columns.end < RATE_HZ * 0.15
    assert len(columns.advance()) == 0


def test_who_comes_late_sees_the_last_half_minute(ring: Ring) -> None:
    """And no more is remembered."""
    columns = Columns(ring)
    tone(ring, 35)
    assert SHOWN_S == pytest.approx(len(columns.advance()) * columns.column_s, abs=0.2)
    tone(ring, 35)
    columns.advance()
    assert SHOWN_S == pytest.approx(len(columns.whole()) * columns.column_s, abs=0.2)


def test_what_was_lost_is_dark(ring: Ring) -> None:
    """A gap takes its time, and nothing lies in it."""
    columns = Columns(ring)
    tone(ring, 1)
    ring.write(Block(ring.end + 2 * RATE_HZ, np.full((RATE_HZ, 1), 0.1, np.float32), 4.0))
    seen = columns.advance()
    assert 4.0 == pytest.approx(len(seen) * columns.column_s, abs=0.15)
    assert 0 == seen[12:30].max()


def test_forgotten_it_begins_anew(ring: Ring) -> None:
    """With what the ring still holds."""
    columns = Columns(ring)
    tone(ring, 5)
    first = columns.advance()
    columns.forget()
    np.testing.assert_array_equal(first, columns.advance())
