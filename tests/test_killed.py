"""The short form of the benches of faults."""

from __future__ import annotations

import json
import random
import signal
import time
from contextlib import closing
from pathlib import Path

from monitor.sink.outbox import Outbox
from tests.bench.killed import news, record, run, start
from tests.broker import Mosquitto, Subscriber, until
from tests.scripted import PATIENCE_S
from tests.standin import NODE, STREAM


def test_a_daemon_that_is_killed_at_any_moment_loses_nothing_and_tells_nothing_twice(tmp_path: Path) -> None:
    """Six kills among twelve faults: each fault is one event, each event has one end, and the states are true in the end."""
    outcome = run(12, 6, 1, tmp_path)
    assert outcome.good, outcome


def test_sigterm_under_load_ends_it_in_good_order(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """With hundreds of recordings still to judge: what was begun is ended, what was found is delivered or kept, and it says offline."""
    sounds, state = tmp_path / "sounds", tmp_path / "state"
    sounds.mkdir()
    state.mkdir()
    record(sounds, 200, random.Random(3), time.time() - 10_000)  # noqa: S311  # repeatable, keeps no secret
    with Subscriber(mosquitto.port) as subscriber:
        daemon = start(sounds, state, mosquitto.port)
        until(lambda: len(news(subscriber)) > 3, timeout_s=PATIENCE_S)
        daemon.send_signal(signal.SIGTERM)
        assert 0 == daemon.wait(PATIENCE_S)
        subscriber.wait(f"diffmon/{NODE}/status", ["offline"])
        subscriber.wait(f"diffmon/{NODE}/{STREAM}/state", ["OFF"])
        told = [json.loads(text) for text in subscriber.on(f"diffmon/{NODE}/{STREAM}/event")]
    with closing(Outbox(state / f"{NODE}.outbox")) as outbox:
        last = 0
        while (message := outbox.after(last)) is not None:
            told.append(json.loads(message.payload))
            last = message.id
    assert len({e["id"] for e in told}) < 200
    assert {e["id"] for e in told} == {e["id"] for e in told if e["type"] == "end"}
