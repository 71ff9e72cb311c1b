"""The short form of the benches of faults."""

from __future__ import annotations

from pathlib import Path

from tests.bench.killed import run


def test_a_daemon_that_is_killed_at_any_moment_loses_nothing_and_tells_nothing_twice(tmp_path: Path) -> None:
    """Ten kills among twenty faults: each fault is one event, each event has one end, and the states are true in the end."""
    outcome = run(20, 10, 1, tmp_path)
    assert outcome.good, outcome
