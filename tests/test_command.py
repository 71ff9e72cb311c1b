"""Commands over MQTT: what is obeyed, and what is refused with a reason."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from queue import SimpleQueue
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from monitor.command import CommandError, parse, text_of
from monitor.config import MqttConfig
from monitor.records import Command, Switch
from monitor.sink.mqtt import Mqtt
from monitor.sink.outbox import Outbox
from tests.broker import Mosquitto, Subscriber, until

GOOD = [
    ("enabled", b"ON", True),
    ("enabled", b" OFF\n", False),
    ("false_alarms_per_day", b"0.25", 0.25),
    ("silence_min", b"0", 0.0),
    ("silence_min", b"30", 30.0),
    ("mark_normal", b"0123456789abcdef", "0123456789abcdef"),
]


@pytest.mark.parametrize(("switch", "payload", "value"), GOOD)
def test_a_command_is_read(switch: str, payload: bytes, value: object) -> None:
    """Each switch has its own kind of value."""
    assert Command("fan", switch, value) == parse("fan", switch, payload)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("switch", "payload", "expected"),
    [
        ("enabled", b"on", "'on': expected ON or OFF"),
        ("enabled", b"", "'': expected ON or OFF"),
        ("false_alarms_per_day", b"0", "'0': expected a number from 0.01 to 1000"),
        ("false_alarms_per_day", b"nan", "'nan': expected a number from 0.01 to 1000"),
        ("silence_min", b"-1", "'-1': expected a number from 0 to 10080"),
        ("silence_min", b"1e3", "'1e3': expected a number from 0 to 10080"),
        ("silence_min", "٣".encode() * 3, "expected a number"),
        ("mark_normal", b"../../etc/passwd", "expected the id of an event, 16 hex digits"),
        ("mark_normal", b"0" * 1_000_000, "'0000000000000000000000000000000000000000': expected the id"),
        ("volume", b"11", "no switch 'volume', expected one of enabled, false_alarms_per_day, silence_min, mark_normal"),
        ("enabled", b"\xff", "is not UTF-8 text"),
    ],
)
def test_what_is_none_is_refused_in_a_sentence(switch: str, payload: bytes, expected: str) -> None:
    """What came, shortened, and what was expected."""
    with pytest.raises(CommandError) as error:
        parse("fan", switch, payload)
    assert expected in str(error.value)


@given(st.sampled_from([*get_args(Switch), ""]) | st.text(max_size=9), st.binary(max_size=40) | st.text(max_size=9).map(str.encode))
@settings(max_examples=1000, deadline=None, derandomize=True)
def test_whatever_comes_is_a_command_or_a_sentence(switch: str, payload: bytes) -> None:
    """A thousand malformed ones; a command that is read is published as a text that is read as the same."""
    try:
        command = parse("fan", switch, payload)
    except CommandError as error:
        assert "\n" not in str(error)  # noqa: PT017  # a right one is right, too
    else:
        assert command == parse("fan", switch, text_of(command.value).encode())


# --- the wire


class Wire:
    """A sink, what it was commanded, and somebody who commands it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.orders: SimpleQueue[Command] = SimpleQueue()
        self.sink = Mqtt(MqttConfig(port=port), Outbox(), node="barn", topic="diffmon", streams=["fan"], commanded=self.orders.put)
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def send(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Returns when the broker has it."""
        until(self._client.is_connected)
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(10)

    def close(self) -> None:
        """Both leave."""
        self.sink.close()
        self._client.disconnect()
        self._client.loop_stop()

    def ready(self) -> None:
        """Returns when commands are heard, and none waits."""

        def answered() -> bool:
            self.send("diffmon/barn/fan/mark_normal/set", b"0" * 16)
            return not self.orders.empty()

        until(answered)
        self.send("diffmon/barn/fan/mark_normal/set", b"f" * 16)
        while heard(self).value != "f" * 16:
            pass


@pytest.fixture
def wire(mosquitto: Mosquitto) -> Iterator[Wire]:
    """One that is connected and has subscribed."""
    with closing(Wire(mosquitto.port)) as it:
        it.ready()
        yield it


def heard(wire: Wire) -> Command:
    """The next command."""
    return wire.orders.get(timeout=60)


def test_a_command_arrives_and_what_is_in_force_is_retained(wire: Wire) -> None:
    """From whoever publishes it; a subscriber that comes late learns what is in force."""
    wire.send("diffmon/barn/fan/false_alarms_per_day/set", b"0.5")
    assert Command("fan", "false_alarms_per_day", 0.5) == heard(wire)
    wire.sink.switch("fan", "false_alarms_per_day", 0.5)
    wire.sink.switch("fan", "enabled", True)
    with Subscriber(wire.port) as subscriber:
        subscriber.wait("diffmon/barn/fan/false_alarms_per_day/state", ["0.5"])
        subscriber.wait("diffmon/barn/fan/enabled/state", ["ON"])


def test_what_is_wrong_is_refused_and_the_next_is_heard(wire: Wire, logs: list[dict[str, object]]) -> None:
    """Unknown streams and switches, bad values, a million bytes: a line each, and no more of them a minute than a disk can bear."""
    for topic, payload in [("fan/enabled", b"maybe"), ("pump/enabled", b"ON"), ("fan/volume", b"1"), ("fan/enabled", b"\xfe" * 1_000_000)]:
        wire.send(f"diffmon/barn/{topic}/set", payload)
    for _ in range(60):
        wire.send("diffmon/barn/fan/silence_min/set", b"inf")
    wire.send("diffmon/barn/fan/enabled/set", b"OFF")
    assert Command("fan", "enabled", False) == heard(wire)
    reasons = [str(e["reason"]) for e in logs if e["event"] == "command.refused"]
    assert ["'maybe': expected ON or OFF", "no stream 'pump', expected one of fan"] == reasons[:2]
    assert 20 <= len(reasons) <= 40


def test_a_retained_command_is_ignored(wire: Wire, mosquitto: Mosquitto, logs: list[dict[str, object]]) -> None:
    """It is said so at once and at the next connection; nothing is said when it is taken back, and a fresh one is obeyed."""
    wire.send("diffmon/barn/fan/enabled/set", b"OFF", retain=True)
    until(lambda: 1 == sum("is retained" in str(e.get("reason")) for e in logs))
    mosquitto.stop()
    mosquitto.start()
    until(lambda: 2 == sum("is retained" in str(e.get("reason")) for e in logs))
    wire.send("diffmon/barn/fan/enabled/set", b"", retain=True)
    wire.send("diffmon/barn/fan/enabled/set", b"ON")
    assert Command("fan", "enabled", True) == heard(wire)
    assert 2 == sum(e["event"] == "command.refused" for e in logs)


def test_a_command_that_fails_does_not_end_the_thread(mosquitto: Mosquitto, logs: list[dict[str, object]]) -> None:
    """Whoever takes commands may be broken; publishing goes on."""

    def broken(command: Command) -> None:
        raise RuntimeError(command.switch)

    sink = Mqtt(MqttConfig(port=mosquitto.port), Outbox(), node="barn", topic="diffmon", streams=["fan"], commanded=broken)
    with closing(sink), Subscriber(mosquitto.port) as subscriber:
        subscriber.wait("diffmon/barn/fan/state", ["OFF"])
        subscriber._client.publish("diffmon/barn/fan/enabled/set", b"ON", qos=1)
        until(lambda: any(e["event"] == "command.failed" for e in logs))
        sink.switch("fan", "enabled", True)
        subscriber.wait("diffmon/barn/fan/enabled/state", ["ON"])
