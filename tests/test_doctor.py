"""`doctor`: each check against the fault that it is there for, with what mends it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitor.config import Config, parse
from monitor.doctor import Finding, audio, clock, gpu
from monitor.doctor.examine import examine
from monitor.errors import ModelError, SourceError
from monitor.records import Block
from monitor.source.process import Process
from tests import capture
from tests.broker import Mosquitto, Subscriber
from tests.command import diffmon
from tests.scripted import PATIENCE_S
from tests.sounds import written

RATE_HZ = 16_000
MIB = 1 << 20


def config(folder: Path, source: dict[str, Any] | None = None, **settings: Any) -> Config:
    """Node `barn` with a stream `fan`, which is a microphone if nothing else is said."""
    stream = {"name": "fan", "model": "fan.model", "source": source or {"type": "microphone"}}
    return parse({"node": "barn", "stream": [stream], **settings}, name="diffmon.toml", folder=folder)


def told(findings: Iterator[Finding]) -> list[tuple[str, str]]:
    """Checks and how each came out."""
    return [(f.check, f.status) for f in findings]


def last(findings: Iterator[Finding]) -> Finding:
    """The last finding."""
    return list(findings)[-1]


# --- all of it


def test_a_machine_that_is_well_is_told_so(model: Path, mosquitto: Mosquitto, tmp_path: Path) -> None:
    """Every group is looked at, in order; nothing fails, and the message reached the broker, not to stay."""
    wav = written(tmp_path / "tone.wav", 1.0)
    path = tmp_path / "diffmon.toml"
    path.write_text(
        f'node = "barn"\nstate_dir = "state"\n[mqtt]\nport = {mosquitto.port}\n'
        f'[[stream]]\nname = "fan"\nmodel = "{model}"\nsource = {{ type = "file", paths = ["{wav}"] }}\n'
    )
    with Subscriber(mosquitto.port) as subscriber:
        done = diffmon("doctor", "--config", path, "--json")
        subscriber.wait("diffmon/barn/doctor", ["well"])
        assert [(1, False)] == [(m.qos, m.retain) for m in subscriber.messages]
    found = json.loads(done.stdout)
    names = ["configuration", "model of fan", "GPU", "sound of fan", "broker name", "broker connection", "broker login"]
    assert [*names, "broker publication", "page", "state folder", "disk", "outbox", "clock"] == [f["check"] for f in found]
    assert [] == [f for f in found if f["status"] == "failed"]
    assert 0 == done.exit_code
    assert [{"check", "status", "detail", "mend"}] * len(found) == [set(f) for f in found]


def test_what_fails_is_told_with_what_mends_it(tmp_path: Path) -> None:
    """A line for the finding, below it the command; exit code 1, and the checks behind it are made all the same."""
    path = tmp_path / "diffmon.toml"
    path.write_text('[[stream]]\nname = "fan"\nmodel = "fan.model"\nsource = { type = "folder", path = "yard" }\n')
    done = diffmon("doctor", "--config", path)
    assert (1, "") == (done.exit_code, done.stderr)
    lines = done.stdout.splitlines()
    assert f"failed   model of fan: {tmp_path}/fan.model: no such file" == lines[1]
    assert lines[2].startswith(f"         diffmon train NORMAL --out {tmp_path}/fan.model")
    assert f"warning  sound of fan: {tmp_path}/yard: does not exist yet, and is waited for" in lines
    assert f"         mkdir -p {tmp_path}/yard" in lines


def test_a_configuration_that_does_not_load_ends_it(tmp_path: Path) -> None:
    """All else would follow from it: a sentence, and exit code 78."""
    (tmp_path / "diffmon.toml").write_text("node = 1\n")
    done = diffmon("doctor", "--config", tmp_path / "diffmon.toml", "--json")
    assert (78, "") == (done.exit_code, done.stdout)
    assert "node: 1: " in done.stderr


def test_a_check_that_breaks_hides_no_other(tmp_path: Path) -> None:
    """A fault of our own is a finding like others."""

    def breaks(config: Config) -> Iterator[Finding]:
        raise RuntimeError("oh")

    path = tmp_path / "diffmon.toml"
    path.write_text('[[stream]]\nname = "fan"\nmodel = "m"\nsource = { type = "microphone" }\n')
    found = examine(path, [("first", breaks), ("second", lambda config: clock.findings(2026, lambda: True))])
    assert [("configuration", "ok"), ("first", "failed"), ("clock", "ok")] == told(found)


# --- GPU


@pytest.mark.parametrize(
    ("device", "name", "traced", "status", "mend"),
    [
        ("cpu", None, True, "ok", ""),
        ("auto", "H100", True, "ok", ""),
        ("auto", None, False, "ok", ""),
        ("auto", None, True, "warning", "DevicePolicy=auto"),
        ("cuda", None, True, "failed", "DevicePolicy=auto"),
        ("cuda", None, False, "failed", 'device = "auto"'),
    ],
)
def test_a_gpu_that_is_there_should_be_seen(device: str, name: str | None, traced: bool, status: str, mend: str, tmp_path: Path) -> None:
    """One that the machine has and torch does not see slows the daemon down; without one that was asked for it does not start."""
    (found,) = gpu.findings(device, gpu=lambda: name, traces=[tmp_path] if traced else [tmp_path / "nvidia0"])
    assert status == found.status
    assert mend in found.mend
    assert bool(mend) == bool(found.mend)


def test_a_gpu_that_does_not_compute_is_a_failure() -> None:
    """With the reason."""

    def broken() -> str:
        raise ModelError("the GPU does not compute: out of memory")

    (found,) = gpu.findings("auto", gpu=broken)
    assert ("failed", "the GPU does not compute: out of memory") == (found.status, found.detail)


# --- audio


class Scripted:
    """A microphone that delivers these seconds of sound, then waits until it is closed; or fails."""

    def __init__(self, *seconds: np.ndarray, error: str = "") -> None:
        self.rate_hz, self.item, self.dtype = float(RATE_HZ), (1,), "float32"
        self._seconds, self._error, self._closed = seconds, error, threading.Event()

    def blocks(self) -> Iterator[Block]:
        """The sound, a block a second."""
        for number, items in enumerate(self._seconds):
            yield Block(number * RATE_HZ, items.astype(np.float32)[:, None], float(number))
        if self._error:
            raise SourceError(self._error)
        assert self._closed.wait(PATIENCE_S)

    def close(self) -> None:
        """Ends it."""
        self._closed.set()


NOISE = 0.1 * np.sign(np.random.default_rng(0).standard_normal(RATE_HZ))
SILENCE = np.zeros(RATE_HZ)


@pytest.mark.parametrize(
    ("microphone", "status", "detail", "mend"),
    [
        (lambda: Scripted(NOISE), "ok", "heard, at -20 dBFS", ""),
        (lambda: Scripted(SILENCE, SILENCE, NOISE), "ok", "heard, at -20 dBFS", ""),
        (lambda: Scripted(SILENCE, SILENCE), "failed", "no living sound within 0.5 s", "alsamixer"),
        (lambda: Scripted(), "failed", "no living sound within 0.5 s", "alsamixer"),
        (lambda: Scripted(error="PortAudio is not installed: ..."), "failed", "PortAudio", "apt-get install libportaudio2"),
        (lambda: Scripted(error="Device unavailable"), "failed", "Device unavailable", "systemctl stop diffmon"),
        (lambda: Scripted(error="has 2 channels, channel 3 was asked for"), "failed", "channel 3", "channel = 0"),
        (lambda: Scripted(error="found none"), "failed", "found none", "diffmon devices"),
    ],
)
def test_a_microphone_must_live(microphone: Callable[[], Scripted], status: str, detail: str, mend: str, tmp_path: Path) -> None:
    """A second of sound that is not always the same, in time; its level is told."""
    (found,) = audio.findings(config(tmp_path), lambda stream: microphone(), within_s=0.5)
    assert ("sound of fan", status) == (found.check, found.status)
    assert detail in found.detail
    assert mend in found.mend


@pytest.mark.parametrize(("behaviour", "status"), [("live", "ok"), ("hang", "failed"), ("crash", "failed")])
def test_a_microphone_is_heard_through_a_process_of_its_own(behaviour: str, status: str, tmp_path: Path) -> None:
    """One that hangs or crashes is told in time, and is no end of the doctor."""

    def opening(*_: object) -> Process:
        return Process(capture.command(behaviour), name="microphone", rate_hz=RATE_HZ)

    assert [("sound of fan", status)] == told(audio.findings(config(tmp_path), opening, within_s=2.0))


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ({"type": "file", "paths": ["tone.wav"]}, "ok"),
        ({"type": "file", "paths": ["none.wav"]}, "failed"),
        ({"type": "file", "paths": ["noise.wav"]}, "failed"),
        ({"type": "folder", "path": "."}, "ok"),
        ({"type": "folder", "path": "later"}, "warning"),
        ({"type": "folder", "path": "tone.wav"}, "failed"),
    ],
)
def test_recordings_must_be_readable(source: dict[str, Any], status: str, tmp_path: Path) -> None:
    """Files hold sound, a folder is one; it may come later."""
    written(tmp_path / "tone.wav", 0.5)
    (tmp_path / "noise.wav").write_text("no sound")
    (found,) = audio.findings(config(tmp_path, source))
    assert status == found.status
    assert (status == "ok") == (found.mend == "")
