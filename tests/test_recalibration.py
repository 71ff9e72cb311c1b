"""The child that calibrates: what it says is not trusted, and it does not outlive whoever started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from monitor.recalibration import Outcome, Recalibration
from tests.broker import until
from tests.scripted import PATIENCE_S


def gone(pid: int) -> bool:
    """Whether no such process runs."""
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


def outcome(calibration: Recalibration) -> Outcome:
    """How it ended, once it has."""
    found: list[Outcome | None] = []
    until(lambda: found.append(calibration.outcome()) or found[-1], timeout_s=PATIENCE_S)
    assert found[-1] is not None
    return found[-1]


def endless(folder: Path) -> Path:
    """A configuration that is never read to its end."""
    path = folder / "diffmon.toml"
    os.mkfifo(path)
    return path


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ('{"held_out_s": 9}', Outcome({"held_out_s": 9})),
        ('{"held_out_s": 9', Outcome(None, "what it said is no summary: '{\"held_out_s\": 9'")),
        ("{}{}", Outcome(None, "what it said is no summary: '{}{}'")),
        ("", Outcome(None, "it ended with 0")),
    ],
)
def test_what_the_child_says_may_be_anything(said: str, expected: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no summary is a failure, as if it had failed itself."""
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\nprintf '%s' '{said}'\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with closing(Recalibration(tmp_path / "diffmon.toml", "fan")) as calibration:
        calibration.start(None)
        assert expected == outcome(calibration)


def test_the_child_says_why_it_failed(tmp_path: Path) -> None:
    """By the last line of its errors."""
    with closing(Recalibration(tmp_path / "none.toml", "fan")) as calibration:
        calibration.start(60.0)
        assert Outcome(None, f"diffmon: {tmp_path}/none.toml: no such file") == outcome(calibration)


def test_a_child_that_runs_is_ended_at_once(tmp_path: Path) -> None:
    """The daemon's own end does not wait for it."""
    calibration = Recalibration(endless(tmp_path), "fan")
    calibration.start(None)
    began_s = time.monotonic()
    calibration.close()
    calibration.close()
    assert 0.5 > time.monotonic() - began_s
    assert not calibration.running


def test_the_child_dies_with_its_parent(tmp_path: Path) -> None:
    """However that dies: a profile that nobody waits for is not made."""
    script = (
        "import sys, time; from pathlib import Path; from monitor.recalibration import Recalibration\n"
        "calibration = Recalibration(Path(sys.argv[1]), 'fan'); calibration.start(None)\n"
        "print(calibration._child.pid, flush=True); time.sleep(60)"
    )
    config = endless(tmp_path)
    with subprocess.Popen([sys.executable, "-c", script, str(config)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    try:
        until(lambda: gone(child))
    finally:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
