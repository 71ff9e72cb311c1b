"""`doctor` on what surrounds the daemon: broker, disk, permissions, clock."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from monitor.config import Config
from monitor.doctor import Finding, broker, clock, disk, permissions
from tests.broker import Mosquitto, amqtt, free_port, until
from tests.disk import no_room
from tests.events import connected, mqtt
from tests.test_doctor import config, last, told
from tests.test_login import certify

MIB = 1 << 20


def reached(folder: Path, **settings: Any) -> list[Finding]:
    """What is found on the way to a broker."""
    return list(broker.findings(config(folder, mqtt={"host": "localhost", **settings})))


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Callable[..., Mosquitto]]:
    """Starts a broker that knows the user `barn` with the password `secret`; the file `right` holds it, `wrong` another."""
    brokers = []

    def start(*settings: str) -> Mosquitto:
        file = tmp_path / "passwords"
        subprocess.run(["mosquitto_passwd", "-b", "-c", str(file), "barn", "secret"], check=True, capture_output=True)
        brokers.append(Mosquitto(tmp_path, f"password_file {file}", *settings, anonymous=False).start())
        return brokers[-1]

    (tmp_path / "right").write_text("secret")
    (tmp_path / "wrong").write_text("guess")
    yield start
    for each in brokers:
        each.stop()


# --- broker


def test_a_name_that_nobody_has_is_told(tmp_path: Path) -> None:
    """And nothing behind it is tried."""
    (found,) = reached(tmp_path, host="nobody.invalid")
    assert ("broker name", "failed") == (found.check, found.status)
    assert "getent hosts nobody.invalid" in found.mend


def test_a_port_that_is_closed_is_told(tmp_path: Path) -> None:
    """The name was found, the connection was refused."""
    name, connection = reached(tmp_path, port=free_port())
    assert ("ok", "broker connection", "failed") == (name.status, connection.check, connection.status)
    assert "Connection refused" in connection.detail
    assert "systemctl start mosquitto" in connection.mend


@pytest.mark.parametrize(
    ("settings", "mend"), [({}, 'username = "diffmon"'), ({"username": "barn", "password_file": "wrong"}, "mosquitto_passwd")]
)
def test_a_broker_that_does_not_let_us_in_is_told(
    settings: dict[str, str], mend: str, guarded: Callable[..., Mosquitto], tmp_path: Path
) -> None:
    """With its own reason, and never with the password."""
    *before, found = reached(tmp_path, port=guarded().port, **settings)
    assert ["ok", "ok"] == [f.status for f in before]
    assert ("broker login", "failed") == (found.check, found.status)
    assert "Not authorized" in found.detail
    assert mend in found.mend
    assert "guess" not in found.detail + found.mend


def test_access_rules_that_forbid_our_topics_are_told(guarded: Callable[..., Mosquitto], tmp_path: Path) -> None:
    """Let in, but not allowed to publish; the line for the broker's rules is given."""
    rules = tmp_path / "rules"
    rules.write_text("user barn\ntopic read #\n")
    *before, found = reached(tmp_path, port=guarded(f"acl_file {rules}").port, username="barn", password_file="right")
    assert ["ok"] * 3 == [f.status for f in before]
    assert ("broker publication", "failed") == (found.check, found.status)
    assert "diffmon/barn/doctor: Not authorized" in found.detail
    assert found.mend.startswith("topic readwrite diffmon/barn/#")


def test_a_certificate_that_is_not_trusted_is_told(tmp_path: Path) -> None:
    """By the system's authorities it is not; by its own it is; a name that is not in it, and a port without TLS, are other faults."""
    certify(tmp_path)
    port = free_port()
    files = [f"{key} {tmp_path / name}" for key, name in [("cafile", "ca.pem"), ("certfile", "server.pem"), ("keyfile", "server.key")]]
    plain = Mosquitto(tmp_path, f"listener {port} 127.0.0.1", *files).start()
    secure = {"port": port, "tls": True}
    try:
        assert ["ok"] * 5 == [f.status for f in reached(tmp_path, **secure, ca_file="ca.pem")]
        strange = reached(tmp_path, **secure)[-1]
        assert ("broker encryption", "failed") == (strange.check, strange.status)
        assert "ca_file =" in strange.mend
        assert "a name that is in" in reached(tmp_path, **secure, ca_file="ca.pem", host="127.0.0.1")[-1].mend
        assert "tls = false" in reached(tmp_path, port=plain.port, tls=True)[-1].mend
    finally:
        plain.stop()


