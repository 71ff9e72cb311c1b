"""The short form of the bench of capture faults."""

from __future__ import annotations

import pytest

from tests.bench.capture_faults import run


@pytest.mark.parametrize("behaviour", ["crash", "flood", "nan"])
def test_a_capture_process_that_fails_is_made_good_to_the_item(behaviour: str) -> None:
    """It is heard again in time, every item is judged or counted as lost, and the right status is told."""
    outcome = run(1, iter([behaviour]))[behaviour]
    assert outcome.good, outcome
