"""One daemon that listens and looks: both tell what is not normal, on one broker."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile

from monitor.demo.fault import Planted
from monitor.synth.wave import RATE_HZ
from tests.broker import Mosquitto, Subscriber, until
from tests.films import SPOT, film, seen
from tests.scripted import PATIENCE_S


def test_a_microphone_and_a_camera_side_by_side(
    model: Path, gate: Path, faulty: tuple[Path, list[Planted]], mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """A sound file with a fault and a video with a spot, by the clock: one subscriber hears of both, each of its own kind and place."""
    onset_s = faulty[1][0].onset_s
    begin = max(0, int((onset_s - 4) * RATE_HZ))
    soundfile.write(tmp_path / "room.wav", soundfile.read(faulty[0])[0][begin : begin + 8 * RATE_HZ], RATE_HZ)
    film(tmp_path / "belt.mkv", [seen(500 + i, 6 <= i < 10) for i in range(14)], rate_hz=2)
    config = tmp_path / "diffmon.toml"
    config.write_text(
        f"""node = "box"
[mqtt]
host = "127.0.0.1"
port = {mosquitto.port}
[[stream]]
name = "room"
source = {{ type = "file", paths = ["room.wav"] }}
model = "{model}"
[[stream]]
name = "belt"
kind = "image"
source = {{ type = "file", paths = ["belt.mkv"] }}
model = "{gate / "gate.model"}"
view = {{ crop = [0, 0, 64, 64] }}
"""
    )
    with Subscriber(mosquitto.port) as subscriber:
        run = [sys.executable, "-m", "monitor.cli", "run", "--config", str(config)]
        done = subprocess.run(run, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        assert 0 == done.returncode, done.stderr
        until(lambda: "offline" in subscriber.on("diffmon/box/status"))
    first = {}
    for stream in ("room", "belt"):
        events = [json.loads(payload) for payload in subscriber.on(f"diffmon/box/{stream}/event")]
        assert ("new", "end") == (events[0]["type"], events[-1]["type"])
        first[stream] = events[0]
    assert ("audio", "image") == (first["room"]["kind"], first["belt"]["kind"])
    assert {"low_hz", "high_hz"} < first["room"]["where"].keys()
    where = first["belt"]["where"]
    assert 6 == first["belt"]["start_index"]
    centre = np.array(SPOT[:2]) + np.array(SPOT[2:]) / 2
    assert where["x"] <= centre[0] <= where["x"] + where["width"]
    assert where["y"] <= centre[1] <= where["y"] + where["height"]
