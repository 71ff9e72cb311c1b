"""Events, states and scores for an MQTT broker."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import get_args

from monitor.command import text_of
from monitor.config import MqttConfig
from monitor.records import Command, Event, Reading, StreamStatus, Switch
from monitor.sink import homeassistant
from monitor.sink.incoming import Incoming
from monitor.sink.link import GOODBYE_S, Link
from monitor.sink.login import Login, login
from monitor.sink.outbox import Outbox
from monitor.sink.outgoing import Outgoing
from monitor.sink.payload import json_text, reading_payload
from monitor.sink.vitals import Delivery

CLOSE_S = 2.5
"""How long the end may take."""
_REMEMBERED = 200  # streams


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
        home: str | None = None,
    ) -> None:
        """Starts connecting and goes on trying; `close` closes the outbox. A command is handed to `commanded` in the thread "mqtt".

        `home` is the prefix under which Home Assistant looks for devices; none if it is not told of us.

        Raises SettingError if the password or the certificates cannot be read.
        """
        self._root = f"{topic}/{node}"
        self._streams = tuple(streams)
        self._closed = False
        self._node = node
        me = self._login(config)
        self._outgoing = Outgoing(outbox)
        self._outgoing.retained.put(f"{self._root}/status", "online")
        for stream in self._streams:
            self._outgoing.retained.put(self._topic(stream, "status"), "starting")
            self._outgoing.retained.put(self._topic(stream, "state"), "OFF")
        births = self._announce(outbox, home)
        incoming = Incoming(self._root, self._streams, commanded, births)
        self._link = Link(me, self._outgoing, root=self._root, incoming=incoming)

    def event(self, event: Event) -> None:
        """Queues the event until the broker acknowledges it; sets the stream's state ON, or OFF at the end."""
        self._link.event(event)
        self._outgoing.retained.put(self._topic(event.stream, "state"), "OFF" if event.type == "end" else "ON")
        self._outgoing.ring()

    def reading(self, reading: Reading) -> None:
        """Publishes the latest score of a stream, at most once a second."""
        self._outgoing.latest.put(self._topic(reading.stream, "score"), partial(reading_payload, reading))
        self._outgoing.ring()

    def status(self, stream: str, status: StreamStatus) -> None:
        """Sets the stream's status."""
        self._outgoing.retained.put(self._topic(stream, "status"), status)
        self._outgoing.ring()

    def switch(self, stream: str, switch: Switch, value: bool | float | str) -> None:
        """Says what is in force on a stream."""
        self._outgoing.retained.put(self._topic(stream, f"{switch}/state"), text_of(value))
        self._outgoing.ring()

    def picture(self, stream: str, png: bytes) -> None:
        """Publishes the picture of a stream's last event."""
        self._outgoing.retained.put(self._topic(stream, "picture"), png)
        self._outgoing.ring()

    def reconfigure(self, config: MqttConfig) -> None:
        """Goes to another broker, or to the same one as somebody else; nothing that waits is lost. Raises SettingError."""
        me = self._login(config)
        # The old broker must not go on saying that we are there.
        self._outgoing.retained.put(f"{self._root}/status", "offline")
        self._link.renew(me)
        self._outgoing.retained.put(f"{self._root}/status", "online")
        self._outgoing.ring()

    def stats(self, stats: dict[str, object]) -> None:
        """Publishes the node's counters, and those of this sink; and its status again, whose acknowledgement says that all is well."""
        self._outgoing.retained.repeat(f"{self._root}/status")
        self._outgoing.latest.put(f"{self._root}/stats", partial(json_text, stats | self.counters()))
        self._outgoing.ring()

    def counters(self) -> dict[str, object]:
        """As `Link.counters`."""
        return self._link.counters()

    def delivery(self) -> Delivery:
        """As `Link.delivery`."""
        return self._link.delivery()

    def close(self) -> None:
        """Waits for the events' acknowledgement if there is hope, says `offline`, leaves: within `CLOSE_S`. May be called twice."""
        if self._closed:
            return
        self._closed = True
        self._link.drain(CLOSE_S - GOODBYE_S if self._link.hopeful else 0.0)
        for stream in self._streams:
            self.status(stream, "offline")
        self._outgoing.retained.put(f"{self._root}/status", "offline")
        self._link.close()

    def _login(self, config: MqttConfig) -> Login:
        return login(config, node=self._node, will_topic=f"{self._root}/status")

    def _announce(self, outbox: Outbox, home: str | None) -> tuple[str, Callable[[], None]] | None:
        """Clears the topics of streams that are gone, tells Home Assistant what there is; when to tell it again, and how."""
        gone = _gone(outbox, self._streams)
        for stream in gone:
            for leaf in ("status", "state", "picture", *(f"{switch}/state" for switch in get_args(Switch))):
                self._outgoing.retained.put(self._topic(stream, leaf), "")
        device = "" if home is None else homeassistant.topic(home, self._node)
        before = outbox.kept("homeassistant") or ""
        if before and before != device:
            self._outgoing.retained.put(before, "")
        outbox.keep("homeassistant", device)
        if home is None:
            return None
        self._outgoing.retained.put(device, homeassistant.discovery(self._root, self._node, self._streams, gone))
        return f"{home}/status", lambda: self._outgoing.retained.repeat(device)

    def _topic(self, stream: str, leaf: str) -> str:
        return f"{self._root}/{stream}/{leaf}"


def _gone(outbox: Outbox, streams: Sequence[str]) -> list[str]:
    """Streams that were once published and are no more; those that are now are kept in mind."""
    before = json.loads(outbox.kept("streams") or "[]")
    known = list(dict.fromkeys([*streams, *before]))[:_REMEMBERED]
    outbox.keep("streams", json.dumps(known))
    return known[len(set(streams)) :]
