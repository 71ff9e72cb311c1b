"""Standard error led aside, so that what is written to it does not tear what stands on the same terminal."""

from __future__ import annotations

import os
import select
import threading
import tty
from collections import deque
from collections.abc import Iterator
from contextlib import suppress

MOST = 2000
"""Lines that may wait to be shown; then the oldest are dropped, and counted."""
_MOST_BYTES = 1 << 16  # of a line; what is longer becomes several
ERROR = 2
"""Descriptor of standard error."""


class Diverted:
    """What this process and its children write to standard error, from the making to `close`, line by line.

    It is led into a terminal of its own: whoever writes finds one there, as before, and so writes for people. The thread
    "stderr" takes it out at once, so that nobody waits who writes.
    """

    def __init__(self) -> None:
        """Leads it aside. Raises OSError."""
        self.dropped = 0
        """Lines that nobody got to see, in all."""
        self._lines: deque[str] = deque(maxlen=MOST)
        self._before = os.dup(ERROR)
        self._inner, outer = os.openpty()
        tty.setraw(outer)  # or it would put carriage returns in
        os.dup2(outer, ERROR)
        os.close(outer)
        self._wake, self._asleep = os.pipe()
        self._thread = threading.Thread(target=self._run, name="stderr", daemon=True)
        self._thread.start()

    def take(self) -> Iterator[str]:
        """The lines since the last time, and how many were dropped between them; one thread may call it."""
        dropped, self.dropped = self.dropped, 0
        if dropped:
            yield f"({dropped} lines were too many to be shown)"
        with suppress(IndexError):
            while True:
                yield self._lines.popleft()

    def close(self) -> None:
        """Leads standard error back; what was written until then can be taken. May be called twice."""
        if self._before < 0:
            return
        before, self._before = self._before, -1
        os.dup2(before, ERROR)
        os.close(before)
        os.close(self._asleep)  # wakes the thread
        self._thread.join(1.0)

    def _run(self) -> None:
        rest = b""
        while read := self._read():
            *whole, rest = (rest + read).split(b"\n")
            for line in whole:
                self._keep(line)
            if len(rest) > _MOST_BYTES:
                self._keep(rest)
                rest = b""
        if rest:
            self._keep(rest)
        os.close(self._inner)
        os.close(self._wake)

    def _read(self) -> bytes:
        """What was written; nothing once it is led back and all is read."""
        ready, _, _ = select.select([self._inner, self._wake], [], [])
        with suppress(OSError):  # the last who had it has closed it
            if self._inner in ready:
                return os.read(self._inner, _MOST_BYTES)
        return b""

    def _keep(self, line: bytes) -> None:
        if len(self._lines) == MOST:
            self.dropped += 1
        self._lines.append(line.decode(errors="replace").rstrip("\r"))
