"""A subscriber like anybody's: it knows the topics and nothing of the monitor, and notes when each event reached it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from monitor.errors import DiffmonError


@dataclass(frozen=True, slots=True)
class Heard:
    """One message."""

    at_s: float
    """Monotonic time of its arrival."""
    event: dict[str, Any]


class Subscriber:
    """A context manager; inside it, `heard` is called for every new message on the topic, once each, in a thread of its own."""

    def __init__(self, host: str, port: int, topic: str, heard: Callable[[Heard], None]) -> None:
        self._address = (host, port)
        self._topic = topic
        self._heard = heard
        self._seen: set[tuple[str, int]] = set()
        self._ready = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv311)
        self._client.on_connect = self._connected
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._arrived

    def __enter__(self) -> Subscriber:
        try:
            self._client.connect(*self._address)
        except OSError as error:
            raise DiffmonError(f"broker {self._address[0]}:{self._address[1]} cannot be reached: {error}") from None
        self._client.loop_start()
        if not self._ready.wait(10.0):
            raise DiffmonError(f"broker {self._address[0]}:{self._address[1]} does not let us subscribe")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _connected(self, client: Client, _data: object, _flags: ConnectFlags, _reason: ReasonCode, _properties: Properties | None) -> None:
        client.subscribe(self._topic, qos=1)

    def _arrived(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        now_s = time.monotonic()
        event = json.loads(message.payload)
        key = (event["id"], event["seq"])
        if key not in self._seen:  # at least once may be more than once
            self._seen.add(key)
            self._heard(Heard(now_s, event))
