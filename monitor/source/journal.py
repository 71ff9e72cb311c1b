"""What sources have to say in the log, without a library where it would be held once for every stream.

In a process that logs anyway the lines go the way of all others. A capture process has no structlog: that brings rich and asyncio along,
a third of the memory that such a process takes, and a box has one for every microphone. It writes the same lines itself.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from datetime import UTC, datetime


class Journal:
    """Logs under a module's name; any thread may call it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def info(self, event: str, **about: object) -> None:
        """What is as it should be."""
        self._say("info", event, about)

    def warning(self, event: str, **about: object) -> None:
        """What is not, and goes on all the same."""
        self._say("warning", event, about)

    def _say(self, level: str, event: str, about: dict[str, object]) -> None:
        if "structlog" in sys.modules:
            import structlog

            getattr(structlog.get_logger(self._name), level)(event, **about)
        else:
            print_line(level, event, about)


def print_line(level: str, event: str, about: dict[str, object]) -> None:
    """A line as `monitor.log` has structlog write it for programs; lost where it cannot be written."""
    now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    line = json.dumps({**about, "event": event, "level": level, "timestamp": now}, default=repr)
    with suppress(OSError, ValueError):  # ValueError: the stream is closed
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
