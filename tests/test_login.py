"""The sink speaks the broker's protocol, shows its password, and trusts only whom it may."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from paho.mqtt.enums import MQTTProtocolVersion

from monitor.errors import ConfigError
from tests.broker import Mosquitto, Subscriber, amqtt, free_port, until
from tests.events import connected, mqtt, said, seqs, step


def test_an_old_broker_is_spoken_to_in_its_own_version(logs: list[dict[str, object]]) -> None:
    """A broker that refuses MQTT 5 gets the same topics in 3.1.1."""
    with amqtt() as port, Subscriber(port, protocol=MQTTProtocolVersion.MQTTv311) as subscriber:
        with closing(mqtt(port)) as sink:
            for seq in range(50):
                sink.event(step(seq))
            until(lambda: seqs(subscriber) == list(range(50)))
            subscriber.wait("diffmon/barn/fan/state", ["ON"])
        subscriber.wait("diffmon/barn/status", ["offline"])
    assert ["MQTTv311"] == [e["protocol"] for e in said(logs, "mqtt.connected")]


def test_the_newest_version_is_tried_first(mosquitto: Mosquitto, logs: list[dict[str, object]]) -> None:
    """A broker that speaks MQTT 5 is spoken to in it."""
    with closing(mqtt(mosquitto.port)) as sink:
        until(lambda: connected(sink))
    assert ["MQTTv5"] == [e["protocol"] for e in said(logs, "mqtt.connected")]


@pytest.fixture
def passwords(tmp_path: Path) -> Callable[..., Mosquitto]:
    """Makes a broker that knows the user `barn` with the password `secret`."""

    def make(*settings: str) -> Mosquitto:
        file = tmp_path / "passwords"
        subprocess.run(["mosquitto_passwd", "-b", "-c", str(file), "barn", "secret"], check=True, capture_output=True)
        return Mosquitto(tmp_path, f"password_file {file}", *settings, anonymous=False)

    return make


def test_a_password_opens_the_door(passwords: Callable[..., Mosquitto], tmp_path: Path, logs: list[dict[str, object]]) -> None:
    """The first line of the file is the password; a wrong one is told with the broker's reason, once, never itself."""
    broker = passwords().start()
    wrong, right = tmp_path / "wrong", tmp_path / "right"
    wrong.write_text("guess-it\n", encoding="utf-8")
    right.write_text("secret\nanything else\n", encoding="utf-8")
    try:
        with closing(mqtt(broker.port, username="barn", password_file=wrong)) as sink:
            until(lambda: len([e for e in logs if e["event"] == "mqtt.refused"]) == 2)
            assert ["Not authorized"] == [e["reason"] for e in said(logs, "mqtt.refused")]
            assert not connected(sink)
        with closing(mqtt(broker.port, username="barn", password_file=right)) as sink:
            until(lambda: connected(sink))
    finally:
        broker.stop()
    assert "guess-it" not in str(logs)
    assert "secret" not in str(logs)


