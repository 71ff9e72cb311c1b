"""The way to the broker, tried stage by stage: name, connection, encryption, login, publication."""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from paho.mqtt.client import Client
from paho.mqtt.enums import MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from monitor.sink.login import Login
from monitor.sink.session import RefusedError, SessionLostError, UnsupportedProtocolError, client_for

StageName = Literal["name", "connection", "encryption", "login", "publication"]
_TURN_S = 0.1


@dataclass(frozen=True, slots=True)
class Stage:
    """How far it was got."""

    name: StageName
    detail: str
    error: Exception | None = None
    """What stopped it there; none if it was passed."""


def probe(login: Login, topic: str, payload: str, *, within_s: float) -> Iterator[Stage]:
    """Every stage that is passed, and the one that is not; at the end the broker has acknowledged a message, which it does not retain."""
    way = _Way(login, time.monotonic() + within_s)
    stages: list[tuple[StageName, Callable[[], str]]] = [("name", way.resolve), ("connection", way.reach)]
    if login.tls is not None:
        stages.append(("encryption", way.encrypt))
    stages += [("login", way.enter), ("publication", lambda: way.publish(topic, payload))]
    try:
        for name, passed in stages:
            try:
                yield Stage(name, passed())
            except (OSError, UnicodeError, RefusedError, SessionLostError) as error:
                yield Stage(name, str(error), error)
                return
    finally:
        way.close()


class _Way:
    """What one stage leaves for the next."""

    def __init__(self, login: Login, deadline_s: float) -> None:
        self._login = login
        self._deadline_s = deadline_s
        self._addresses: list[tuple[Any, ...]] = []
        self._socket: socket.socket | None = None
        self._client: Client | None = None
        self._let_in: ReasonCode | None = None
        self._acknowledged: ReasonCode | None = None

    def _left_s(self) -> float:
        return max(_TURN_S, self._deadline_s - time.monotonic())

    def resolve(self) -> str:
        """The addresses that the name stands for."""
        # A lookup cannot be interrupted; the thread is left to itself.
        answer: queue.SimpleQueue[list[Any] | Exception] = queue.SimpleQueue()
        threading.Thread(target=_look_up, args=(self._login.host, self._login.port, answer), daemon=True).start()
        try:
            found = answer.get(timeout=self._left_s())
        except queue.Empty:
            raise TimeoutError(f"no answer for {self._login.host!r}") from None
        if isinstance(found, Exception):
            raise found
        self._addresses = [address for *_, address in found]
        return ", ".join(dict.fromkeys(str(address[0]) for address in self._addresses))

    def reach(self) -> str:
        """The first address that answers."""
        failure: OSError = ConnectionError("no address")
        for address in self._addresses:
            try:
                self._socket = socket.create_connection(address[:2], timeout=self._left_s() / 2)
            except OSError as error:
                failure = error
            else:
                return f"{address[0]} port {address[1]} answers"
        raise failure

    def encrypt(self) -> str:
        """By what the connection is encrypted."""
        assert self._socket is not None  # noqa: S101  # the stage before
        assert self._login.tls is not None  # noqa: S101  # else there is no such stage
        self._socket.settimeout(self._left_s())
        self._socket = encrypted = self._login.tls.wrap_socket(self._socket, server_hostname=self._login.host)
        return f"{encrypted.version()}, the certificate is trusted"

    def enter(self) -> str:
        """As whom the broker has let us in."""
        self._hang_up()
        try:
            protocol = self._enter(MQTTProtocolVersion.MQTTv5)
        except UnsupportedProtocolError:
            protocol = self._enter(MQTTProtocolVersion.MQTTv311)
        return f"let in as {self._login.username or 'nobody in particular'}, {protocol.name}"

    def publish(self, topic: str, payload: str) -> str:
        """Where the message went."""
        assert self._client is not None  # noqa: S101  # the stage before
        self._client.publish(topic, payload, qos=1)
        answer = self._until(lambda: self._acknowledged)
        if answer.is_failure:
            raise RefusedError(f"{topic}: {answer}")
        return f"{topic}: acknowledged"

    def close(self) -> None:
        """Leaves the broker."""
        self._hang_up()
        if self._client is not None:
            with suppress(OSError):
                self._client.disconnect()
            sock = self._client.socket()
            if sock is not None:
                sock.close()

    def _hang_up(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _enter(self, protocol: MQTTProtocolVersion) -> MQTTProtocolVersion:
        self._let_in = None
        self._client = client_for(self._login, protocol, self._left_s() / 2)
        self._client.on_connect = self._on_connect
        self._client.on_publish = self._on_publish
        self._client.connect(self._login.host, self._login.port, self._login.keepalive_s)
        answer = self._until(lambda: self._let_in)
        if answer.is_failure:
            kind = UnsupportedProtocolError if str(answer) == "Unsupported protocol version" else RefusedError
            raise kind(str(answer))
        return protocol

    def _until(self, answer: Callable[[], ReasonCode | None]) -> ReasonCode:
        """The broker's answer. Raises TimeoutError, SessionLostError."""
        assert self._client is not None  # noqa: S101  # it is asked through it
        state = MQTTErrorCode.MQTT_ERR_SUCCESS
        while (found := answer()) is None:
            if state != MQTTErrorCode.MQTT_ERR_SUCCESS:
                raise SessionLostError("the broker closes the connection")
            if time.monotonic() > self._deadline_s:
                raise TimeoutError("the broker does not answer")
            state = self._client.loop(_TURN_S)
        return found

    def _on_connect(self, client: Client, userdata: Any, flags: Any, reason: ReasonCode, properties: Any) -> None:
        self._let_in = reason

    def _on_publish(self, client: Client, userdata: Any, mid: int, reason: ReasonCode, properties: Any) -> None:
        self._acknowledged = reason


def _look_up(host: str, port: int, answer: queue.SimpleQueue[list[Any] | Exception]) -> None:
    """Puts addresses, or why there are none."""
    try:
        answer.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError) as error:
        answer.put(error)
