"""A stream that learns on the box: a real daemon that listens, calibrates in a child process, and goes online with what came of it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile

from models.checkpoint import load_model
from monitor.base import base_file
from monitor.demo.fault import Planted
from monitor.demo.sound import RATE_HZ
from monitor.normal import stretches
from tests.broker import Mosquitto, Subscriber, until
from tests.command import diffmon, names
from tests.scripted import PATIENCE_S

LEARN_S = 10


def configured(folder: Path, model: Path, wav: Path, port: int) -> Path:
    """Two streams that share a model and a recording, of which one learns."""
    path = folder / "diffmon.toml"
    stream = '[[stream]]\nname = "{name}"\nmodel = "{model}"\nsource = {{ type = "file", paths = ["{wav}"], loop = true }}\n{more}'
    learns = f'learn_for = "{LEARN_S}s"\n'
    text = "".join(stream.format(name=n, model=model, wav=wav, more=more) for n, more in [("new", learns), ("old", 'keep_normal = "0s"\n')])
    path.write_text(
        f'device = "cpu"\nstate_dir = "state"\njsonl = false\n[mqtt]\nhost = "127.0.0.1"\nport = {port}\n{text}', encoding="utf-8"
    )
    return path


@contextmanager
def daemon(config: Path) -> Iterator[subprocess.Popen[str]]:
    """A running one, stopped as systemd would at the end of the block."""
    command = [sys.executable, "-m", "monitor.cli", "run", "--config", str(config)]
    with (config.parent / "log").open("a") as told, subprocess.Popen(command, stderr=told, text=True) as process:
        try:
            yield process
            process.send_signal(signal.SIGTERM)
            assert 0 == process.wait(PATIENCE_S)
        finally:
            process.kill()


def logged(folder: Path, event: str) -> list[dict[str, object]]:
    """What the daemons logged of one kind."""
    lines = [json.loads(line) for line in (folder / "log").read_text().splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == event]


def test_a_stream_learns_and_then_is_judged(mosquitto: Mosquitto, model: Path, normal_wav: Path, tmp_path: Path) -> None:
    """`learning` and no score; what was heard before a restart counts; then online with a profile. Its neighbour is judged all along."""
    config = configured(tmp_path, model, normal_wav, mosquitto.port)
    normal, profile = tmp_path / "state" / "normal" / "new", tmp_path / "state" / "profiles" / "new.profile"
    with Subscriber(mosquitto.port) as subscriber:

        def statuses() -> list[str]:
            return list(dict.fromkeys(subscriber.on("diffmon/diffmon/new/status")))

        with daemon(config) as process:
            until(lambda: process.poll() is not None or len(subscriber.on("diffmon/diffmon/old/score")) > 3, timeout_s=PATIENCE_S)
        assert ["starting", "learning", "offline"] == statuses()
        before = sum(kept.windows for kept in stretches(normal))
        assert 0 < before < 2 * LEARN_S
        with daemon(config):
            until(lambda: subscriber.on("diffmon/diffmon/new/score") != [], timeout_s=PATIENCE_S)
            until(lambda: statuses() == ["starting", "learning", "offline", "online"])
        assert profile.exists()
    (done,) = logged(tmp_path, "calibration.done")
    assert ("new", "learn_for", True) == (done["stream"], done["learned_because"], done["extrapolated"])
    windows = sum(kept.windows for kept in stretches(normal))
    # On a machine that is slow to judge, more has been heard until it calibrates; an outlier among the windows is left out, and counted.
    assert 2 * LEARN_S <= 2 * float(str(done["held_out_s"])) + int(str(done["left_out"])) <= windows
    assert "state/normal/old" not in names(tmp_path)
    assert "stream new: its profile was calibrated on this box" in diffmon("check", "--config", config).stdout


def test_a_place_is_learned_with_the_model_that_comes_with_the_program(
    mosquitto: Mosquitto, normal_wav: Path, faulty: tuple[Path, list[Planted]], tmp_path: Path
) -> None:
    """Nothing is trained and nothing was recorded before: it listens, is online, and says at the next hiss that this is not normal."""
    recording, planted = faulty
    hiss = next(each for each in planted if each.fault == "hiss")
    normal, fault = (
        soundfile.read(path, start=round(start_s * RATE_HZ), frames=round(seconds * RATE_HZ), dtype="float32")[0]
        for path, start_s, seconds in ((normal_wav, 0.0, 16.0), (recording, hiss.onset_s - 1, 4.0))
    )
    soundfile.write(tmp_path / "room.wav", np.concatenate([normal, fault]), RATE_HZ)
    config = tmp_path / "diffmon.toml"
    config.write_text(
        f'device = "cpu"\nstate_dir = "state"\njsonl = false\n[mqtt]\nhost = "127.0.0.1"\nport = {mosquitto.port}\n'
        f'[[stream]]\nname = "new"\nmodel = "base"\nlearn_for = "{LEARN_S}s"\n'
        'source = { type = "file", paths = ["room.wav"], loop = true }\n'
    )
    assert "learns from the first 10 seconds that it hears, and is judged from then on" in diffmon("check", "--config", config).stdout
    with Subscriber(mosquitto.port) as subscriber, daemon(config):
        until(lambda: subscriber.on("diffmon/diffmon/new/event") != [], timeout_s=PATIENCE_S)
    topics = [message.topic.removeprefix("diffmon/diffmon/new/") for message in subscriber.messages]
    assert ["starting", "learning", "online"] == subscriber.on("diffmon/diffmon/new/status")[:3]
    assert ["status"] * 3 == [topic for topic in topics[: topics.index("event")] if topic == "status"]  # none while it learns
    event = json.loads(subscriber.on("diffmon/diffmon/new/event")[0])
    assert ("new", load_model(base_file())[0].hash) == (event["type"], event["model"])
    assert event["score"] > event["threshold"]
    assert "its profile was calibrated on this box" in diffmon("check", "--config", config).stdout


def test_what_needs_a_state_folder_says_so(model: Path, tmp_path: Path) -> None:
    """Without one there is nowhere to learn: wrong configuration, by key."""
    path = tmp_path / "diffmon.toml"
    for key in ('learn_for = "1h"', 'recalibrate = "auto"'):
        path.write_text(f'[[stream]]\nname = "fan"\nmodel = "{model}"\nsource = {{ type = "microphone" }}\n{key}\n')
        done = diffmon("check", "--config", path)
        assert 78 == done.exit_code
        assert done.stderr.startswith(f"diffmon: {path}: stream[0].{key.split()[0]}: there is no state folder to learn in")
