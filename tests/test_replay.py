"""The spine, offline and live: what is found, that both find the same, and in what memory."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from monitor.demo.fault import Planted
from monitor.demo.sound import Room
from monitor.engine import Engine, pick_device
from monitor.opened import engines, open_for
from monitor.records import Window
from monitor.sink.outbox import Outbox
from monitor.synth.wave import RATE_HZ
from tests.broker import Mosquitto, Subscriber, until
from tests.command import diffmon, lines
from tests.events import messages
from tests.scripted import PATIENCE_S

RUN = [sys.executable, "-m", "monitor.cli"]


def of_type(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """The events of one type."""
    return [e for e in events if e.get("type") == kind]


@pytest.fixture(scope="module")
def replayed(model: Path, faulty: tuple[Path, list[Planted]]) -> list[dict[str, Any]]:
    """What replay says of the faulty room, line by line."""
    done = diffmon("replay", faulty[0], "--model", model, "--json", "--fail-on-anomaly")
    assert "" == done.stderr
    # So that a shell script can ask whether there was an event.
    assert 3 == done.exit_code
    return lines(done.stdout)


def test_replay_finds_the_faults_and_nothing_else(replayed: list[dict[str, Any]], faulty: tuple[Path, list[Planted]]) -> None:
    """Each planted fault is one event that begins with it, and there is no other."""
    new = of_type(replayed, "new")
    assert len(faulty[1]) == len(new)
    for event, fault in zip(new, faulty[1], strict=True):
        assert fault.onset_s - 0.3 <= event["start_index"] / RATE_HZ <= fault.end_s


def test_every_event_ends_with_its_own_id(replayed: list[dict[str, Any]]) -> None:
    """New and end pair up by id, in order."""
    assert [e["id"] for e in of_type(replayed, "new")] == [e["id"] for e in of_type(replayed, "end")]
    assert {"quiet"} == {e["reason"] for e in of_type(replayed, "end")}


def test_a_hiss_is_found_in_its_band(replayed: list[dict[str, Any]], faulty: tuple[Path, list[Planted]]) -> None:
    """The hiss of a leak lies above 3 kHz, and so does the band of its event."""
    order = [p.fault for p in faulty[1]]
    event = of_type(replayed, "end")[order.index("hiss")]
    assert 2500 <= event["where"]["low_hz"]


def test_an_event_holds_the_whole_contract(replayed: list[dict[str, Any]]) -> None:
    """The fields of an event, by name."""
    when = {"start", "start_unix", "end", "end_unix", "start_index", "end_index", "windows", "gaps"}
    how = {"score", "peak_score", "p_value", "extrapolated", "threshold", "where", "evidence", "model"}
    expected = {"type", "id", "seq", "schema", "node", "stream", "kind"} | when | how
    assert expected == set(of_type(replayed, "new")[0])
    assert expected | {"reason"} == set(of_type(replayed, "end")[0])


def test_normal_gives_no_event(model: Path, tmp_path: Path) -> None:
    """The room itself raises no alarm on another day."""
    soundfile.write(tmp_path / "day.wav", Room.drawn(1).sound(40, seed=12), RATE_HZ)
    done = diffmon("replay", tmp_path / "day.wav", "--model", model, "--fail-on-anomaly")
    assert (0, 1) == (done.exit_code, len(done.stdout.splitlines()))


# --- live


def configured(folder: Path, model: Path, wav: Path, port: int) -> Path:
    """A configuration that plays one file to a broker."""
    path = folder / "diffmon.toml"
    path.write_text(
        f"""node = "box"
