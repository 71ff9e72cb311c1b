"""What a capture process logs, without the library that the daemon logs by."""

from __future__ import annotations

import json
import subprocess
import sys

import structlog

from monitor.source.journal import Journal

_LEAN = """
import sys
import monitor.source.child, monitor.source.journal
heavy = {"torch", "torchaudio", "librosa", "scipy", "structlog", "rich", "asyncio", "pydantic"} & set(sys.modules)
assert not heavy, heavy
monitor.source.journal.Journal("here").warning("source.odd", name="M\\u00fchle", rate_hz=16000, what=b"x")
"""
_WHOLE = """
import structlog
from monitor import log
log.configure("info")
structlog.get_logger("here").warning("source.odd", name="M\\u00fchle", rate_hz=16000, what=b"x")
"""


def _said(program: str) -> dict[str, object]:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    (line,) = done.stderr.splitlines()
    said: dict[str, object] = json.loads(line)
    return said


def test_a_capture_process_logs_the_same_line_with_less() -> None:
    """One a microphone: it has none of the libraries that take memory, and whoever reads the log cannot tell."""
    lean, whole = _said(_LEAN), _said(_WHOLE)
    assert list(whole) == list(lean)
    assert len(str(whole.pop("timestamp"))) == len(str(lean.pop("timestamp")))
    assert whole == lean


def test_where_there_is_a_log_it_is_used() -> None:
    """A source in the daemon's own process speaks as all others there do."""
    with structlog.testing.capture_logs() as entries:
        Journal("here").info("source.ended", seconds=1.5)
    assert [{"event": "source.ended", "seconds": 1.5, "log_level": "info"}] == entries


def test_a_line_that_cannot_be_written_is_lost() -> None:
    """On a full disk nothing else shall end by it."""
    program = "from monitor.source.journal import Journal; import sys; Journal('here').info('a.b'); sys.stdout.write('on')"
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=full, text=True, check=False)
    assert "on" == done.stdout
