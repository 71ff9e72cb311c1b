"""The daemon as a probe and a Prometheus find it: a real process, model and broker."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import soundfile

from monitor import __version__
from tests.asking import Answer, ask, series
from tests.broker import Mosquitto, free_port, until
from tests.command import diffmon
from tests.scripted import PATIENCE_S

SECRET = "hunter2"


def configured(folder: Path, model: Path, wav: Path, health: str, mqtt: str = "", *, loop: bool) -> Path:
    """A configuration that plays one file, and serves its health."""
    path = folder / "diffmon.toml"
    stream = f'[[stream]]\nname = "room"\nmodel = "{model}"\nsource = {{ type = "file", paths = ["{wav}"], loop = {str(loop).lower()} }}\n'
    path.write_text(f'node = "box"\ndevice = "cpu"\n{health}\n{mqtt}\n{stream}', encoding="utf-8")
    return path


@contextmanager
def daemon(config: Path) -> Iterator[subprocess.Popen[str]]:
    """A running one; killed at the end of the block if it has not ended."""
    command = [sys.executable, "-m", "monitor.cli", "run", "--config", str(config)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_daemon_answers_from_its_start_to_its_end(mosquitto: Mosquitto, model: Path, normal_wav: Path, tmp_path: Path) -> None:
    """503 while it starts, then ok with numbers that grow; degraded when the broker goes; no secret anywhere; the port is free again."""
    port = free_port()
    (tmp_path / "password").write_text(SECRET)
    broker = f'[mqtt]\nhost = "127.0.0.1"\nport = {mosquitto.port}\nusername = "user-{SECRET}"\npassword_file = "password"'
    heard: list[Answer] = []

    def status() -> str:
        with suppress(ConnectionError):
            heard.append(ask(port, "/healthz"))
            return str(heard[-1].json["status"])
        return "refused"

    def windows() -> float:
        return series(ask(port, "/metrics").body)["diffmon_windows_total{room}"]

    with daemon(configured(tmp_path, model, normal_wav, f"[health]\nport = {port}", broker, loop=True)) as process:
        until(lambda: status() == "ok", timeout_s=PATIENCE_S)
        assert (503, 200) == (heard[0].status, heard[-1].status)
        assert heard[0].json["checks"]["pipeline"]["detail"].startswith("starting: ")
        until(lambda: windows() >= 2, timeout_s=PATIENCE_S)
        text = ask(port, "/metrics").body
        now = series(text)
        assert [1, 1, 0, 0, 1] == [
            now[f"diffmon_{name}"]
            for name in (
                "stream_up{room}",
                "mqtt_connected",
                "items_lost_total{room}",
                "outbox_dropped_total",
                f"build_info{{{__version__}}}",
            )
        ]
        assert 2 <= now["diffmon_windows_total{room}"] <= now["diffmon_batch_windows_sum"]
        assert -100 < now["diffmon_level_dbfs{room}"] < 0 < now["diffmon_p_value{room}"] <= 1
        assert abs(now["diffmon_last_progress_timestamp_seconds"] - now["diffmon_stream_last_window_timestamp_seconds{room}"]) < PATIENCE_S
        assert "diffmon_gpu_memory_bytes" not in now
        mosquitto.stop()
        until(lambda: status() == "degraded", timeout_s=PATIENCE_S)
        assert {"status": "degraded", "detail": "not connected"} == heard[-1].json["checks"]["broker"]
        for told in [text, *(answer.body for answer in heard)]:
            assert not [word for word in (SECRET, "127.0.0.1", str(mosquitto.port), str(tmp_path), str(model)) if word in told]
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=PATIENCE_S)
    assert 0 == process.returncode, errors
    with socket.create_server(("127.0.0.1", port)):
        pass


def test_ports_that_are_taken_keep_nobody_from_hearing(model: Path, normal_wav: Path, tmp_path: Path) -> None:
    """Of health and page: the daemon says so as an error and hears its file to the end; `check` says it before."""
    sound, rate_hz = soundfile.read(normal_wav, dtype="float32", frames=3 * 16_000)
    soundfile.write(tmp_path / "short.wav", sound, rate_hz)
    with socket.create_server(("127.0.0.1", 0)) as other, socket.create_server(("127.0.0.1", 0)) as another:
        health, page = other.getsockname()[1], another.getsockname()[1]
        sections = f"[health]\nport = {health}\n[web]\nport = {page}"
        config = configured(tmp_path, model, tmp_path / "short.wav", sections, loop=False)
        reasons = [f"127.0.0.1:{port}: cannot be listened on: Address already in use" for port in (page, health)]
        done = diffmon("check", "--config", config)
        assert 0 == done.exit_code
        told = [
            f"{what} {reason} (is the daemon running?); it would start and hear all the same"
            for what, reason in zip(("page", "health"), reasons, strict=True)
        ]
        assert told == done.stdout.splitlines()[-2:]
        with daemon(config) as process:
            _, errors = process.communicate(timeout=PATIENCE_S)
    assert 0 == process.returncode
    logged = {e["event"]: (e["level"], e.get("reason")) for e in map(json.loads, errors.splitlines())}
    assert [("error", reason) for reason in reasons] == [logged["page.not_served"], logged["health.not_served"]]
    assert f"health 127.0.0.1:{health}: free" == diffmon("check", "--config", config).stdout.splitlines()[-1]


def test_without_its_section_no_port_is_opened(model: Path, normal_wav: Path, tmp_path: Path) -> None:
    """`check` does not speak of it."""
    config = configured(tmp_path, model, normal_wav, "", loop=False)
    assert "health" not in diffmon("check", "--config", config).stdout
