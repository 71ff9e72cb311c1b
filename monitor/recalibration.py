"""`calibrate --from-state` as a child process: minutes of arithmetic must not keep the pipeline from hearing."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monitor.parent import child

_NICE = 10
_LONGEST = 200
_BUDGET = "10m"  # enough for all of the default log
_KILLED_S = 0.5  # one that waits for a disk dies when the disk lets it


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a calibration ended."""

    summary: dict[str, Any] | None
    """What `calibrate --json` says; none if it failed."""
    reason: str = ""
    """Why it failed."""


class Recalibration:
    """Makes a stream's profile anew from its log, one child at a time. One thread calls it; `close` may be called twice."""

    def __init__(self, config: Path, stream: str) -> None:
        self._command = child("monitor.cli", "calibrate", "--json", "--from-state", stream, "--config", str(config))
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether a child was started whose outcome was not asked for yet."""
        return self._child is not None

    def start(self, newest_s: float | None) -> None:
        """Starts a child that learns from the newest part of the log, or from all of it. Raises OSError."""
        newest = [] if newest_s is None else ["--newest", f"{newest_s:.0f}s"]
        self._said, self._failed = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 - read when the child has ended
        self._child = subprocess.Popen(
            [*self._command, "--budget", _BUDGET, *newest], stdin=subprocess.DEVNULL, stdout=self._said, stderr=self._failed
        )
        with suppress(OSError):  # it has ended already
            os.setpriority(os.PRIO_PROCESS, self._child.pid, _NICE)

    def outcome(self) -> Outcome | None:
        """How the child ended, once; none while it runs."""
        if self._child is None or self._child.poll() is None:
            return None
        code, self._child = self._child.returncode, None
        said, failed = _text(self._said), _text(self._failed)
        # 1 with a summary: some of the log could not be read, the rest was enough.
        if said.startswith("{"):
            return _summary(said)
        return Outcome(None, failed.splitlines()[-1] if failed else f"it ended with {code}")

    def close(self) -> None:
        """Ends a child that runs; nothing of its profile is in place before all of it is."""
        if self._child is not None:
            self._child.kill()
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(_KILLED_S)
            self._child = None
            self._said.close()
            self._failed.close()


def _summary(said: str) -> Outcome:
    """What the child says came of it; that it failed, if that is no JSON."""
    try:
        return Outcome(json.loads(said))
    except (ValueError, RecursionError):
        return Outcome(None, f"what it said is no summary: {said[:_LONGEST]!r}")


def _text(file: Any) -> str:
    with file:
        file.seek(0)
        return str(file.read().decode(errors="replace")).strip()
