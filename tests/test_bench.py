"""The benches take minutes to hours: that they begin at all."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from click.testing import CliRunner

BENCHES = sorted(path.stem for path in Path(__file__).with_name("bench").glob("*.py") if "click.command" in path.read_text())


def test_benches_are_found() -> None:
    """The list is not empty by mistake."""
    assert {
        "broker_faults",
        "capture_faults",
        "false_alarms",
        "killed",
        "made_sites",
        "pictures",
        "soak",
        "training_time",
        "waveforms",
    } <= {*BENCHES}


@pytest.mark.parametrize("name", BENCHES)
def test_a_bench_explains_itself(name: str) -> None:
    """What it takes from the program is there, and it says how it is used."""
    told = CliRunner().invoke(importlib.import_module(f"tests.bench.{name}").main, ["--help"])
    assert told.exit_code == 0
    assert "Usage:" in told.output
