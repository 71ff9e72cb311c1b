"""A real MQTT broker and a subscriber for tests."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


def until(condition: Callable[[], object], *, timeout_s: float = 60.0) -> None:
    """Returns as soon as the condition holds; fails after the time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s} s"
        time.sleep(0.005)


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


class Mosquitto:
    """A Mosquitto on a loopback port of its own, with sessions that survive `stop` and `start`."""

    def __init__(self, folder: Path, *settings: str, anonymous: bool = True) -> None:
        """Writes the configuration, with `settings` as further lines; `start` starts it."""
        binary = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/sbin")
        assert binary, "mosquitto is missing, install it: apt-get install -y mosquitto"
        self.port = free_port()
        self.log = folder / "mosquitto.log"
        self._file = folder / "mosquitto.conf"
        self._binary = binary
        self._process: subprocess.Popen[bytes] | None = None
        lines = [
            # Otherwise a broker started by root gives up its rights and cannot read the folder.
            "user root",
            "per_listener_settings false",
            f"allow_anonymous {str(anonymous).lower()}",
            "persistence true",
            f"persistence_location {folder}/",
            f"listener {self.port} 127.0.0.1",
            *settings,
        ]
        self._file.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def start(self) -> Self:
        """Starts the broker and waits until it answers."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen([self._binary, "-c", str(self._file)], stdout=log, stderr=log)
        until(lambda: self._process is None or self._process.poll() is not None or _answers(self.port))
        assert self._process.poll() is None, self.log.read_text(encoding="utf-8")
        return self

    def stop(self) -> None:
        """Ends the broker in good order; may be called twice."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            self._process.wait(60)
            self._process = None

    def signal(self, number: signal.Signals) -> None:
        """Sends the process a signal, such as SIGSTOP, SIGCONT or SIGHUP."""
        assert self._process is not None
        self._process.send_signal(number)


@contextmanager
def amqtt() -> Iterator[int]:
    """The port of a broker in Python that speaks MQTT 3.1.1 alone."""
    import asyncio
    import logging

    from amqtt.broker import Broker

    logging.getLogger("amqtt").setLevel(logging.CRITICAL)
    logging.getLogger("transitions").setLevel(logging.CRITICAL)
    port, ready, done = free_port(), threading.Event(), asyncio.Event()
    config: dict[str, Any] = {
        "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        broker = Broker(config)
        await broker.start()
        ready.set()
        await done.wait()
        await broker.shutdown()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), name="amqtt")
    thread.start()
    assert ready.wait(60)
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(60)
        loop.close()


@dataclass(frozen=True, slots=True)
class Received:
    """One message, as a subscriber gets it."""

    topic: str
    payload: str
    qos: int
    retain: bool
    time_s: float
    """Monotonic."""
    expiry_s: int | None
    """How long the broker would have kept it; none for ever."""


class Subscriber:
    """A subscriber with a session that outlives the broker's restart; a context manager."""

    def __init__(
        self,
        port: int,
        topic: str = "#",
        *,
        login: tuple[str, str] | None = None,
        protocol: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv5,
    ) -> None:
        """Connects and waits until subscribed."""
        self.messages: list[Received] = []
        self._topic = topic
        self.subscribed = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=f"subscriber-{id(self)}", protocol=protocol)
        self._client.reconnect_delay_set(1, 1)
        if login is not None:
            self._client.username_pw_set(*login)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self.subscribed.set()
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port, **_lasting(protocol))
        self._client.loop_start()
        assert self.subscribed.wait(60)

    def on(self, topic: str) -> list[str]:
        """Payloads of one topic so far, in order."""
        return [m.payload for m in list(self.messages) if m.topic == topic]

    def wait(self, topic: str, payloads: Iterable[str], *, timeout_s: float = 60.0) -> None:
        """Returns when the last payloads of the topic are these; fails after the time."""
        expected = list(payloads)
        until(lambda: self.on(topic)[-len(expected) :] == expected, timeout_s=timeout_s)

    def close(self) -> None:
        """Leaves the broker."""
        self._client.disconnect()
        self._client.loop_stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _on_connect(self, client: Client, *_: object) -> None:
        client.subscribe(self._topic, qos=1)

    def _on_message(self, client: Client, userdata: object, message: MQTTMessage) -> None:
        expiry_s = getattr(message.properties, "MessageExpiryInterval", None)
        self.messages.append(
            Received(message.topic, message.payload.decode(errors="replace"), message.qos, message.retain, time.monotonic(), expiry_s)
        )


def _lasting(protocol: MQTTProtocolVersion) -> dict[str, Any]:
    """Arguments of a connect whose session the broker keeps."""
    if protocol != MQTTProtocolVersion.MQTTv5:
        return {}
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = 60
    return {"clean_start": False, "properties": properties}
