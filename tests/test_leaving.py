"""The end comes soon, whatever the broker does."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from monitor.evidence import sink as evidence
from monitor.sink import jsonl
from monitor.sink.mqtt import CLOSE_S, Mqtt
from tests.broker import Mosquitto, free_port, until
from tests.events import EVENT, connected, mqtt, said

SLACK_S = 0.5
"""What a busy machine may add."""


@pytest.fixture
def black_hole() -> Iterator[int]:
    """Port of a host that drops packets: a listener whose queue is full, so that every attempt to connect goes unanswered."""
    with ExitStack() as opened:
        listener = opened.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            caller = opened.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def closing_s(sink: Mqtt) -> float:
    """How long its end takes (s)."""
    began_s = time.monotonic()
    sink.close()
    return time.monotonic() - began_s


@pytest.mark.parametrize("after_s", [0.0, 1.5])
def test_a_broker_whose_host_drops_packets_does_not_hold_the_end_up(black_hole: int, after_s: float) -> None:
    """At the beginning of an attempt to connect, and in the middle of it, with an event that waits."""
    sink = mqtt(black_hole)
    time.sleep(after_s)  # the attempt lasts for 3 s, and nothing can be waited for in it
    sink.event(EVENT)
    assert CLOSE_S + SLACK_S > closing_s(sink)
    assert 1 == sink.counters()["mqtt.waiting"]


def test_a_broker_that_stands_still_does_not_hold_the_end_up(mosquitto: Mosquitto, logs: list[dict[str, object]]) -> None:
    """One that is connected, and acknowledges nothing any more."""
    sink = mqtt(mosquitto.port)
    until(lambda: connected(sink))
    mosquitto.signal(signal.SIGSTOP)
    try:
        sink.event(EVENT)
        assert CLOSE_S + SLACK_S > closing_s(sink)
    finally:
        mosquitto.signal(signal.SIGCONT)
    assert [1] == [e["events"] for e in said(logs, "mqtt.unsent")]


def test_without_a_broker_nothing_is_waited_for(logs: list[dict[str, object]]) -> None:
    """Once an attempt has failed, what waits would wait in vain; it is counted."""
    sink = mqtt(free_port())
    sink.event(EVENT)
    until(lambda: said(logs, "mqtt.disconnected"))
    assert SLACK_S > closing_s(sink)
    assert [1] == [e["events"] for e in said(logs, "mqtt.unsent")]


def test_all_sinks_together_leave_within_five_seconds() -> None:
    """One is closed after another, whatever holds each of them up; the readers and a busy machine have the rest."""
    assert 4.5 >= evidence.CLOSE_S + jsonl.CLOSE_S + CLOSE_S
