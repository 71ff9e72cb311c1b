"""Events, states and scores reach a real broker, whatever happens to it."""

from __future__ import annotations

import dataclasses
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
import structlog

from monitor.sink.outbox import Outbox
from monitor.sink.payload import payload
from monitor.words import rfc3339
from tests.broker import Mosquitto, Subscriber, free_port, until
from tests.events import EVENT, READING, connected, mqtt, said, seqs, step

# A broker that is there


def test_events_arrive_in_order_quickly_and_unretained(mosquitto: Mosquitto) -> None:
    """Each event is delivered once, with QoS 1, and leaves within a blink."""
    with Subscriber(mosquitto.port) as subscriber, closing(mqtt(mosquitto.port)) as sink:
        until(lambda: connected(sink))
        subscriber.wait("diffmon/barn/pump/state", ["OFF"])
        began_s = time.monotonic()
        sink.event(EVENT)
        until(lambda: seqs(subscriber))
        events = [m for m in subscriber.messages if m.topic.endswith("/event")]
        # The promise is 50 ms; the rest is for a busy machine.
        assert 0.5 > events[0].time_s - began_s
        for seq in range(1, 300):
            sink.event(step(seq, type="update"))
        until(lambda: len(seqs(subscriber)) == 300)
        events = [m for m in subscriber.messages if m.topic.endswith("/event")]
        assert [payload(EVENT), *(payload(step(i, type="update")) for i in range(1, 300))] == [m.payload for m in events]
        assert {(1, False)} == {(m.qos, m.retain) for m in events}
        until(lambda: sink.counters()["mqtt.waiting"] == 0)
        told = sink.counters()
        assert {"mqtt.connected": True, "mqtt.sent": 300, "mqtt.dropped": 0, "mqtt.waiting": 0}.items() <= told.items()
        with Subscriber(mosquitto.port) as late:
            late.wait("diffmon/barn/fan/state", ["ON"])
            assert [] == late.on("diffmon/barn/fan/event")


def test_statuses_and_states_are_retained_and_true(mosquitto: Mosquitto) -> None:
    """A late subscriber finds node, streams and states as they stand, and offline after the end."""
    with closing(mqtt(mosquitto.port)) as sink:
        sink.status("fan", "online")
        sink.event(EVENT)
        with Subscriber(mosquitto.port) as subscriber:
            subscriber.wait("diffmon/barn/status", ["online"])
            subscriber.wait("diffmon/barn/fan/status", ["online"])
            subscriber.wait("diffmon/barn/pump/status", ["starting"])
            subscriber.wait("diffmon/barn/pump/state", ["OFF"])
            subscriber.wait("diffmon/barn/fan/state", ["ON"])
            sink.event(step(1, type="end", reason="quiet"))
            sink.event(dataclasses.replace(EVENT, id="c3"))
            subscriber.wait("diffmon/barn/fan/state", ["ON", "OFF", "ON"])
    with Subscriber(mosquitto.port) as late:
        for topic in ("status", "fan/status", "pump/status"):
            late.wait(f"diffmon/barn/{topic}", ["offline"])
        assert all(m.retain and m.qos == 1 for m in late.messages)


def test_scores_are_thinned_to_the_latest_each_second(mosquitto: Mosquitto) -> None:
    """Many readings at once become one now and the last one a second later; statistics go out beside them."""
    with Subscriber(mosquitto.port) as subscriber, closing(mqtt(mosquitto.port)) as sink:
        until(lambda: connected(sink))
        sink.reading(READING)
        until(lambda: subscriber.on("diffmon/barn/fan/score"))
        for i in range(50):
            sink.reading(dataclasses.replace(READING, score=float(i)))
        sink.stats({"windows": 7, "load": 0.5})
        until(lambda: subscriber.on("diffmon/barn/stats") != [])
        told = json.loads(subscriber.on("diffmon/barn/stats")[0])
        assert {"windows": 7, "load": 0.5, "mqtt.dropped": 0}.items() <= told.items()
        until(lambda: len(subscriber.on("diffmon/barn/fan/score")) == 2)
        first, second = (m for m in subscriber.messages if m.topic.endswith("/score"))
        assert {"score": 0.5, "p_value": 0.25, "level_dbfs": -31.25, "at": rfc3339(READING.unix_s)} == json.loads(first.payload)
        assert 49.0 == json.loads(second.payload)["score"]
        assert 0.9 < second.time_s - first.time_s
        assert (0, False) == (second.qos, second.retain)


