"""Every topic and field that others build on, frozen."""

from __future__ import annotations

import json
from contextlib import closing

from monitor.records import Switch
from tests.broker import Mosquitto, Subscriber, until
from tests.events import EVENT, READING, mqtt, step

EVENT_FIELDS = [
    "type",
    "id",
    "seq",
    "schema",
    "node",
    "stream",
    "kind",
    "start",
    "start_unix",
    "end",
    "end_unix",
    "start_index",
    "end_index",
    "score",
    "peak_score",
    "p_value",
    "extrapolated",
    "threshold",
    "windows",
    "gaps",
    "model",
    "where",
    "evidence",
]
CONTRACT: dict[str, tuple[int, bool, list[str]]] = {
    "diffmon/barn/status": (1, True, ["online", "offline"]),
    "diffmon/barn/fan/status": (1, True, ["starting", "online", "no_signal", "offline"]),
    "diffmon/barn/pump/status": (1, True, ["starting", "offline"]),
    "diffmon/barn/fan/state": (1, True, ["OFF", "ON", "OFF"]),
    "diffmon/barn/pump/state": (1, True, ["OFF"]),
    "diffmon/barn/fan/enabled/state": (1, True, ["ON", "OFF"]),
    "diffmon/barn/fan/false_alarms_per_day/state": (1, True, ["0.5"]),
    "diffmon/barn/fan/silence_min/state": (1, True, ["30", "0"]),
    "diffmon/barn/fan/mark_normal/state": (1, True, ["0123456789abcdef"]),
    "diffmon/barn/fan/event": (1, False, [*EVENT_FIELDS, "reason"]),
    "diffmon/barn/fan/score": (0, False, ["score", "p_value", "level_dbfs", "at"]),
    "diffmon/barn/fan/picture": (1, True, ["PNG"]),
    "diffmon/barn/stats": (0, False, ["windows", "mqtt.connected", "mqtt.ack_age_s", "mqtt.sent", "mqtt.dropped", "mqtt.waiting"]),
}
"""Every topic: quality of service, whether the broker keeps it, and its values, or the fields of the last one, in order.

Others build on it: what is changed here is a change of the event's `schema`, and a line in the changelog.
"""


def test_topics_and_fields_are_those_that_others_build_on(mosquitto: Mosquitto) -> None:
    """The contract, topic by topic, as a late and an early subscriber see it."""
    with Subscriber(mosquitto.port) as early:
        with closing(mqtt(mosquitto.port)) as sink:
            early.wait("diffmon/barn/pump/state", ["OFF"])
            sink.status("fan", "online")
            sink.event(EVENT)
            sink.event(step(1, type="end", reason="quiet"))
            sink.status("fan", "no_signal")
            sink.reading(READING)
            in_force: list[tuple[Switch, bool | float | str]] = [("enabled", True), ("enabled", False), ("false_alarms_per_day", 0.5)]
            for switch, value in [*in_force, ("silence_min", 30.0), ("silence_min", 0.0), ("mark_normal", "0123456789abcdef")]:
                sink.switch("fan", switch, value)
            sink.picture("fan", b"PNG")
            sink.stats({"windows": 7})
            until(lambda: all(early.on(f"diffmon/barn/{topic}") for topic in ("stats", "fan/score", "fan/picture")))
        early.wait("diffmon/barn/status", ["offline"])
        assert CONTRACT.keys() == {m.topic for m in early.messages}
        with Subscriber(mosquitto.port) as late:
            kept = {topic for topic, (_, retained, _) in CONTRACT.items() if retained}
            until(lambda: kept == {m.topic for m in late.messages if m.retain})
        for topic, (qos, _, expected) in CONTRACT.items():
            assert {qos} == {m.qos for m in early.messages if m.topic == topic}, topic
            values = early.on(topic)
            told = list(json.loads(values[-1])) if values[-1].startswith("{") else list(dict.fromkeys(values))
            assert list(dict.fromkeys(expected)) == told, topic
