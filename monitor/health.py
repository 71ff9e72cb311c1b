"""What systemd is told: readiness, progress, state. One datagram each (sd_notify(3)); without systemd, nothing."""

from __future__ import annotations

import os
import socket
import time

_PATIENCE_S = 0.2
_ASK_S = 10.0


class Notifier:
    """Speaks to the service manager named by NOTIFY_SOCKET. Belongs to the pipeline's thread.

    The watchdog is fed by `progress` alone, at most at a quarter of its time: a pipeline that stands still is restarted.
    """

    def __init__(self) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET")
        self._every_s = int(os.environ.get("WATCHDOG_USEC", "0")) / 4e6
        self._fed_s = 0.0
        self._asked_s = -_ASK_S
        self.is_ready = False
        """Whether `ready` was said; any thread may read it."""
        self.progress_s: float | None = None
        """Monotonic time of the last progress, none before the first; any thread may read it."""

    def ready(self) -> None:
        """Says once that the model is warm and a source delivers."""
        if not self.is_ready:
            self.is_ready = True
            self._send("READY=1")

    def progress(self) -> None:
        """Feeds the watchdog; before a source has delivered, asks for more time to start, for it may be plugged in tomorrow."""
        self.progress_s = now_s = time.monotonic()
        if not self.is_ready and now_s - self._asked_s >= _ASK_S:
            self._asked_s = now_s
            self._send(f"EXTEND_TIMEOUT_USEC={int(6 * _ASK_S * 1e6)}")
        if self._every_s and now_s - self._fed_s >= self._every_s:
            self._fed_s = now_s
            self._send("WATCHDOG=1")

    def state(self, text: str) -> None:
        """Says in one line what goes on."""
        self._send(f"STATUS={text}")

    def reloading(self) -> None:
        """Says that a new configuration is being read."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def reloaded(self) -> None:
        """Says that it is in force, or was refused."""
        if self.is_ready:
            self._send("READY=1")

    def stopping(self) -> None:
        """Says that the end has begun."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:
            notify.settimeout(_PATIENCE_S)
            try:
                notify.sendto(message.encode(), address)
            except OSError:
                return  # the manager is away or does not read; nothing that hears may stop for it
