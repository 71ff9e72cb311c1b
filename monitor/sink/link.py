"""Events on their way to a broker, and nothing else: no status, no state, no last will."""

from __future__ import annotations

import time

import structlog

from monitor.records import Event
from monitor.sink import Inbox
from monitor.sink.connection import Connection
from monitor.sink.login import Login
from monitor.sink.outgoing import Outgoing
from monitor.sink.vitals import Delivery

DRAIN_S = 3.0
"""How long events are waited for to be acknowledged."""
GOODBYE_S = 1.0
"""How long the end waits for what else there is to say."""
_PATIENCE_S = 0.2  # of it, for the thread to end

log = structlog.get_logger(__name__)


class Link:
    """A connection that keeps trying, and what waits for it. One thread calls it and never waits for the broker, but in `close`.

    A replay publishes through it alone, beside a daemon whose retained topics it must not touch.

    Args:
        root: what the topics begin with, `<topic>/<node>`.
    """

    def __init__(self, login: Login, outgoing: Outgoing, *, root: str, incoming: Inbox | None = None) -> None:
        """Starts connecting and goes on trying."""
        self._root = root
        self._outgoing, self._incoming = outgoing, incoming
        self._connection = Connection(login, outgoing, incoming)

    def event(self, event: Event) -> None:
        """Queues the event until the broker acknowledges it."""
        outbox = self._outgoing.outbox
        dropped = outbox.dropped
        outbox.put(f"{self._root}/{event.stream}/event", event)
        if dropped == 0 < outbox.dropped:
            log.warning("mqtt.dropped", reason="the queue of events is full, from now on the oldest are lost")
        self._outgoing.ring()

    def counters(self) -> dict[str, object]:
        """Whether the broker is there, how long ago it last answered (s), and how many events it has, were dropped, still wait."""
        now = self.delivery()
        return {
            "mqtt.connected": now.connected,
            "mqtt.ack_age_s": None if now.acked_s is None else round(time.monotonic() - now.acked_s, 1),
            "mqtt.sent": now.sent,
            "mqtt.dropped": now.dropped,
            "mqtt.waiting": now.waiting,
        }

    def delivery(self) -> Delivery:
        """How events get to the broker, as it is now; from any thread, also after `close`."""
        outbox = self._outgoing.outbox
        return Delivery(
            connected=self._connection.connected,
            acked_s=self._outgoing.acked_s,
            sent=outbox.sent,
            dropped=outbox.dropped,
            waiting=len(outbox),
            disk_failed=outbox.disk_failed,
        )

    def renew(self, login: Login) -> None:
        """Says what there is left to say, and connects anew by another login."""
        self._connection.close(GOODBYE_S)
        self._connection = Connection(login, self._outgoing, self._incoming)

    @property
    def hopeful(self) -> bool:
        """As `Connection.hopeful`."""
        return self._connection.hopeful

    def drain(self, timeout_s: float = DRAIN_S) -> int:
        """How many events are still unacknowledged after a few seconds of waiting."""
        if not self._outgoing.outbox.wait_empty(timeout_s):
            log.warning("mqtt.unsent", events=len(self._outgoing.outbox))
        return len(self._outgoing.outbox)

    def close(self, timeout_s: float = GOODBYE_S) -> None:
        """Says what there is left to say, if the broker is there, and leaves, within the time. May be called twice."""
        self._connection.close(timeout_s - _PATIENCE_S, patience_s=_PATIENCE_S)
        self._outgoing.close()
