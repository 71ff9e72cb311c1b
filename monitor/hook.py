"""A program of the user's that is run for every step in an event's life."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from typing import Any

import structlog

from monitor.backlog import Backlog
from monitor.records import Event

CAPACITY = 100
"""Steps that may wait for the program; then the oldest is dropped."""
KILLED_S = 30.0
"""A program that takes longer is killed."""
GRACE_S = 3.0
"""How long one that is at work may go on at the end."""
_TICK_S = 0.25
_STDERR = 2
_LONGEST = 1000

log = structlog.get_logger(__name__)


class Hook:
    """Runs the program in a thread of its own, one after another. `put` may come from any thread, `close` from one.

    It gets the event as JSON on standard input, and its plain fields in the environment: DIFFMON_TYPE, DIFFMON_STREAM and so on.
    What it prints goes to standard error, so that standard output holds events alone.
    """

    def __init__(self, command: Sequence[str], *, killed_s: float = KILLED_S) -> None:
        self._command = list(command)
        self._killed_s = killed_s
        self._waiting: Backlog[Mapping[str, Any]] = Backlog(CAPACITY, of=f"steps for {command[0]}")
        self._closing = threading.Event()
        self._program: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name="exec", daemon=True)
        self._thread.start()

    def put(self, event: Mapping[str, Any]) -> None:
        """Queues a step."""
        self._waiting.put(event)

    def close(self) -> None:
        """Begins nothing more, and ends a program that does not end itself soon. May be called twice."""
        self._closing.set()
        self._thread.join(GRACE_S)
        if self._thread.is_alive() and self._program is not None:
            _kill(self._program)
            self._thread.join(GRACE_S)
        if len(self._waiting):
            log.warning("exec.left", steps=len(self._waiting), reason="they still waited at the end")

    def _run(self) -> None:
        while not self._closing.is_set():
            event = self._waiting.take(_TICK_S)
            if event is not None:
                self._tell(event)

    def _tell(self, event: Mapping[str, Any]) -> None:
        """Runs the program; what goes wrong is said."""
        about = {"command": self._command[0], "id": event["id"], "seq": event["seq"]}
        try:
            code = self._finished(event)
        except subprocess.TimeoutExpired:
            log.warning("exec.killed", **about, reason=f"not done after {self._killed_s:g} s")
        except (OSError, ValueError) as error:
            log.warning("exec.failed", **about, reason=str(error))
        else:
            if code:
                log.warning("exec.failed", **about, exit_code=code)

    def _finished(self, event: Mapping[str, Any]) -> int:
        """The program's exit code. Raises OSError if it cannot be run, TimeoutExpired if it had to be killed."""
        # In a group of its own: what it starts is killed with it, and a Ctrl-C at our terminal is not meant for it.
        with subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=_STDERR, env=os.environ | variables(event), start_new_session=True
        ) as program:
            self._program = program
            try:
                program.communicate(json.dumps(event).encode(), timeout=self._killed_s)
            finally:
                _kill(program)
        return program.returncode


def variables(event: Mapping[str, Any]) -> dict[str, str]:
    """The plain fields of an event as environment variables; what the payload lacks is left out."""
    found = {field.name: event.get(field.name) for field in fields(Event)}
    return {f"DIFFMON_{key.upper()}": _text(value) for key, value in found.items() if isinstance(value, str | int | float)}


def _text(value: str | float) -> str:
    """As the payload has it; what no environment can hold is replaced, or cut off."""
    text = value[:_LONGEST] if isinstance(value, str) else json.dumps(value)
    return text.encode(errors="replace").decode().replace("\0", "?")


def _kill(program: subprocess.Popen[bytes]) -> None:
    """Ends a program that still runs, and what it has started."""
    if program.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)
