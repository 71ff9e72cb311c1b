"""What Home Assistant learns of a node, and what becomes of streams that are gone."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

from monitor.config import MqttConfig
from monitor.sink.homeassistant import discovery
from monitor.sink.mqtt import Mqtt
from monitor.sink.outbox import Outbox
from tests.broker import Mosquitto, Subscriber, until

TOPIC = "homeassistant/device/barn/config"
SWITCHES = ("enabled", "false_alarms_per_day", "silence_min", "mark_normal")


def sink(port: int, path: Path | None, *streams: str, home: str | None = "homeassistant") -> Mqtt:
    """A node that is announced."""
    return Mqtt(MqttConfig(port=port), Outbox(path), node="barn", topic="diffmon", streams=streams, home=home)


def device(text: str) -> Any:
    """An announcement, read."""
    return json.loads(text)


def test_every_entity_names_its_platform_topics_and_an_id_of_its_own() -> None:
    """The device form that Home Assistant reads: device, origin, components; each with an availability."""
    announced = device(discovery("diffmon/barn", "barn", ["fan", "pump"], []))
    assert {"device", "origin", "components"} == set(announced)
    entities = announced["components"]
    assert 18 == len(entities) == len({e["unique_id"] for e in entities.values()})
    platforms = [e["platform"] for name, e in entities.items() if "_fan_" in name]
    assert ["binary_sensor", "sensor", "sensor", "binary_sensor", "event", "switch", "number", "number", "image"] == platforms
    for name, entity in entities.items():
        stream = "fan" if "_fan_" in name else "pump"
        topics = [value for key, value in entity.items() if key.endswith("_topic")]
        assert topics
        assert all(topic.startswith(f"diffmon/barn/{stream}/") for topic in topics)
        assert "diffmon/barn/status" == entity["availability"][0]["topic"]


def test_what_switches_a_stream_is_there_while_it_is_off() -> None:
    """The switch and the numbers need the node alone; what tells of the sound needs the stream to be heard as well."""
    entities = device(discovery("diffmon/barn", "barn", ["fan"], []))["components"]
    needs = {name.removeprefix("diffmon_barn_fan_"): len(e["availability"]) for name, e in entities.items()}
    assert {name for name, count in needs.items() if count == 1} == {"connectivity", "enabled", "false_alarms_per_day", "silence_min"}
    assert {"all"} == {e["availability_mode"] for e in entities.values() if len(e["availability"]) == 2}


def test_it_is_told_again_when_home_assistant_starts(mosquitto: Mosquitto) -> None:
    """Its birth message is answered with the announcement."""
    with Subscriber(mosquitto.port) as subscriber, closing(sink(mosquitto.port, None, "fan")):
        subscriber.wait("diffmon/barn/fan/status", ["starting"])
        until(lambda: len(subscriber.on(TOPIC)) == 1)

        def answered() -> bool:
            subscriber._client.publish("homeassistant/status", "online", qos=1).wait_for_publish(5)
            return len(subscriber.on(TOPIC)) > 1

        until(answered)
        assert 1 == len({*subscriber.on(TOPIC)})


def test_a_stream_that_is_gone_leaves_nothing_behind(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """Its retained topics are emptied, its entities removed; and with the section, the device."""
    path = tmp_path / "o"
    with closing(sink(mosquitto.port, path, "fan", "pump")) as first:
        until(lambda: first.counters()["mqtt.connected"])
        for switch in SWITCHES:
            first.switch("pump", switch, "x")  # type: ignore[arg-type]
        first.picture("pump", b"\x89PNG")
    with closing(sink(mosquitto.port, path, "fan")) as second:
        until(lambda: second.counters()["mqtt.connected"])
    with Subscriber(mosquitto.port) as late:
        until(lambda: late.on(TOPIC))
        assert [] == [m.topic for m in late.messages if "/pump/" in m.topic]
        entities = device(late.on(TOPIC)[-1])["components"]
        assert {1} == {len(e) for name, e in entities.items() if "_pump_" in name}
        assert "switch" == entities["diffmon_barn_pump_enabled"]["platform"]
    with closing(sink(mosquitto.port, path, "fan", home=None)) as third:
        until(lambda: third.counters()["mqtt.connected"])
    with Subscriber(mosquitto.port) as last:
        until(lambda: last.on("diffmon/barn/status"))
        assert [] == last.on(TOPIC)


def test_another_broker_takes_over_what_waits(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """The old one is told that we are gone, the new one everything."""
    (tmp_path / "new").mkdir()
    other = Mosquitto(tmp_path / "new").start()
    try:
        with Subscriber(mosquitto.port) as old, Subscriber(other.port) as new, closing(sink(mosquitto.port, None, "fan")) as it:
            old.wait("diffmon/barn/status", ["online"])
            it.reconfigure(MqttConfig(port=other.port))
            old.wait("diffmon/barn/status", ["offline"])
            new.wait("diffmon/barn/status", ["online"])
            new.wait("diffmon/barn/fan/state", ["OFF"])
    finally:
        other.stop()


def test_a_rival_for_the_client_id_is_named(mosquitto: Mosquitto, logs: list[dict[str, object]]) -> None:
    """Two daemons with one client id throw each other out: it is said once, with what to change; alone again, all is well."""
    with closing(sink(mosquitto.port, None, "fan")) as it:
        with closing(sink(mosquitto.port, None, "fan")):
            until(lambda: any(e["event"] == "mqtt.rival" for e in logs), timeout_s=60)
        until(lambda: it.counters()["mqtt.connected"])
    assert "the client id 'diffmon-barn' seems to be somebody else's too" in str(next(e for e in logs if e["event"] == "mqtt.rival"))
