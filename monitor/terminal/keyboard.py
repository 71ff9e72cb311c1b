"""Whose a terminal is, and a keyboard that does not write into what is shown on it."""

from __future__ import annotations

import os
import sys
import termios
from contextlib import suppress

OUTPUT = 1
"""Descriptor of standard output."""


def is_watched() -> bool:
    """Whether somebody looks at standard output: a terminal that can move its cursor, and is not the background's."""
    if not sys.stdout.isatty() or os.environ.get("TERM", "dumb") in ("dumb", "unknown"):
        return False
    with suppress(OSError):  # another session's
        return in_front(OUTPUT)
    return False


def in_front(descriptor: int) -> bool:
    """Whether this process has the terminal, and is not in the background, where drawing is in the shell's way. Raises OSError."""
    return os.tcgetpgrp(descriptor) == os.getpgrp()


class Muted:
    """A terminal that does not show what is typed, from `again` to `close`; Ctrl-C and the like work as before."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._before: list[object] | None = None

    def again(self) -> None:
        """Mutes it, also after a shell had it meanwhile."""
        with suppress(OSError, termios.error):
            modes = termios.tcgetattr(self._descriptor)
            if in_front(self._descriptor) and modes[3] & termios.ECHO:
                self._before = list(modes)
                modes[3] &= ~termios.ECHO
                termios.tcsetattr(self._descriptor, termios.TCSANOW, modes)

    def close(self) -> None:
        """Makes it as it was, and forgets what was typed meanwhile; may be called twice. In the background that is the shell's affair."""
        before, self._before = self._before, None
        with suppress(OSError, termios.error):
            if before is not None and in_front(self._descriptor):
                termios.tcflush(self._descriptor, termios.TCIFLUSH)
                termios.tcsetattr(self._descriptor, termios.TCSANOW, before)  # type: ignore[arg-type]
