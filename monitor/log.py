"""Where log lines go: standard error, for a person at a terminal or for a program off one."""

from __future__ import annotations

import select
import sys
from contextlib import suppress
from typing import TextIO

import structlog

HELD_S = 0.2
"""How long a line waits for a terminal that takes nothing."""


class _Unfailing(structlog.PrintLogger):
    """Loses a line that cannot be written, on a full disk or a terminal that is held (Ctrl-S): nothing else shall end, or wait, by it.

    Any thread may call it.
    """

    def msg(self, message: str) -> None:
        with suppress(OSError, ValueError):  # ValueError: the stream is closed
            if not _held(self._file):
                super().msg(message)

    log = debug = info = warn = warning = fatal = failure = err = error = critical = exception = msg


def _held(file: TextIO) -> bool:
    with suppress(OSError, ValueError):  # there is no descriptor to ask
        return file.isatty() and not select.select([], [file], [], HELD_S)[1]
    return False


def configure(level: str) -> None:
    """Sets up structlog: lines of `level` ("debug", "info", ...) and above, readable on a terminal, JSON with UTC time off one."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *(_for_people() if sys.stderr.isatty() else _for_programs()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: _Unfailing(sys.stderr),
    )


def _for_people() -> list[structlog.typing.Processor]:
    # Plain tracebacks: the pretty ones print local variables, and with them secrets.
    return [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]


def _for_programs() -> list[structlog.typing.Processor]:
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
