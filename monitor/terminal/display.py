"""The display of `run`: a thread that draws, on standard output, what others have left for it to read."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from io import TextIOBase

import structlog
from rich.console import Console
from rich.live import Live
from rich.text import Text

from monitor.sink.newest import Newest
from monitor.sink.vitals import Vitals
from monitor.terminal.diverted import ERROR, Diverted
from monitor.terminal.frame import frame
from monitor.terminal.keyboard import OUTPUT, Muted, in_front
from monitor.terminal.look import Looking

PERIOD_S = 0.25
"""From one frame to the next."""
CLOSE_S = 1.0
"""How long the end waits for a terminal that takes nothing (Ctrl-S)."""

log = structlog.get_logger(__name__)


class Display:
    """Draws until `close`, in the thread "terminal". The main thread makes and closes it; nobody ever waits for it but at the end.

    Where standard error is the same terminal it is led aside, and its lines are shown above what is drawn. Ctrl-Z gives the terminal
    back; in the background nothing is drawn.
    """

    def __init__(self, node: str, vitals: Vitals, newest: Newest) -> None:
        self.left: Callable[[], None] = lambda: None
        """Called once if the terminal is gone, in the thread "terminal"."""
        # A size in the environment is not that of a terminal that can be resized.
        around = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        output = _Unbuffered(OUTPUT, sys.stdout.encoding)
        self._console = Console(file=output, force_terminal=True, highlight=False, _environ=around)  # type: ignore[arg-type]
        self._looking = Looking(node, vitals, newest, began_unix_s=time.time())
        self._diverted = _diverted()
        self._keys = Muted(OUTPUT)
        self._closing = threading.Event()
        self._drawing = self._pausing = False  # no locks: a handler of signals looks at them
        self._stops = signal.signal(signal.SIGTSTP, self._stop)
        self._thread = threading.Thread(target=self._run, name="terminal", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Draws a last time and gives the terminal back as it was; may be called twice."""
        if self._closing.is_set():
            return
        signal.signal(signal.SIGTSTP, self._stops)
        if self._diverted is not None:
            self._diverted.close()
        self._closing.set()
        self._thread.join(CLOSE_S)
        self._keys.close()
        if self._thread.is_alive() and self._diverted is not None:
            _hush()
        with suppress(OSError, ValueError):  # where they are read if the thread could not show them
            sys.stderr.writelines(f"{line}\n" for line in self._untold())

    def _stop(self, *_: object) -> None:
        """Stops as everything does at Ctrl-Z, once nothing is drawn any more and the terminal is as it was."""
        self._pausing = True
        by_s = time.monotonic() + CLOSE_S
        while self._drawing and time.monotonic() < by_s:
            time.sleep(0.01)
        self._keys.close()
        before = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, before)
        self._pausing = False

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                self._drawing = True
                if not self._pausing and in_front(OUTPUT):
                    self._show()
                self._drawing = False
                self._closing.wait(PERIOD_S)
        except Exception as error:  # the terminal is gone, or a fault of ours: who hears goes on
            if self._diverted is not None:
                self._diverted.close()
            log.warning("terminal.left", reason=str(error), exc_info=not isinstance(error, OSError))
            self.left()

    def _show(self) -> None:
        """Draws until the end, a pause, or another size: what was drawn lies then where nobody knows, and the screen is cleared."""
        self._keys.again()
        size = self._console.size
        with Live(console=self._console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False) as live:
            while True:
                last, moved = self._closing.is_set() or self._pausing, self._console.size != size
                self._draw(live)
                if last or moved:
                    break
                self._closing.wait(PERIOD_S)
        if moved and not last:
            self._console.clear()

    def _draw(self, live: Live) -> None:
        width, height = self._console.size
        look = self._looking.look(time.time())
        live.update(frame(look, width=width, height=height - 1, ascii_only=self._console.options.ascii_only))
        if lines := self._untold():
            self._console.print(Text("\n").join(Text.from_ansi(line) for line in lines))
        live.refresh()

    def _untold(self) -> list[str]:
        """Lines of standard error that nobody has seen."""
        return [] if self._diverted is None else list(self._diverted.take())


class _Unbuffered(TextIOBase):
    """Writes past standard output's own buffer, for which the process would wait at its end while a write stands still."""

    def __init__(self, descriptor: int, encoding: str) -> None:
        self._descriptor = descriptor
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """That of standard output."""
        return self._encoding

    def write(self, text: str) -> int:
        """Writes it whole. Raises OSError."""
        rest = text.encode(self._encoding, errors="replace")
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
        return len(text)


def _hush() -> None:
    """Has standard error lead nowhere: on a terminal that takes nothing, whoever says a last word would wait for it for ever."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, ERROR)
    os.close(nowhere)


def _diverted() -> Diverted | None:
    """Standard error, led aside, if it is the terminal that is drawn on and there is another to lead it into."""
    with suppress(OSError):
        if os.isatty(ERROR) and os.fstat(ERROR).st_rdev == os.fstat(OUTPUT).st_rdev:
            return Diverted()
    return None
