"""A terminal with a program in it, whose screen a test can read."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import pyte

from tests.broker import until

# In the program's own process, before it becomes that program: its terminal becomes the one that Ctrl-C comes from, and Ctrl-C is
# obeyed, as it is not by what a script has put into the background.
_TAKE = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvpe(sys.argv[1], sys.argv[1:], os.environ)
"""

STILL_S = 0.05
"""After so long without a byte a frame is whole: the next one comes a quarter of a second after it."""


class Terminal:
    """Runs a program that finds a terminal on all three of its descriptors, but for those that are given; kills it at the end."""

    def __init__(
        self,
        *command: str | Path,
        size: tuple[int, int] = (100, 30),
        environment: Mapping[str, str] | None = None,
        **given: object,
    ) -> None:
        """Starts it; `size` is columns and rows."""
        self._ours, self.theirs = os.openpty()
        self.screen = pyte.HistoryScreen(*size, history=10_000, ratio=1.0)
        self._stream = pyte.ByteStream(self.screen)
        self.resize(*size)
        ends = {"stdin": self.theirs, "stdout": self.theirs, "stderr": self.theirs, **given}
        self.process = subprocess.Popen(
            [sys.executable, "-c", _TAKE, *map(str, command)],
            start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color", **(environment or {})},
            **ends,  # type: ignore[call-overload]
        )
        self._gone = threading.Event()
        self._reading = threading.Lock()
        self._fed_s = 0.0
        """When something was last written to it."""
        self._thread = threading.Thread(target=self._run, name="screen", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is not None:
            print("\n".join(self.all()))  # noqa: T201  # what the screen showed when the test failed
        self.process.kill()
        self.process.wait()
        self.hang_up()
        os.close(self.theirs)

    def lines(self) -> list[str]:
        """What stands on the screen, without what is empty at its end."""
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip().split("\n")

    def all(self) -> list[str]:
        """The same, after what has scrolled out above it."""
        above = ["".join(line[x].data for x in range(self.screen.columns)).rstrip() for line in list(self.screen.history.top)]
        return [*above, *self.lines()]

    def shows(self, *texts: str) -> list[str]:
        """The screen, as soon as all of these stand on it and no frame is half drawn."""
        found: list[str] = []

        def whole() -> bool:
            with self._reading:
                found[:] = self.lines()
                return time.monotonic() - self._fed_s > STILL_S and all(text in "\n".join(found) for text in texts)

        until(whole, timeout_s=90)
        return found

    def type(self, text: str) -> None:
        """Presses keys."""
        os.write(self._ours, text.encode())

    def resize(self, columns: int, rows: int) -> None:
        """Gives it another size, and says so to the program."""
        self.screen.resize(rows, columns)
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def echoes(self) -> bool:
        """Whether it shows what is typed."""
        return bool(termios.tcgetattr(self.theirs)[3] & termios.ECHO)

    def ended(self) -> int:
        """The exit code of the program, once all that it wrote is on the screen."""
        code = self.process.wait(60)
        os.write(self.theirs, b"\x1b]2;done\x07")  # a title: it shows nothing
        until(lambda: self.screen.title == "done")
        return code

    def signal(self, number: int) -> None:
        """Sends the program a signal."""
        self.process.send_signal(number)

    def hang_up(self) -> None:
        """Takes the terminal away; may be called twice."""
        if not self._gone.is_set():
            self._gone.set()
            self._thread.join()  # or it would read what the next terminal says, which is given the same descriptor
            os.close(self._ours)

    def _run(self) -> None:
        with suppress(OSError):  # hung up
            while not self._gone.is_set():
                if select.select([self._ours], [], [], 0.02)[0]:
                    read = os.read(self._ours, 1 << 16)
                    with self._reading:
                        self._stream.feed(read)
                        self._fed_s = time.monotonic()
