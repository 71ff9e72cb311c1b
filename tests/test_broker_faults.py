"""The short form of the bench of broker faults."""

from __future__ import annotations

from pathlib import Path

from tests.bench.broker_faults import AWAY_S, BACK_S, killed, refusing, run


def test_no_event_is_lost_when_the_broker_fails(tmp_path: Path) -> None:
    """Killed, and refusing: every event arrives, soon after the broker is back, and putting one does not wait for that."""
    outcome = run(2, tmp_path, (killed, refusing))
    assert 0 == outcome.lost < outcome.put, outcome
    assert max(outcome.slowest_back_s.values()) < BACK_S, outcome
    assert outcome.slowest_put_s < AWAY_S, outcome
