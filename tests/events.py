"""Events, and sinks that send them to a test's broker."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

from monitor.config import MqttConfig
from monitor.records import Event, Reading
from monitor.sink.mqtt import Mqtt
from monitor.sink.outbox import Message, Outbox
from tests.broker import Subscriber

EVENT = Event(
    type="new",
    id="a1b2",
    seq=0,
    schema=1,
    node="barn",
    stream="fan",
    kind="audio",
    start="2026-01-02T03:04:05.678+00:00",
    start_unix=1767323045.6784321,
    end="2026-01-02T03:04:07.678+00:00",
    end_unix=1767323047.678,
    start_index=16000,
    end_index=48000,
    score=4.123456789,
    peak_score=5.5,
    p_value=1.23456789e-7,
    extrapolated=True,
    threshold=3.0,
    windows=2,
    gaps=0,
    model="0f0f",
    where={"low_hz": 100.0, "high_hz": 2000.0, "start_s": 0.0, "end_s": 1.0},
    evidence={},
)
READING = Reading(stream="fan", score=0.5, p_value=0.25, level_db=-31.25, unix_s=1767323045.0)


def step(seq: int, **changes: object) -> Event:
    """The event with another sequence number."""
    return dataclasses.replace(EVENT, seq=seq, **changes)  # type: ignore[arg-type]


def mqtt(port: int, path: Path | None = None, **settings: object) -> Mqtt:
    """A sink for the streams `fan` and `pump` of the node `barn`; its events wait in memory, or in a database."""
    config = MqttConfig.model_validate({"host": "127.0.0.1", "port": port, **settings})
    return Mqtt(config, Outbox(path), node="barn", topic="diffmon", streams=["fan", "pump"])


def connected(sink: Mqtt) -> bool:
    """Whether the broker has let the sink in."""
    return sink.counters()["mqtt.connected"] is True


def seqs(subscriber: Subscriber) -> list[int]:
    """Sequence numbers of the events received, in order of their first arrival."""
    return list(dict.fromkeys(json.loads(text)["seq"] for text in subscriber.on("diffmon/barn/fan/event")))


def said(logs: list[dict[str, object]], fact: str) -> list[dict[str, object]]:
    """Entries with that fact that a person gets to see."""
    return [entry for entry in list(logs) if entry["event"] == fact and entry["log_level"] != "debug"]


def messages(outbox: Outbox) -> Iterator[Message]:
    """Every message that waits, in order."""
    last = 0
    while message := outbox.after(last):
        yield message
        last = message.id