def test_events_among_scores_are_acknowledged(mosquitto: Mosquitto) -> None:
    """Nobody waits for the broker's answer to a score; that to an event is heard all the same."""
    with closing(mqtt(mosquitto.port)) as sink:
        until(lambda: connected(sink))
        for seq in range(10):
            sink.reading(dataclasses.replace(READING, stream=f"s{seq}"))
            sink.event(step(seq))
        until(lambda: 10 == sink.counters()["mqtt.sent"])


def test_the_broker_says_offline_for_a_process_that_was_killed(mosquitto: Mosquitto) -> None:
    """The last will speaks when nobody else can."""
    script = (
        "import sys, time; from monitor.config import MqttConfig\n"
        "from monitor.sink.mqtt import Mqtt; from monitor.sink.outbox import Outbox\n"
        f"broker = MqttConfig(host='127.0.0.1', port={mosquitto.port})\n"
        "Mqtt(broker, Outbox(), node='barn', topic='diffmon', streams=['fan']); time.sleep(60)"
    )
    with Subscriber(mosquitto.port) as subscriber, subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.DEVNULL) as process:
        try:
            subscriber.wait("diffmon/barn/status", ["online"], timeout_s=60)
        finally:
            process.kill()
        subscriber.wait("diffmon/barn/status", ["online", "offline"])
    with Subscriber(mosquitto.port) as late:
        late.wait("diffmon/barn/status", ["offline"])
        assert late.messages[0].retain


def test_a_broker_with_a_small_receive_window_is_respected(tmp_path: Path) -> None:
    """No more is in flight than the broker allows."""
    broker = Mosquitto(tmp_path, "max_inflight_messages 2").start()
    try:
        with Subscriber(broker.port) as subscriber, closing(mqtt(broker.port)) as sink:
            for seq in range(50):
                sink.event(step(seq))
            until(lambda: seqs(subscriber) == list(range(50)))
    finally:
        broker.stop()


