"""`listen`: events from a real broker, printed by a real process, which runs a program for each."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import publish

from monitor.backlog import Backlog
from monitor.hook import Hook, variables
from monitor.sink.payload import payload
from tests.broker import Mosquitto, amqtt, until
from tests.command import diffmon
from tests.events import EVENT, said, step
from tests.scripted import PATIENCE_S

TOPIC = "diffmon/barn/fan/event"


def configured(folder: Path, port: int, mqtt: str = "") -> Path:
    """A configuration with the streams `fan` and `pump`, whose models need not exist."""
    path = folder / "diffmon.toml"
    streams = "".join(f'[[stream]]\nname = "{name}"\nmodel = "m"\nsource = {{ type = "microphone" }}\n' for name in ("fan", "pump"))
    path.write_text(f'node = "barn"\n[mqtt]\nhost = "127.0.0.1"\nport = {port}\n{mqtt}{streams}')
    return path


class Listener:
    """A real `diffmon listen`, ended by `end`; its lines so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.out: list[str] = []
        self.err: list[str] = []
        self._readers = [threading.Thread(target=_read, args=each) for each in ((process.stdout, self.out), (process.stderr, self.err))]
        for reader in self._readers:
            reader.start()

    def said(self, fact: str) -> list[dict[str, Any]]:
        """What it said of a fact on standard error."""
        lines = [json.loads(line) for line in list(self.err) if line.startswith("{")]
        return [line for line in lines if line["event"] == fact]

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """The exit code after a signal."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(PATIENCE_S)
        for reader in self._readers:
            reader.join(PATIENCE_S)
        return code


def _read(stream: Any, into: list[str]) -> None:
    with stream:
        into.extend(iter(stream.readline, ""))


@contextmanager
def listening(config: Path, *arguments: str) -> Iterator[Listener]:
    """A listener that the broker has let in."""
    command = [sys.executable, "-m", "monitor.cli", "listen", "--config", str(config), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    listener = Listener(process)
    try:
        until(lambda: listener.said("mqtt.subscribed") or process.poll() is not None, timeout_s=PATIENCE_S)
        assert process.poll() is None, listener.err
        yield listener
    finally:
        if process.poll() is None:
            process.kill()
        listener.end()


def say(port: int, *payloads: str, topic: str = TOPIC) -> None:
    """Publishes on the topic of the stream `fan`."""
    for each in payloads:
        publish.single(topic, each, qos=1, hostname="127.0.0.1", port=port)


def local(unix: float) -> str:
    """As a person here writes that time."""
    return f"{datetime.fromtimestamp(unix):%Y-%m-%d %H:%M:%S}"


def test_every_step_is_a_line_once(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """Time, stream, type, score, band and reason; a double is left out, what is no event is named and skipped."""
    end = payload(step(1, type="end", reason="quiet", score=None))
    with listening(configured(tmp_path, mosquitto.port)) as listener:
        say(mosquitto.port, payload(EVENT), "{", payload(EVENT), '{"id": 1}', end)
        until(lambda: len(listener.out) == 2)
        assert 0 == listener.end(signal.SIGTERM)
    began, ended = local(EVENT.start_unix), local(EVENT.end_unix)
    assert [f"{began}  fan  new     score 4.1  100 to 2000 Hz\n", f"{ended}  fan  end     score -  100 to 2000 Hz  quiet\n"] == listener.out
    assert [TOPIC, TOPIC] == [line["topic"] for line in listener.said("event.malformed")]
    assert "is not JSON" in listener.said("event.malformed")[0]["reason"]
    assert listener.said("event.malformed")[1]["reason"].startswith("type: ")


def test_a_stream_may_be_chosen_and_json_is_as_it_came(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """Other streams are not heard; Ctrl-C ends it in good order."""
    with listening(configured(tmp_path, mosquitto.port), "--stream", "pump", "--json") as listener:
        wanted = payload(step(0, stream="pump"))
        say(mosquitto.port, payload(EVENT))
        say(mosquitto.port, wanted, topic="diffmon/barn/pump/event")
        until(lambda: listener.out)
        assert 0 == listener.end(signal.SIGINT)
    assert [wanted + "\n"] == listener.out


def test_a_broker_that_was_away_is_heard_again(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """It is said when it is lost and when it is back, and a step that comes again after it is known."""
    with listening(configured(tmp_path, mosquitto.port)) as listener:
        say(mosquitto.port, payload(EVENT))
        until(lambda: len(listener.out) == 1)
        mosquitto.stop()
        until(lambda: listener.said("mqtt.disconnected"))
        mosquitto.start()
        until(lambda: len(listener.said("mqtt.subscribed")) == 2, timeout_s=PATIENCE_S)
        say(mosquitto.port, payload(EVENT), payload(step(1)))
        until(lambda: len(listener.out) == 2)
        assert 0 == listener.end()
    assert "update" not in listener.out[0] + listener.out[1]


def test_an_old_broker_is_listened_to_in_its_own_version(tmp_path: Path) -> None:
    """MQTT 3.1.1 is enough."""
    with amqtt() as port, listening(configured(tmp_path, port)) as listener:
        assert ["MQTTv311"] == [line["protocol"] for line in listener.said("mqtt.connected")]
        say(port, payload(EVENT))
        until(lambda: listener.out)
        assert 0 == listener.end()


def test_a_password_is_shown(tmp_path: Path) -> None:
    """As the daemon's."""
    subprocess.run(["mosquitto_passwd", "-b", "-c", tmp_path / "passwords", "barn", "secret"], check=True, capture_output=True)
    (tmp_path / "password").write_text("secret")
    broker = Mosquitto(tmp_path, f"password_file {tmp_path}/passwords", anonymous=False).start()
    try:
        with listening(configured(tmp_path, broker.port, 'username = "barn"\npassword_file = "password"\n')) as listener:
            assert 0 == listener.end()
        assert "diffmon-barn-listen-" in broker.log.read_text()
    finally:
        broker.stop()


