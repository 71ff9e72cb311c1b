"""The daemon as it keeps evidence: a real process, model and recordings."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from monitor.demo.fault import Planted
from monitor.synth.wave import RATE_HZ
from tests.broker import Mosquitto, Subscriber, until
from tests.command import diffmon
from tests.scripted import PATIENCE_S


def configured(folder: Path, model: Path, evidence: str) -> Path:
    """A configuration that watches a folder of recordings beside it."""
    path = folder / "diffmon.toml"
    source = 'source = { type = "folder", path = "recordings", silence = "1s" }'
    path.write_text(f'device = "cpu"\n[evidence]\n{evidence}\n[[stream]]\nname = "room"\nmodel = "{model}"\n{source}\n', encoding="utf-8")
    return path


def test_every_event_names_its_sound_and_its_picture(
    faulty: tuple[Path, list[Planted]], model: Path, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """Of a recording that is read as fast as it is judged: each clip holds it to the sample, from 5 s before to 5 s after.

    The broker gets the pictures too.
    """
    from matplotlib.image import imread

    recording = tmp_path / "recordings" / "faulty.wav"
    recording.parent.mkdir()
    samples, _ = soundfile.read(faulty[0], dtype="float32")
    samples = samples[round((faulty[1][0].onset_s - 7) * RATE_HZ) : round((faulty[1][1].end_s + 7) * RATE_HZ)]
    soundfile.write(recording, samples, RATE_HZ)
    os.utime(recording, (time.time() - 100,) * 2)
    config = configured(tmp_path, model, f'dir = "kept"\nfree = "0B"\n[mqtt]\nhost = "127.0.0.1"\nport = {mosquitto.port}')
    heard = tmp_path / "heard.jsonl"
    command = [sys.executable, "-m", "monitor.cli", "run", "--config", str(config)]
    with (
        Subscriber(mosquitto.port, "+/+/+/picture") as subscriber,
        heard.open("w") as out,
        subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE, text=True) as process,
    ):

        def ended() -> list[dict[str, Any]]:
            return [event for line in heard.read_text().splitlines() if (event := json.loads(line))["type"] == "end"]

        try:
            until(lambda: len(ended()) >= 2 and len(ended()) == len(list(tmp_path.glob("kept/*/*/*.png"))), timeout_s=PATIENCE_S)
            until(lambda: len(subscriber.messages) == len(ended()), timeout_s=PATIENCE_S)
            assert all("PNG" in message.payload[:4] for message in subscriber.messages)
            process.send_signal(signal.SIGTERM)
            _, logged = process.communicate(timeout=PATIENCE_S)
        finally:
            process.kill()
    assert 0 == process.returncode, logged
    told = [json.loads(line) for line in heard.read_text().splitlines()]
    assert len(ended()) == len({(event["id"], *event["evidence"].values()) for event in told})
    for event in ended():
        clip, rate_hz = soundfile.read(tmp_path / "kept" / event["evidence"]["audio"], dtype="float32")
        first, after = max(0, event["start_index"] - 5 * RATE_HZ), event["end_index"] + 5 * RATE_HZ
        assert RATE_HZ == rate_hz
        np.testing.assert_array_equal(samples[first:after], clip)
        assert 3 == imread(tmp_path / "kept" / event["evidence"]["picture"]).ndim


def test_evidence_needs_a_folder(model: Path, tmp_path: Path) -> None:
    """Neither `dir` nor `state_dir`: refused as a wrong configuration; with one of them, `check` says where it is kept."""
    config = configured(tmp_path, model, "")
    done = diffmon("check", "--config", config)
    assert (78, [f"diffmon: {config}: evidence.dir: missing, expected a folder there or as state_dir"]) == (
        done.exit_code,
        done.stderr.splitlines(),
    )
    config.write_text(f'state_dir = "state"\n{config.read_text()}')
    done = diffmon("check", "--config", config)
    assert f"evidence is kept in {tmp_path / 'state' / 'evidence'}" in done.stdout.splitlines()
