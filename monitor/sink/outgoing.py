"""What is on its way to the broker."""

from __future__ import annotations

import contextlib
import socket

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
        self.latest = Latest()
        """Scores and statistics."""
        self.acked_s: float | None = None
        """Monotonic time at which the broker last answered a publication; none before the first."""
        self._bell, self._ear = socket.socketpair()
        self._bell.setblocking(False)
        self._ear.setblocking(False)

    def ring(self) -> None:
        """Wakes the thread that waits; from any thread, also after `close`."""
        # A full pipe wakes as well as one byte more would.
        with contextlib.suppress(OSError):
            self._bell.send(b"\0")

    def fileno(self) -> int:
        """Descriptor that becomes readable when the bell rings."""
        return self._ear.fileno()

    def hush(self) -> None:
        """Takes back the rings so far."""
        with contextlib.suppress(BlockingIOError):
            self._ear.recv(4096)

    def close(self) -> None:
        """Releases the bell and the outbox."""
        self._bell.close()
        self._ear.close()
        self.outbox.close()