def test_a_program_is_run_for_each_step(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """It finds the event on its input and in its environment; no shell reads the command; what it prints is not among our lines."""
    script = 'import os, sys; print(sys.argv[1:], os.environ["DIFFMON_TYPE"], os.environ["DIFFMON_ID"], sys.stdin.read())'
    (tmp_path / "alarm.py").write_text(script)
    with listening(
        configured(tmp_path, mosquitto.port), "--json", "--exec", f"{sys.executable} {tmp_path}/alarm.py '$HOME; x' *"
    ) as listener:
        say(mosquitto.port, payload(EVENT), payload(step(1, type="end", reason="quiet")))
        until(lambda: len([line for line in listener.err if line.startswith("[")]) == 2, timeout_s=PATIENCE_S)
        assert 0 == listener.end()
    assert 2 == len(listener.out)
    first, second = [line for line in listener.err if line.startswith("[")]
    assert f"['$HOME; x', '*'] new a1b2 {payload(EVENT)}\n" == first
    assert "] end a1b2 " in second


def test_a_program_that_fails_is_said(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """With its exit code; the next step is told all the same."""
    with listening(configured(tmp_path, mosquitto.port), "--exec", f"{sys.executable} -c 'raise SystemExit(3)'") as listener:
        say(mosquitto.port, payload(EVENT), payload(step(1)))
        until(lambda: len(listener.said("exec.failed")) == 2, timeout_s=PATIENCE_S)
        assert 0 == listener.end()
    assert [(0, 3), (1, 3)] == [(line["seq"], line["exit_code"]) for line in listener.said("exec.failed")]


def test_a_program_that_hangs_holds_up_no_line_and_no_end(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """Events are printed beside it; at the end it is killed, and what still waited for it is counted."""
    with listening(configured(tmp_path, mosquitto.port), "--exec", "sleep 60") as listener:
        say(mosquitto.port, *(payload(step(seq)) for seq in range(3)))
        until(lambda: len(listener.out) == 3)
        began_s = time.monotonic()
        assert 0 == listener.end()
    assert time.monotonic() - began_s < 15
    assert [2] == [line["steps"] for line in listener.said("exec.left")]


# --- the program, here


def test_a_program_that_hangs_is_killed_with_all_it_began(tmp_path: Path, logs: list[dict[str, object]]) -> None:
    """After its time, and the next step is told."""
    program = f"sh -c 'sleep 60 & echo $! >> {tmp_path}/pids; wait'"
    hook = Hook(["sh", "-c", program], killed_s=0.5)
    hook.put({"id": "a", "seq": 0})
    hook.put({"id": "a", "seq": 1})
    until(lambda: len(said(logs, "exec.killed")) == 2)
    hook.close()
    pids = (tmp_path / "pids").read_text().split()
    until(lambda: not any(_runs(pid) for pid in pids))
    assert 2 == len(pids)


def _runs(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_program_that_does_not_read_its_input_is_no_failure(logs: list[dict[str, object]]) -> None:
    """Many need the environment alone."""
    hook = Hook(["true"])
    hook.put({"id": "a", "seq": 0, "model": "x" * 1_000_000})
    until(lambda: not len(hook._waiting))
    hook.close()
    assert [] == logs


def test_what_no_environment_can_hold_is_replaced() -> None:
    """A payload may say anything; text, numbers and truth are handed on, what is nested is not."""
    event = {"type": "new", "id": "a\0b\ud800", "seq": 3, "score": None, "extrapolated": True, "where": {}, "PATH": "/evil"}
    assert {"DIFFMON_TYPE": "new", "DIFFMON_ID": "a?b?", "DIFFMON_SEQ": "3", "DIFFMON_EXTRAPOLATED": "true"} == variables(event)


def test_a_backlog_drops_the_oldest_and_says_so(logs: list[dict[str, object]]) -> None:
    """Once when it begins, and how many when it is over."""
    waiting: Backlog[int] = Backlog(2, of="steps")
    for number in range(5):
        waiting.put(number)
    assert [3, 4, None] == [waiting.take(0) for _ in range(3)]
    assert (["backlog.full", "backlog.dropped"], 3) == ([e["event"] for e in logs], logs[1]["count"])


# --- what is refused


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--stream", "yard"], 78, "no stream 'yard', expected one of fan, pump"),
        (["--exec", "no-such-program x"], 2, "'no-such-program x': no such program"),
        (["--exec", "sh -c 'x"], 2, "No closing quotation"),
        (["--exec", __file__], 2, "is not executable (chmod +x)"),
    ],
)
def test_what_cannot_be_listened_to_is_told(arguments: list[str], code: int, message: str, tmp_path: Path) -> None:
    """A sentence and an exit code, before anything is connected."""
    done = diffmon("listen", "--config", configured(tmp_path, 1), *arguments)
    assert (code, "") == (done.exit_code, done.stdout)
    assert message in done.stderr


def test_without_a_broker_there_is_nothing_to_listen_to(tmp_path: Path) -> None:
    """The missing section is named."""
    path = tmp_path / "diffmon.toml"
    path.write_text('[[stream]]\nname = "fan"\nmodel = "m"\nsource = { type = "microphone" }\n')
    done = diffmon("listen", "--config", path)
    assert (78, f"diffmon: {path}: mqtt: missing, expected the broker to listen to\n") == (done.exit_code, done.stderr)