def test_a_broker_that_never_answers_is_told_in_time(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """One that was stopped takes connections and says nothing."""
    mosquitto.signal(signal.SIGSTOP)
    found = last(broker.findings(config(tmp_path, mqtt={"port": mosquitto.port}), within_s=1.0))
    assert ("broker login", "failed") == (found.check, found.status)
    assert "does not answer" in found.detail


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_old_broker_is_asked_in_its_own_version(tmp_path: Path) -> None:
    """MQTT 3.1.1 is enough."""
    with amqtt() as port:
        found = reached(tmp_path, host="127.0.0.1", port=port)
    assert ["ok"] * 4 == [f.status for f in found]
    assert "MQTTv311" in found[2].detail
    # This broker never closes a connection on which nobody spoke; here it is forgiven.
    gc.collect()


def test_a_daemon_that_runs_is_not_thrown_out(mosquitto: Mosquitto, tmp_path: Path, logs: list[dict[str, object]]) -> None:
    """The doctor has a name of its own, and leaves no last will."""
    with closing(mqtt(mosquitto.port)) as sink:
        until(lambda: connected(sink))
        assert ["ok"] * 4 == [f.status for f in reached(tmp_path, port=mosquitto.port)]
        assert connected(sink)
    assert [] == [e for e in logs if e["event"] == "mqtt.disconnected"]


def test_a_password_file_that_is_missing_is_told(tmp_path: Path) -> None:
    """In the words of the daemon."""
    (found,) = reached(tmp_path, username="barn", password_file="none")
    assert f"mqtt.password_file: {tmp_path}/none: cannot be read: No such file" in found.detail


# --- disk


def state(folder: Path) -> Config:
    """A configuration whose state is kept there."""
    return config(folder, state_dir=str(folder / "a" / "state"), mqtt={"port": 1})


def test_a_state_folder_is_tried_and_left_as_it_was(tmp_path: Path) -> None:
    """One that is not there yet is not there afterwards: it would not be the daemon's own."""
    assert [("state folder", "ok"), ("disk", "ok"), ("outbox", "ok")] == told(disk.findings(state(tmp_path), lambda folder: 1 << 40))
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(("left", "status"), [(2048 * MIB, "ok"), (512 * MIB, "warning"), (49 * MIB, "failed")])
def test_a_disk_with_little_room_is_told(left: int, status: str, tmp_path: Path) -> None:
    """Below a GiB it is a warning, below 50 MiB the outbox would soon fail."""
    assert ("disk", status) in told(disk.findings(state(tmp_path), lambda folder: left))


def test_a_disk_that_is_full_is_told(tmp_path: Path) -> None:
    """What cannot be written is found by writing; nothing is left over."""
    with no_room(1000):
        (found,) = disk.findings(state(tmp_path))
    assert ("failed", f"{tmp_path}/a/state: cannot be written: File too large") == (found.status, found.detail)
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(("place", "mend"), [("/proc/diffmon", "df -h "), ("{tmp}/file/state", "ls -ld "), ("{tmp}/file", "ls -ld ")])
def test_a_place_where_nothing_can_be_made_is_told(place: str, mend: str, tmp_path: Path) -> None:
    """Read-only, or a file in the way."""
    (tmp_path / "file").touch()
    (found,) = disk.findings(config(tmp_path, state_dir=place.format(tmp=tmp_path)))
    assert "failed" == found.status
    assert "cannot be written" in found.detail
    assert found.mend.startswith(mend)


def test_without_a_state_folder_events_may_be_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is a warning if there is a broker for which they wait; systemd may give a folder."""
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    (found,) = disk.findings(config(tmp_path, mqtt={}))
    assert ("warning", 'state_dir = "/var/lib/diffmon"') == (found.status, found.mend)
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    assert ["ok", "ok", "ok"] == [f.status for f in disk.findings(config(tmp_path, mqtt={}), lambda folder: 1 << 40)]


def test_an_outbox_that_a_daemon_has_is_well(tmp_path: Path) -> None:
    """It is said who has it, and nothing in it is touched."""
    program = (
        "import sys; from pathlib import Path; from monitor.sink.outbox import Outbox; o = Outbox(Path(sys.argv[1])); print(); input()"
    )
    command = [sys.executable, "-c", program, tmp_path / "barn.outbox"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as daemon:
        assert daemon.stdout is not None
        daemon.stdout.readline()
        found = last(disk.findings(config(tmp_path, state_dir=str(tmp_path))))
        assert ("ok", f"a running daemon has it, process {daemon.pid}: that is well") == (found.status, found.detail)
        daemon.communicate(b"\n")
    assert "nobody has it" == last(disk.findings(config(tmp_path, state_dir=str(tmp_path)))).detail


# --- permissions


@pytest.mark.parametrize(
    ("mode", "status", "mend"), [(0o600, "ok", ""), (0o644, "warning", "chmod 600 "), (None, "failed", "install -m 600 ")]
)
def test_a_password_is_not_for_everybody(mode: int | None, status: str, mend: str, tmp_path: Path) -> None:
    """It can be read by us, and not by all."""
    if mode is not None:
        (tmp_path / "password").write_text("secret")
        (tmp_path / "password").chmod(mode)
    found = config(tmp_path, {"type": "folder", "path": "x"}, mqtt={"username": "barn", "password_file": "password"})
    (finding,) = permissions.findings(found)
    assert ("mqtt.password_file", status) == (finding.check, finding.status)
    assert finding.mend.startswith(mend)


def test_a_credential_of_the_service_is_brought_to_where_systemd_takes_it_from(tmp_path: Path) -> None:
    """Its path is there only while the service runs."""
    file = "/run/credentials/diffmon.service/mqtt-password"
    found = config(tmp_path, {"type": "folder", "path": "x"}, mqtt={"username": "barn", "password_file": file})
    assert "/etc/credstore/diffmon.mqtt-password && systemctl restart diffmon" in last(permissions.findings(found)).mend


@pytest.mark.parametrize(("cards", "status", "mend"), [([], "warning", "arecord -l"), (["pcmC0D0c", "pcmC0D0p"], "ok", "")])
def test_sound_cards_are_looked_for(cards: list[str], status: str, mend: str, tmp_path: Path) -> None:
    """Those that record; none may mean a sound server."""
    for card in cards:
        (tmp_path / card).touch()
    (found,) = permissions.findings(config(tmp_path), tmp_path)
    assert ("sound cards", status, mend) == (found.check, found.status, found.mend)


def test_a_sound_card_of_others_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is not in the group may not open it."""
    (tmp_path / "pcmC0D0c").touch()
    # Root may open everything.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    (found,) = permissions.findings(config(tmp_path), tmp_path)
    assert "failed" == found.status
    assert found.mend.startswith("usermod -aG audio ")


# --- clock


@pytest.mark.parametrize(
    ("year", "follows", "status"), [(2026, True, "ok"), (2026, False, "warning"), (2026, None, "warning"), (1970, True, "failed")]
)
def test_a_clock_should_be_right(year: int, follows: bool | None, status: str) -> None:
    """One that was never set is a failure; one that follows no other a warning."""
    (found,) = clock.findings(year, lambda: follows)
    assert status == found.status
    assert (status == "ok") == (found.mend == "")


def test_the_kernel_is_asked() -> None:
    """It answers, or says that it does not."""
    assert clock.synchronised() in (True, False, None)
