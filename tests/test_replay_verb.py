"""What `replay` prints and publishes of good input, and what `check` says of a configuration that it may replay by."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from models.checkpoint import load_model
from monitor.config import MqttConfig
from monitor.present import clock
from monitor.sink.mqtt import Mqtt
from monitor.sink.outbox import Outbox
from tests.broker import Mosquitto, Subscriber, free_port, until
from tests.command import diffmon, lines


def test_replay_answers_for_each_file_of_a_folder(model: Path, pieces: Path) -> None:
    """In order of name, its own events before each outcome; the short one is marked."""
    done = diffmon("replay", pieces, "--model", model)
    assert (0, "") == (done.exit_code, done.stderr)
    normal, event, strange, short = done.stdout.splitlines()
    assert normal.startswith(f"{pieces}/a.wav: 0 events in 0:10.0 (17 windows); highest score ")
    assert event.startswith(f"{pieces}/b, strange.wav: 0:0")
    assert strange.startswith(f"{pieces}/b, strange.wav: 1 event in 0:12.")
    assert short.startswith(f"{pieces}/c/d.wav: 0 events in 0:01.5 (1 window, short: repeated to fill one window)")


def test_fewer_false_alarms_need_a_higher_score(model: Path, pieces: Path) -> None:
    """The alarm level rises as the accepted rate falls."""
    levels = []
    for rate in ("1000", "1", "0.01"):
        done = diffmon("replay", pieces / "a.wav", "--model", model, "--false-alarms-per-day", rate, "--json")
        levels.append(lines(done.stdout)[-1]["threshold"])
    assert levels[0] < levels[1] < levels[2]


def configured(folder: Path, model: Path, port: int) -> Path:
    """A configuration of two streams that differ in the rate of false alarms, and a broker."""
    path = folder / "diffmon.toml"
    stream = f'source = {{ type = "file", paths = ["room.wav"] }}\nmodel = "{model}"\n'
    path.write_text(
        f'node = "box"\n[mqtt]\nhost = "127.0.0.1"\nport = {port}\n'
        f'[[stream]]\nname = "room"\n{stream}'
        f'[[stream]]\nname = "barn"\nfalse_alarms_per_day = 0.01\n{stream}'
    )
    return path


def test_replay_takes_the_place_of_a_stream(model: Path, pieces: Path, tmp_path: Path) -> None:
    """The first of the configuration or the one that is named, with its name in the events and its alarm level; an option goes first."""
    config, file = configured(tmp_path, model, 1), pieces / "b, strange.wav"
    first = lines(diffmon("replay", file, "--config", config, "--json").stdout)
    barn = lines(diffmon("replay", file, "--config", config, "--stream", "barn", "--json").stdout)
    named = lines(diffmon("replay", file, "--config", config, "--stream", "barn", "--false-alarms-per-day", "1", "--json").stdout)
    assert ("box", "room") == (first[0]["node"], first[0]["stream"])
    assert ("box", "barn") == (barn[0]["node"], barn[0]["stream"])
    assert first[-1]["threshold"] < barn[-1]["threshold"]
    assert first[-1]["threshold"] == named[-1]["threshold"]


def test_replay_publishes_what_it_prints(model: Path, pieces: Path, mosquitto: Mosquitto, tmp_path: Path) -> None:
    """With --publish a subscriber hears the same events under the configured node and stream, and a daemon's topics stay as they are."""
    config = configured(tmp_path, model, mosquitto.port)
    daemon = Mqtt(MqttConfig(host="127.0.0.1", port=mosquitto.port), Outbox(), node="box", topic="diffmon", streams=["barn"])
    with closing(daemon), Subscriber(mosquitto.port) as subscriber:
        subscriber.wait("diffmon/box/barn/status", ["starting"])
        done = diffmon("replay", pieces, "--config", config, "--stream", "barn", "--publish", "--json")
        assert 0 == done.exit_code, done.stderr
        printed = [e for e in lines(done.stdout) if "type" in e]
        assert ["new", "end"] == [e["type"] for e in printed if e["type"] != "update"]
        until(lambda: len(subscriber.on("diffmon/box/barn/event")) == len(printed))
        assert printed == [json.loads(text) for text in subscriber.on("diffmon/box/barn/event")]
        retained = [subscriber.on(f"diffmon/box/{t}") for t in ("status", "barn/status", "barn/state")]
        assert [["online"], ["starting"], ["OFF"]] == retained
        assert daemon.counters()["mqtt.connected"]


def test_replay_says_what_did_not_reach_the_broker(model: Path, pieces: Path, tmp_path: Path) -> None:
    """Events that nobody acknowledged are a failure."""
    done = diffmon("replay", pieces / "b, strange.wav", "--config", configured(tmp_path, model, free_port()), "--publish")
    assert 1 == done.exit_code
    assert "events did not reach the broker" in done.stderr


def test_copies_of_a_recording_have_events_of_their_own(model: Path, pieces: Path, tmp_path: Path) -> None:
    """Files that bear one time give events with different ids."""
    for name in ("a.wav", "b.wav"):
        shutil.copy2(pieces / "b, strange.wav", tmp_path / name)
    events = [e for e in lines(diffmon("replay", tmp_path, "--model", model, "--json").stdout) if e.get("type") == "new"]
    assert 2 == len(events) == len({e["id"] for e in events})


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00.0"), (59.97, "1:00.0"), (61.25, "1:01.2"), (3599.96, "1:00:00.0")])
def test_a_time_into_a_recording(seconds: float, text: str) -> None:
    """Minutes and seconds, and hours where there are any; rounding carries over."""
    assert text == clock(seconds)


def test_check_says_what_the_daemon_would_run_with(
    model: Path, pieces: Path, mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each stream's model and what its alarm level rests on, where events wait, and whether the broker is there."""
    (tmp_path / "room.wav").write_bytes((pieces / "a.wav").read_bytes())
    config = configured(tmp_path, model, mosquitto.port)
    network = load_model(model)[0].hash
    expected = [
        f"{config}: valid; node box",
        *(
            f"stream {name}: audio, model {network}, {rate} a day, extrapolated from 0.5 min of held-out normal"
            for name, rate in (("room", "1 false alarm"), ("barn", "0.01 false alarms"))
        ),
        "events wait in memory alone: no state_dir",
    ]
    done = diffmon("check", "--config", config)
    assert (0, "") == (done.exit_code, done.stderr)
    assert [*expected, f"broker 127.0.0.1:{mosquitto.port}: reached"] == done.stdout.splitlines()
    mosquitto.stop()
    monkeypatch.setenv("STATE_DIRECTORY", f"{tmp_path}:/elsewhere")
    expected[-1] = f"events wait in {tmp_path}"
    done = diffmon("check", "--config", config)
    *rest, broker = done.stdout.splitlines()
    assert (0, expected) == (done.exit_code, rest)
    assert broker.startswith(f"broker 127.0.0.1:{mosquitto.port}: not reached (")
