"""What is on its way to the broker."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable

from monitor.sink.latest import Latest
from monitor.sink.outbox import Outbox
from monitor.sink.retained import Retained


class Outgoing:
    """Filled by the pipeline's thread, emptied by the thread "mqtt", which the bell wakes out of waiting for its socket."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        """Events."""
        self.retained = Retained()
        """Statuses and states."""
        self.latest: Latest[Callable[[], str]] = Latest()
        """Scores and statistics, as what writes them down: of most scores a newer one takes the place before."""
        self.acked_s: float | None = None
        """Monotonic time at which the broker last answered a publication; none before the first."""
        self._bell, self._ear = socket.socketpair()
        self._bell.setblocking(False)
        self._ear.setblocking(False)
        self._rung = False

    def ring(self) -> None:
        """Wakes the thread that waits; from any thread, also after `close`."""
        # Once until it is hushed: a call to the system for each of thousands of scores takes longer than the score.
        if not self._rung:
            self._rung = True
            with contextlib.suppress(OSError):
                self._bell.send(b"\0")

    def fileno(self) -> int:
        """Descriptor that becomes readable when the bell rings."""
        return self._ear.fileno()

    def hush(self) -> None:
        """Takes back the rings so far; what waits is to be looked for afterwards."""
        with contextlib.suppress(BlockingIOError):
            self._ear.recv(4096)
        # Not before: who rings in between would be taken for one who is still to be heard.
        self._rung = False

    def close(self) -> None:
        """Releases the bell and the outbox."""
        self._bell.close()
        self._ear.close()
        self.outbox.close()
