"""What a person says of a camera's event, from the broker to the next profile: a real daemon, model and video."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from paho.mqtt import publish
from PIL import Image

from tests.broker import Mosquitto, Subscriber, until
from tests.command import diffmon
from tests.films import SPOT, film, seen
from tests.scripted import PATIENCE_S

FRAMES, SPOTTED = 200, range(180, 186)


def watched(folder: Path, model: Path, port: int) -> Path:
    """A configuration of a camera that shows a spot for a while, of which a recorder left the video."""
    video = film(folder / "belt" / "a.mkv", [seen(1000 + i, i in SPOTTED) for i in range(FRAMES)], rate_hz=2)
    os.utime(video, (time.time() - 100,) * 2)
    config = folder / "diffmon.toml"
    source = '{ type = "folder", path = "belt", silence = "1s" }'
    config.write_text(
        f'device = "cpu"\nnode = "line"\nstate_dir = "state"\njsonl = false\n[mqtt]\nhost = "127.0.0.1"\nport = {port}\n'
        f'[evidence]\nfree = "0B"\n[[stream]]\nname = "belt"\nkind = "image"\nmodel = "{model}"\nsource = {source}\n',
        encoding="utf-8",
    )
    return config


def score(picture: Path, *by: str | Path) -> float:
    """How strange a picture is."""
    done = diffmon("score", picture, "--json", *by)
    assert 0 == done.exit_code, done.output
    return float(json.loads(done.stdout)["score"])


def test_what_a_camera_saw_is_said_to_be_normal(gate: Path, mosquitto: Mosquitto, tmp_path: Path) -> None:
    """Commanded over MQTT, its frame is kept, the switch says so, and a profile made of the state finds it less strange."""
    model = gate / "gate.model"
    (tmp_path / "belt").mkdir()
    config = watched(tmp_path, model, mosquitto.port)
    with (
        Subscriber(mosquitto.port) as subscriber,
        subprocess.Popen(
            [sys.executable, "-m", "monitor.cli", "run", "--config", str(config)], stderr=subprocess.PIPE, text=True
        ) as process,
    ):

        def ended() -> list[dict[str, Any]]:
            told = map(json.loads, subscriber.on("diffmon/line/belt/event"))
            return [event for event in told if event["type"] == "end" and (tmp_path / frame_of(event)).exists()]

        try:
            until(lambda: ended() or process.poll() is not None, timeout_s=PATIENCE_S)
            [event] = ended()
            publish.single("diffmon/line/belt/mark_normal/set", event["id"], qos=1, hostname="127.0.0.1", port=mosquitto.port)
            until(lambda: subscriber.on("diffmon/line/belt/mark_normal/state") == [event["id"]], timeout_s=PATIENCE_S)
            process.terminate()
            _, logged = process.communicate(timeout=PATIENCE_S)
        finally:
            process.kill()
    assert 0 == process.returncode, logged
    [marked] = (tmp_path / "state" / "normal" / "belt" / "marked").iterdir()
    assert f"{event['id']}.png" == marked.name
    left, top, width, height = (each // 2 for each in SPOT)  # the model sees half as many pixels
    assert np.asarray(Image.open(marked))[top : top + height, left : left + width].mean() > 240
    calibrated = diffmon("calibrate", "--from-state", "belt", "--config", config, "--json")
    assert (0, "") == (calibrated.exit_code, calibrated.stderr)
    profile = tmp_path / "state" / "profiles" / "belt.profile"
    assert str(profile) == json.loads(calibrated.stdout)["out"]
    assert score(marked, "--model", model, "--profile", profile) < score(marked, "--model", model) / 2


def frame_of(event: dict[str, Any]) -> Path:
    """Where its strangest frame is kept, from the folder of the configuration."""
    return Path("state", "evidence", event["evidence"]["frame"])