[mqtt]
host = "127.0.0.1"
port = {port}
[[stream]]
name = "room"
source = {{ type = "file", paths = ["{wav}"] }}
model = "{model}"
"""
    )
    return path


@pytest.fixture
def faulty_start(faulty: tuple[Path, list[Planted]], tmp_path: Path) -> Path:
    """The faulty room from a little before its first fault until a little after it."""
    samples, _ = soundfile.read(faulty[0], dtype="float32")
    path = tmp_path / "start.wav"
    soundfile.write(path, samples[round((faulty[1][0].onset_s - 4) * RATE_HZ) : round((faulty[1][0].end_s + 6) * RATE_HZ)], RATE_HZ)
    return path


@pytest.fixture
def live(
    mosquitto: Mosquitto, model: Path, faulty_start: Path, tmp_path: Path
) -> Iterator[tuple[subprocess.CompletedProcess[str], Subscriber]]:
    """The finished daemon, and a subscriber that heard it."""
    config = configured(tmp_path, model, faulty_start, mosquitto.port)
    with Subscriber(mosquitto.port) as subscriber:
        run = [*RUN, "run", "--config", str(config)]
        yield subprocess.run(run, capture_output=True, text=True, timeout=PATIENCE_S, check=False), subscriber


def test_replay_equals_live(live: tuple[subprocess.CompletedProcess[str], Subscriber], model: Path, faulty_start: Path) -> None:
    """The same file through the daemon, a broker and a subscriber, and through replay: same events, places and scores."""
    done, subscriber = live
    assert 0 == done.returncode, done.stderr
    until(lambda: any(m.topic == "diffmon/box/status" and m.payload == "offline" for m in subscriber.messages))
    heard = [json.loads(m.payload) for m in subscriber.messages if m.topic == "diffmon/box/room/event"]
    offline = [e for e in lines(diffmon("replay", faulty_start, "--model", model, "--json").stdout) if "type" in e]
    places = ("type", "seq", "start_index", "end_index", "windows", "where", "reason")
    assert [[e.get(k) for k in places] for e in offline] == [[e.get(k) for k in places] for e in heard]
    assert [e["score"] for e in offline] == pytest.approx([e["score"] for e in heard], rel=1e-4)
    assert [e["p_value"] for e in offline] == pytest.approx([e["p_value"] for e in heard], rel=1e-2)
    printed = [e["id"] for e in lines(done.stdout)]
    assert printed == [e["id"] for e in heard]
    states = [m.payload for m in subscriber.messages if m.topic == "diffmon/box/room/state"]
    assert ["OFF", "ON", "OFF"] == [s for i, s in enumerate(states) if i == 0 or states[i - 1] != s]


def test_the_daemon_does_as_the_service_manager_says(model: Path, normal_wav: Path, tmp_path: Path) -> None:
    """With no broker there it runs, says so, tells systemd, reads its configuration again on SIGHUP, and ends on SIGTERM with 0."""
    import socket

    config = configured(tmp_path, model, normal_wav, 1)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE_S)
        environment = os.environ | {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "1000000"}
        daemon = subprocess.Popen([*RUN, "run", "--config", str(config)], env=environment, stderr=subprocess.PIPE, text=True)
        told: list[str] = []
        while not {"READY=1", "WATCHDOG=1"} <= set(told):
            told.append(manager.recv(4096).decode())
        for text in (config.read_text() + "noise = 9\n", config.read_text().replace("[[stream]]", "[[stream]]\nquiet = '1h'")):
            config.write_text(text)
            daemon.send_signal(signal.SIGHUP)
            while not manager.recv(4096).startswith(b"RELOADING=1\nMONOTONIC_USEC="):
                pass
            while manager.recv(4096) != b"READY=1":
                pass
        daemon.send_signal(signal.SIGTERM)
        _, errors = daemon.communicate(timeout=PATIENCE_S)
    assert 0 == daemon.returncode
    lines = [json.loads(line) for line in errors.splitlines()]
    logged = [line["event"] for line in lines]
    assert "mqtt.disconnected" in logged
    [refused, done] = (line for line in lines if line["event"].startswith("reload."))
    assert ("reload.refused", f"{config}: stream[0].noise: unknown key") == (refused["event"], refused["reason"])
    assert ("reload.done", ["stream[0].quiet"]) == (done["event"], done["changed"])
    assert "daemon.stopped" == logged[-1]


def test_a_daemon_that_was_killed_leaves_its_events_behind(model: Path, faulty_start: Path, tmp_path: Path) -> None:
    """What it announced, killed without a broker, is on disk, and its open event ends as interrupted."""
    config = configured(tmp_path, model, faulty_start, 1)
    environment = os.environ | {"STATE_DIRECTORY": str(tmp_path / "state")}
    with subprocess.Popen(
        [*RUN, "run", "--config", str(config)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as daemon:
        assert daemon.stdout is not None
        new = json.loads(daemon.stdout.readline())
        daemon.kill()
    with closing(Outbox(tmp_path / "state" / "box.outbox")) as outbox:
        found = [json.loads(message.payload) for message in messages(outbox)]
    assert new == found[0]
    assert [new["id"]] * len(found) == [event["id"] for event in found]
    assert ("end", "interrupted") == (found[-1]["type"], found[-1]["reason"])


# --- the engine


@pytest.fixture(scope="module")
def engine(model: Path) -> Engine:
    """An engine for three streams of one network."""
    opened = open_for(model, None, kind="audio")
    return engines(dict.fromkeys(("a", "b", "c"), opened), pick_device("cpu"))["a"]


def test_a_judgement_does_not_depend_on_its_batch(engine: Engine, faulty: tuple[Path, list[Planted]]) -> None:
    """A window judged alone, and among windows of other streams, comes out the same."""
    samples, _ = soundfile.read(faulty[0], dtype="float32", always_2d=True)
    length = engine.representation.length
    windows = [Window("abc"[i % 3], i * 16_000, samples[i * 16_000 :][:length], 0) for i in range(20)]
    together = engine.judge(windows)
    alone = [engine.judge([w])[0] for w in windows]
    assert [j.score for j in alone] == pytest.approx([j.score for j in together], rel=1e-4, abs=1e-4)
    assert [j.p_value for j in alone] == pytest.approx([j.p_value for j in together], rel=1e-2)
    assert [(j.place, j.span) for j in alone] == [(j.place, j.span) for j in together]


def test_an_explanation_shows_what_normal_would_have_been(engine: Engine, faulty: tuple[Path, list[Planted]]) -> None:
    """In a fault the input leaves the reconstruction, and the heat map says where; in normal it does not."""
    samples, _ = soundfile.read(faulty[0], dtype="float32", always_2d=True)
    length = engine.representation.length
    hiss = next(p for p in faulty[1] if p.fault == "hiss")
    normal, fault = engine.explain([Window("a", 0, samples[s : s + length], 0) for s in (0, round((hiss.onset_s + 1) * RATE_HZ))])
    assert (engine.representation.shape, (64, 32)) == (fault.shown.shape, fault.heat.shape)
    assert normal.heat.max() < fault.heat.max() / 4
    assert np.abs(fault.shown - fault.normal)[0, -8:].mean() > 3 * np.abs(normal.shown - normal.normal)[0, -8:].mean()


def test_everything_follows_the_device(model: Path) -> None:
    """Network, noise, profiles and the representation's constants all go where the engine runs (here a device without memory)."""
    opened = open_for(model, None, kind="audio")
    engine = Engine(opened.model, opened.representation, {"a": opened.fitted.profile}, device=torch.device("meta"))
    sense = engine.representation
    told = engine._told(torch.zeros(2, sense.length, 1, device="meta"), torch.zeros(2, dtype=torch.long, device="meta"))
    assert ("meta", (2, 7 + len(engine._pass.recipe.pooling.counts))) == (told.device.type, told.shape)
