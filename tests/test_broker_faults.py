"""The short form of the bench of broker faults."""

from __future__ import annotations

from pathlib import Path

from tests.bench.broker_faults import killed, refusing, rivalled, run


def test_no_event_is_lost_when_the_broker_fails(tmp_path: Path) -> None:
    """Killed, refusing, and with a rival for the client id: every event arrives, and putting one never waits."""
    outcome = run(3, tmp_path, (killed, refusing, rivalled))
    assert outcome.good, outcome