def test_the_broker_keeps_an_event_as_long_as_it_is_of_use(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """An event that has waited for six of its seven days is kept for one more; states are kept for ever."""
    path = tmp_path / "barn.outbox"
    with closing(Outbox(path, unix=lambda: time.time() - 6 * 86400)) as outbox:
        outbox.put("diffmon/barn/fan/event", step(0, type="end", reason="quiet"))
    with Subscriber(mosquitto.port) as subscriber, closing(mqtt(mosquitto.port, path)) as sink:
        until(lambda: seqs(subscriber))
        sink.event(step(1, id="another"))
        until(lambda: len(seqs(subscriber)) == 2)
        subscriber.wait("diffmon/barn/fan/state", ["ON"])
        [old, new] = (m.expiry_s for m in subscriber.messages if m.topic.endswith("/event"))
        assert (86400, 7 * 86400) == (pytest.approx(old, abs=30), pytest.approx(new, abs=30))
        assert {None} == {m.expiry_s for m in subscriber.messages if m.retain or m.topic.endswith(("status", "state"))}


def test_a_heartbeat_tells_how_long_ago_the_broker_answered(mosquitto: Mosquitto) -> None:
    """With the counters the status is said again; its acknowledgement is as young as the broker is well."""
    with Subscriber(mosquitto.port) as subscriber, closing(mqtt(mosquitto.port)) as sink:
        subscriber.wait("diffmon/barn/status", ["online"])
        mosquitto.signal(signal.SIGSTOP)
        time.sleep(0.5)
        sink.stats({})
        quiet_s = sink.counters()["mqtt.ack_age_s"]
        assert isinstance(quiet_s, float)
        assert quiet_s >= 0.5
        mosquitto.signal(signal.SIGCONT)
        subscriber.wait("diffmon/barn/status", ["online", "online"])
        until(lambda: sink.counters()["mqtt.ack_age_s"] < 0.5)  # type: ignore[operator]


# A broker that is not


def test_events_wait_for_a_broker_that_comes_late(mosquitto: Mosquitto, logs: list[dict[str, object]]) -> None:
    """Before the broker is there nothing blocks; then everything arrives, and the outage was told once."""
    with Subscriber(mosquitto.port) as subscriber:
        # The subscriber's session outlives the broker, which then keeps what comes before the subscriber is back.
        mosquitto.stop()
        with closing(mqtt(mosquitto.port)) as sink:
            began_s = time.monotonic()
            for seq in range(100):
                sink.event(step(seq))
            assert 1.0 > time.monotonic() - began_s
            until(lambda: len([e for e in logs if e["event"] == "mqtt.disconnected"]) >= 2)
            assert 1 == len(said(logs, "mqtt.disconnected"))
            told = {"mqtt.connected": False, "mqtt.ack_age_s": None, "mqtt.sent": 0, "mqtt.dropped": 0, "mqtt.waiting": 100}
            assert told == sink.counters()
            mosquitto.start()
            until(lambda: len(seqs(subscriber)) == 100)
            assert list(range(100)) == seqs(subscriber)
            assert 1 == len(said(logs, "mqtt.connected"))


def test_nothing_is_lost_over_restarts_of_the_broker(mosquitto: Mosquitto, logs: list[dict[str, object]]) -> None:
    """Events go on being queued while the broker restarts twice; all arrive, in order after removal of doubles."""
    with Subscriber(mosquitto.port) as subscriber, closing(mqtt(mosquitto.port)) as sink:
        until(lambda: connected(sink))
        seq = 0
        for _ in range(2):
            for _ in range(100):
                sink.event(step(seq))
                seq += 1
            mosquitto.stop()
            for _ in range(100):
                sink.event(step(seq))
                seq += 1
            until(lambda: not connected(sink))
            mosquitto.start()
            until(lambda: connected(sink))
        until(lambda: len(seqs(subscriber)) == 400, timeout_s=60)
        assert list(range(400)) == seqs(subscriber)
        assert 2 == len(said(logs, "mqtt.disconnected"))
        subscriber.wait("diffmon/barn/status", ["online"])


def test_a_broker_that_hangs_is_noticed_and_comes_back(mosquitto: Mosquitto, logs: list[dict[str, object]]) -> None:
    """A stopped process keeps its connections open; the keepalive finds out and nothing is lost."""
    with Subscriber(mosquitto.port) as subscriber, closing(mqtt(mosquitto.port, keepalive=1)) as sink:
        until(lambda: connected(sink))
        mosquitto.signal(signal.SIGSTOP)
        sink.event(EVENT)
        until(lambda: not connected(sink))
        mosquitto.signal(signal.SIGCONT)
        until(lambda: connected(sink))
        sink.event(step(1))
        until(lambda: seqs(subscriber) == [0, 1])
        assert "Keep alive timeout" == said(logs, "mqtt.disconnected")[0]["reason"]


def test_closing_without_a_broker_leaves_nothing_behind(logs: list[dict[str, object]]) -> None:
    """What cannot be sent is counted once, and the thread is gone, however early the end comes, and however often."""
    sink = mqtt(free_port())
    sink.close()
    sink = mqtt(free_port())
    sink.event(EVENT)
    sink.close()
    sink.close()
    assert [1] == [e["events"] for e in said(logs, "mqtt.unsent")]
    assert "mqtt" not in {thread.name for thread in threading.enumerate()}


def test_closing_waits_for_events_to_be_acknowledged(mosquitto: Mosquitto) -> None:
    """A sink that is closed at once after a burst has delivered it."""
    with Subscriber(mosquitto.port) as subscriber:
        with closing(mqtt(mosquitto.port)) as sink:
            for seq in range(200):
                sink.event(step(seq))
        assert 200 == sink.counters()["mqtt.sent"]
        subscriber.wait("diffmon/barn/status", ["offline"])
        assert list(range(200)) == seqs(subscriber)


def test_a_full_queue_drops_the_oldest_and_says_so_once(logs: list[dict[str, object]]) -> None:
    """Past ten thousand events the newest are kept."""
    with closing(mqtt(free_port())) as sink:
        for seq in range(10_003):
            sink.event(step(seq))
        assert (3, 10_000) == (sink.counters()["mqtt.dropped"], sink.counters()["mqtt.waiting"])
        assert 1 == len(said(logs, "mqtt.dropped"))


@pytest.mark.parametrize(
    "junk", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x20\x09\x00\x00\x06\xff\xff\xff\xff\xff\xff", b"\x40\x01\x00", b""]
)
def test_a_server_that_talks_nonsense_does_not_end_the_thread(junk: bytes, tmp_path: Path) -> None:
    """After any answer the sink tries again, and finds the broker once it is there."""
    broker = Mosquitto(tmp_path)
    with socket.create_server(("127.0.0.1", broker.port)) as server, structlog.testing.capture_logs():
        server.settimeout(10)
        sink = mqtt(broker.port, keepalive=1)
        peer, _ = server.accept()
        peer.recv(1000)
        peer.sendall(junk)
        peer.close()
    broker.start()
    try:
        until(lambda: connected(sink))
    finally:
        sink.close()
        broker.stop()
