"""One connection to the broker."""

from __future__ import annotations

import select
import time
from types import TracebackType
from typing import Any

import structlog
from paho.mqtt.client import Client, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from monitor.sink import Inbox
from monitor.sink.login import Login
from monitor.sink.outbox import Message
from monitor.sink.outgoing import Outgoing

IN_FLIGHT = 20
"""Publications that may wait for their acknowledgement at one time."""
TICK_S = 1.0
"""Longest wait between two looks at the keepalive."""
REFUSED_RETRY_S = 4.0
"""Pause before what was refused is sent again; the broker's access rules may have changed."""

log = structlog.get_logger(__name__)


class SessionLostError(Exception):
    """The connection broke; the message says why."""


class RefusedError(Exception):
    """The broker does not let us in; the message is its reason."""


class UnsupportedProtocolError(RefusedError):
    """The broker does not speak the protocol version offered."""


class Session:
    """From CONNECT to the end of the connection. All of it runs in the thread "mqtt"; a client of its own, so nothing is left over."""

    def __init__(
        self, login: Login, outgoing: Outgoing, incoming: Inbox | None = None, *, protocol: MQTTProtocolVersion, timeout_s: float
    ) -> None:
        """Opens the socket, waiting at most `timeout_s` for each address. Raises OSError or SessionLostError."""
        self.connected = False
        """Whether the broker has let us in."""
        self._outgoing = outgoing
        self._incoming, self._protocol = incoming, protocol
        self._flight: dict[int, Message] = {}
        self._window = IN_FLIGHT
        self._cursor = 0
        self._retry_at_s: float | None = None
        self._refused_topics: set[str] = set()
        self._failure: Exception | None = None
        self._client = client_for(login, protocol, timeout_s)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        try:
            self._client.connect(login.host, login.port, login.keepalive_s)
        except UnicodeError as error:
            raise SessionLostError(f"{login.host!r} is no host name: {error}") from None

    def step(self) -> None:
        """Sends what waits, then reads what comes, for a tick at most. Raises SessionLostError or RefusedError at the end."""
        if self.connected:
            self._send()
        self._exchange()
        self._client.loop_misc()
        if self._failure is not None:
            raise self._failure

    @property
    def idle(self) -> bool:
        """Whether every retained value and every event sent has been acknowledged."""
        return self.connected and not self._flight and not self._outgoing.retained

    def goodbye(self) -> None:
        """Leaves in good order: the broker forgets the last will."""
        self._client.disconnect()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        sock = self._client.socket()
        if sock is not None:
            sock.close()

    def _exchange(self) -> None:
        """Reads and writes what the socket allows, within a tick or until the bell rings."""
        sock = self._client.socket()
        if sock is None:
            raise self._failure or SessionLostError("connection closed")
        poll = select.poll()  # Unlike select, without a bound on descriptors.
        poll.register(sock.fileno(), select.POLLIN | (select.POLLOUT if self._client.want_write() else 0))
        poll.register(self._outgoing.fileno(), select.POLLIN)
        decrypted = getattr(sock, "pending", int)()
        ready = dict(poll.poll(0 if decrypted else self._wait_ms()))
        self._outgoing.hush()
        events = ready.get(sock.fileno(), 0)
        if decrypted or events & ~select.POLLOUT:
            self._client.loop_read()
        if events & select.POLLOUT:
            self._client.loop_write()

    def _wait_ms(self) -> float:
        may_send = self.connected and not self._client.want_write()
        wait_s = self._outgoing.latest.wait_s(time.monotonic()) if may_send else TICK_S
        # Rounded up, or a wait of half a millisecond would spin.
        return 1000 * min(TICK_S, wait_s) + 1

    def _send(self) -> None:
        """Publishes what waits, unless the socket is still busy with what went before."""
        if self._client.want_write():
            return
        if self._retry_at_s is not None and time.monotonic() >= self._retry_at_s:
            self._begin_again()
        while len(self._flight) < self._window and (self._send_retained() or self._send_event()):
            pass
        self._send_latest()

    def _send_latest(self) -> None:
        # Nobody acknowledges these: to be told that each is on its way would take twice as long as to send it.
        self._client.on_publish = None
        try:
            for topic, payload in self._outgoing.latest.take(time.monotonic()):
                self._client.publish(topic, payload(), qos=0)
        finally:  # an event is done with when it is acknowledged
            self._client.on_publish = self._on_publish

    def _send_retained(self) -> bool:
        change = self._outgoing.retained.take()
        if change is None:
            return False
        message = Message(0, *change)
        self._flight[self._client.publish(message.topic, message.payload, qos=1, retain=True).mid] = message
        return True

    def _send_event(self) -> bool:
        message = self._outgoing.outbox.after(self._cursor)
        while message is not None and message in self._flight.values():
            message = self._outgoing.outbox.after(message.id)
        if message is None:
            return False
        properties = self._expiry(message)
        self._flight[self._client.publish(message.topic, message.payload, qos=1, properties=properties).mid] = message
        self._cursor = message.id
        return True

    def _expiry(self, message: Message) -> Properties | None:
        """How long the broker shall keep it for a subscriber that is away; MQTT 3.1.1 cannot be told."""
        if message.life_s is None or self._client.protocol != MQTTProtocolVersion.MQTTv5:
            return None
        properties = Properties(PacketTypes.PUBLISH)
        properties.MessageExpiryInterval = max(1, round(message.life_s))
        return properties

    def _begin_again(self) -> None:
        """Makes everything that is not acknowledged one to send."""
        self._retry_at_s, self._cursor = None, 0
        self._outgoing.retained.renew()

    def _on_connect(self, client: Client, userdata: Any, flags: Any, reason: ReasonCode, properties: Any) -> None:
        if reason.is_failure:
            name = str(reason)
            self._failure = UnsupportedProtocolError(name) if name == "Unsupported protocol version" else RefusedError(name)
            return
        self._window = min(IN_FLIGHT, getattr(properties, "ReceiveMaximum", IN_FLIGHT))
        self._begin_again()
        self.connected = True
        if self._incoming is not None:
            client.subscribe([self._wish(topic) for topic in self._incoming.topics])

    def _wish(self, topic: str) -> Any:
        """A subscription that tells what was retained from what was not, also of what comes later; MQTT 3.1.1 cannot be asked for that."""
        return (topic, 1) if self._protocol is MQTTProtocolVersion.MQTTv311 else (topic, SubscribeOptions(qos=1, retainAsPublished=True))

    def _on_subscribe(self, client: Client, userdata: Any, mid: int, reasons: list[ReasonCode], properties: Any) -> None:
        if self._incoming is not None:
            self._incoming.subscribed([str(reason) for reason in reasons if reason.is_failure])

    def _on_message(self, client: Client, userdata: Any, message: MQTTMessage) -> None:
        if self._incoming is not None:
            self._incoming.take(message.topic, bytes(message.payload), retained=message.retain)

    def _on_disconnect(self, client: Client, userdata: Any, flags: DisconnectFlags, reason: ReasonCode, properties: Any) -> None:
        # May come twice, and after a refusal, which says more.
        if self._failure is None:
            name = str(reason)
            self._failure = SessionLostError("connection closed by the broker" if name == "Unspecified error" else name)

    def _on_publish(self, client: Client, userdata: Any, mid: int, reason: ReasonCode, properties: Any) -> None:
        if mid not in self._flight:
            return  # QoS 0
        message = self._flight.pop(mid)
        self._outgoing.acked_s = time.monotonic()
        if reason.is_failure:
            self._publication_refused(message.topic, str(reason))
        elif message.id:
            self._outgoing.outbox.done(message)

    def _publication_refused(self, topic: str, reason: str) -> None:
        """Says so once a topic and connection; it is tried again later and holds nothing else up."""
        if topic not in self._refused_topics:
            self._refused_topics.add(topic)
            log.warning("mqtt.refused", topic=topic, reason=reason)
        if self._retry_at_s is None:
            self._retry_at_s = time.monotonic() + REFUSED_RETRY_S


def client_for(login: Login, protocol: MQTTProtocolVersion, timeout_s: float) -> Client:
    """A client that knows the login and its last will, and never reconnects by itself."""
    client = Client(CallbackAPIVersion.VERSION2, client_id=login.client_id, protocol=protocol, reconnect_on_failure=False)
    client.connect_timeout = timeout_s
    if login.will_topic is not None:
        client.will_set(login.will_topic, "offline", qos=1, retain=True)
    if login.username is not None:
        client.username_pw_set(login.username, login.password)
    if login.tls is not None:
        client.tls_set_context(login.tls)
    return client
