"""Events, states and scores for an MQTT broker."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from monitor.command import text_of
from monitor.config import MqttConfig
from monitor.records import Command, Event, Reading, StreamStatus, Switch
from monitor.sink.incoming import Incoming
from monitor.sink.link import Link
from monitor.sink.login import login
from monitor.sink.outbox import Outbox
from monitor.sink.outgoing import Outgoing
from monitor.sink.payload import json_text, reading_payload
from monitor.sink.vitals import Delivery


class Mqtt:
    """A sink that publishes below `<topic>/<node>`. One thread calls it and never waits for the broker, but in `close`."""

    def __init__(
        self,
        config: MqttConfig,
        outbox: Outbox,
        *,
        node: str,
        topic: str,
        streams: Sequence[str],
        commanded: Callable[[Command], None] = lambda command: None,
    ) -> None:
        """Starts connecting and goes on trying; `close` closes the outbox. A command is handed to `commanded` in the thread "mqtt".

        Raises ConfigError if the password or the certificates cannot be read.
        """
        self._root = f"{topic}/{node}"
        self._streams = tuple(streams)
        self._closed = False
        me = login(config, node=node, will_topic=f"{self._root}/status")
        self._outgoing = Outgoing(outbox)
        self._outgoing.retained.put(f"{self._root}/status", "online")
        for stream in self._streams:
            self._outgoing.retained.put(self._topic(stream, "status"), "starting")
            self._outgoing.retained.put(self._topic(stream, "state"), "OFF")
        incoming = Incoming(self._root, self._streams, commanded)
        self._link = Link(me, self._outgoing, root=self._root, incoming=incoming)

    def event(self, event: Event) -> None:
        """Queues the event until the broker acknowledges it; sets the stream's state ON, or OFF at the end."""
        self._link.event(event)
        self._outgoing.retained.put(self._topic(event.stream, "state"), "OFF" if event.type == "end" else "ON")
        self._outgoing.ring()

    def reading(self, reading: Reading) -> None:
        """Publishes the latest score of a stream, at most once a second."""
        self._outgoing.latest.put(self._topic(reading.stream, "score"), reading_payload(reading))
        self._outgoing.ring()

    def status(self, stream: str, status: StreamStatus) -> None:
        """Sets the stream's status."""
        self._outgoing.retained.put(self._topic(stream, "status"), status)
        self._outgoing.ring()

    def switch(self, stream: str, switch: Switch, value: bool | float | str) -> None:
        """Says what is in force on a stream."""
        self._outgoing.retained.put(self._topic(stream, f"{switch}/state"), text_of(value))
        self._outgoing.ring()

    def stats(self, stats: dict[str, object]) -> None:
        """Publishes the node's counters, and those of this sink; and its status again, whose acknowledgement says that all is well."""
        self._outgoing.retained.repeat(f"{self._root}/status")
        self._outgoing.latest.put(f"{self._root}/stats", json_text(stats | self.counters()))
        self._outgoing.ring()

    def counters(self) -> dict[str, object]:
        """As `Link.counters`."""
        return self._link.counters()

    def delivery(self) -> Delivery:
        """As `Link.delivery`."""
        return self._link.delivery()

    def close(self) -> None:
        """Waits a few seconds for the events' acknowledgement, says `offline`, leaves. May be called twice."""
        if self._closed:
            return
        self._closed = True
        self._link.drain()
        for stream in self._streams:
            self.status(stream, "offline")
        self._outgoing.retained.put(f"{self._root}/status", "offline")
        self._link.close()

    def _topic(self, stream: str, leaf: str) -> str:
        return f"{self._root}/{stream}/{leaf}"
