"""The short form of the bench of capture faults."""

from __future__ import annotations

import pytest

from tests.bench.capture_faults import SENSES, run


@pytest.mark.parametrize("behaviour", ["crash", "flood", "nan"])
def test_a_capture_process_that_fails_is_made_good_to_the_item(behaviour: str) -> None:
    """It is heard again in time, every item is judged or counted as lost, and the right status is told."""
    outcome = run(1, SENSES["sound"], behaviour)
    assert outcome.good, outcome


@pytest.mark.parametrize("behaviour", ["crash", "flood", "black", "frozen"])
def test_so_is_a_camera(behaviour: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that goes on delivering and sees nothing; known earlier than in real life."""
    monkeypatch.setattr("monitor.source.pulse.BLIND_S", 0.3)
    monkeypatch.setattr("monitor.source.pulse.FROZEN_S", 0.6)
    outcome = run(1, SENSES["picture"], behaviour)
    assert outcome.good, outcome