def test_a_refused_event_stays_and_is_sent_when_it_may(
    passwords: Callable[..., Mosquitto], tmp_path: Path, logs: list[dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Access rules that forbid a stream's events hold up no other stream, and lose nothing."""
    monkeypatch.setattr("monitor.sink.session.REFUSED_RETRY_S", 0.2)
    rules, password = tmp_path / "rules", tmp_path / "password"
    rules.write_text("user barn\ntopic read #\ntopic write diffmon/barn/pump/event\n", encoding="utf-8")
    password.write_text("secret", encoding="utf-8")
    broker = passwords(f"acl_file {rules}").start()
    try:
        with (
            Subscriber(broker.port, login=("barn", "secret")) as subscriber,
            closing(mqtt(broker.port, username="barn", password_file=password)) as sink,
        ):
            for seq in range(30):
                sink.event(step(seq))
            sink.event(step(0, stream="pump"))
            until(lambda: subscriber.on("diffmon/barn/pump/event"))
            refused = [e for e in said(logs, "mqtt.refused") if e.get("topic") == "diffmon/barn/fan/event"]
            assert ["Not authorized"] == [e["reason"] for e in refused]
            until(lambda: sink.counters()["mqtt.waiting"] == 30)
            rules.write_text("user barn\ntopic readwrite #\n", encoding="utf-8")
            broker.signal(signal.SIGHUP)
            until(lambda: sorted(seqs(subscriber)) == list(range(30)))
            until(lambda: sink.counters()["mqtt.waiting"] == 0)
            subscriber.wait("diffmon/barn/fan/state", ["ON"])
    finally:
        broker.stop()


@pytest.mark.parametrize(
    ("content", "expected"),
    [(None, "cannot be read: No such file"), (b"", "the first line is empty"), (b"\xff\xfe", "is not UTF-8 text")],
)
def test_a_password_file_without_a_password_is_a_configuration_error(content: bytes | None, expected: str, tmp_path: Path) -> None:
    """The message names the key, the file and what is wrong."""
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=f"mqtt.password_file: .*password: {expected}"):
        mqtt(free_port(), username="barn", password_file=file)


def test_an_unusable_certificate_file_is_a_configuration_error(tmp_path: Path) -> None:
    """The message names the key, the file and what is wrong."""
    file = tmp_path / "ca.pem"
    with pytest.raises(ConfigError, match=r"mqtt.ca_file: .*ca.pem: cannot be read: No such file"):
        mqtt(free_port(), tls=True, ca_file=file)
    file.write_text("no certificate", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"mqtt.ca_file: .*ca.pem: holds no PEM certificate"):
        mqtt(free_port(), tls=True, ca_file=file)


def certify(folder: Path) -> None:
    """Writes ca.pem, and server and client .key and .pem (for the names localhost and barn)."""
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    ca = ["-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Test CA", "-addext", "keyUsage=critical,keyCertSign"]
    server = ["-keyout", "server.key", "-out", "server.pem", "-subj", "/CN=localhost", "-CA", "ca.pem", "-CAkey", "ca.key"]
    extensions = ["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"]
    subprocess.run([*new, *ca], cwd=folder, check=True, capture_output=True)
    subprocess.run([*new, *server, *extensions], cwd=folder, check=True, capture_output=True)
    client = ["-keyout", "client.key", "-out", "client.pem", "-subj", "/CN=barn", "-CA", "ca.pem", "-CAkey", "ca.key"]
    subprocess.run([*new, *client, "-addext", "basicConstraints=critical,CA:FALSE"], cwd=folder, check=True, capture_output=True)


def test_tls_is_verified(tmp_path: Path, logs: list[dict[str, object]]) -> None:
    """With the right authority events arrive; a name or authority that does not fit is refused and told."""
    certify(tmp_path)
    port = free_port()
    files = [f"{key} {tmp_path / name}" for key, name in [("cafile", "ca.pem"), ("certfile", "server.pem"), ("keyfile", "server.key")]]
    broker = Mosquitto(tmp_path, f"listener {port} 127.0.0.1", *files).start()
    try:
        with (
            Subscriber(broker.port) as subscriber,
            closing(mqtt(port, host="localhost", tls=True, ca_file=tmp_path / "ca.pem")) as sink,
        ):
            for seq in range(100):
                sink.event(step(seq))
            until(lambda: seqs(subscriber) == list(range(100)))
        assert [] == said(logs, "mqtt.refused")
        for where in ({"host": "127.0.0.1", "ca_file": tmp_path / "ca.pem"}, {"host": "localhost"}):
            with closing(mqtt(port, tls=True, **where)) as sink:
                until(lambda: said(logs, "mqtt.refused"))
                assert "certificate verify failed" in str(said(logs, "mqtt.refused")[0]["reason"])
                assert not connected(sink)
            logs.clear()
    finally:
        broker.stop()


def test_a_broker_may_ask_for_our_certificate(tmp_path: Path, logs: list[dict[str, object]]) -> None:
    """With it we are let in; without it we are not."""
    certify(tmp_path)
    port = free_port()
    files = [f"{key} {tmp_path / name}" for key, name in [("cafile", "ca.pem"), ("certfile", "server.pem"), ("keyfile", "server.key")]]
    broker = Mosquitto(tmp_path, f"listener {port} 127.0.0.1", *files, "require_certificate true").start()
    secure = {"host": "localhost", "tls": True, "ca_file": tmp_path / "ca.pem"}
    try:
        with closing(mqtt(port, **secure)) as sink:
            until(lambda: said(logs, "mqtt.disconnected") or said(logs, "mqtt.refused"))
            assert not connected(sink)
        with closing(mqtt(port, **secure, cert_file=tmp_path / "client.pem", key_file=tmp_path / "client.key")) as sink:
            until(lambda: connected(sink))
    finally:
        broker.stop()


def test_a_certificate_that_cannot_be_shown_is_a_configuration_error(tmp_path: Path) -> None:
    """The message names the key, the file and what is wrong."""
    certify(tmp_path)
    client, key, other = (tmp_path / name for name in ("client.pem", "client.key", "server.key"))
    with pytest.raises(ConfigError, match=r"mqtt.cert_file: .*none.pem: cannot be read: No such file"):
        mqtt(free_port(), tls=True, cert_file=tmp_path / "none.pem", key_file=key)
    with pytest.raises(ConfigError, match=r"mqtt.key_file: .*none.key: cannot be read: No such file"):
        mqtt(free_port(), tls=True, cert_file=client, key_file=tmp_path / "none.key")
    for wrong in (other, None):
        with pytest.raises(ConfigError, match=r"mqtt.cert_file: .*client.pem.*: expected a PEM certificate and its own key"):
            mqtt(free_port(), tls=True, cert_file=client, key_file=wrong)
    locked = tmp_path / "locked.key"
    subprocess.run(["openssl", "ec", "-aes128", "-passout", "pass:x1y2", "-in", key, "-out", locked], check=True, capture_output=True)
    with pytest.raises(ConfigError, match="without a passphrase"):
        mqtt(free_port(), tls=True, cert_file=client, key_file=locked)
