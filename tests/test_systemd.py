"""The unit: what systemd's own tools say of it, and what it promises. No systemd runs here."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SYSTEMD = ROOT / "systemd"
EXPOSURE = "18"
"""The most that the unit may be exposed, in tenths of ten."""


def analyze(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """What `systemd-analyze` answered."""
    command = ["systemd-analyze", *(str(a) for a in arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=os.environ | environment)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """A copy of the unit whose programs are there."""
    copy = tmp_path / "diffmon.service"
    copy.write_text(re.sub(r"^(Exec\w+)=.*", r"\1=/bin/true", (SYSTEMD / "diffmon.service").read_text(), flags=re.MULTILINE))
    return copy


def drop_in(unit: Path) -> Path:
    """What is dropped into the unit for a GPU."""
    folder = unit.with_name(f"{unit.name}.d")
    folder.mkdir()
    return Path(shutil.copy(SYSTEMD / "gpu.conf", folder))


def complaints(unit: Path) -> str:
    """What systemd has against the unit and what is dropped into it. Its exit code is 0 for unknown keys, too."""
    done = analyze("verify", "--man=no", unit)
    return done.stdout + done.stderr + (f"exit code {done.returncode}" if done.returncode else "")


def exposed(unit: Path) -> subprocess.CompletedProcess[str]:
    """What systemd says of the unit's exposure; it fails if that is too much."""
    return analyze("security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE}", unit.name, SYSTEMD_UNIT_PATH=f"{unit.parent}:")


def settings(unit: Path) -> dict[str, list[str]]:
    """The values of every key of a systemd unit, by `Section.Key`."""
    found: dict[str, list[str]] = {}
    section = ""
    for line in unit.read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and line[0] not in "#;":
            key, _, value = line.partition("=")
            found.setdefault(f"{section}.{key}", []).append(value)
    return found


def test_systemd_has_nothing_against_the_unit(unit: Path) -> None:
    """Not a word, with what is dropped in for a GPU and without."""
    assert "" == complaints(unit)
    drop_in(unit)
    assert "" == complaints(unit)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("UMask=", "UMaskk="),
        ("Restart=on-failure", "Restart=often"),
        ("WatchdogSec=60", "WatchdogSec=a minute"),
        ("[Service]", "[Sevice]"),
        ("ExecStart=/bin/true", "ExecStart=/bin/gone"),
    ],
)
def test_a_garbled_unit_is_noticed(unit: Path, right: str, wrong: str) -> None:
    """An unknown key, section or value, or a program that is not there."""
    assert right in unit.read_text()
    unit.write_text(unit.read_text().replace(right, wrong))
    assert "" != complaints(unit)


def test_a_garbled_drop_in_is_noticed(unit: Path) -> None:
    """What is dropped in is looked at, too."""
    extra = drop_in(unit)
    extra.write_text(extra.read_text().replace("DevicePolicy=auto", "DevicePolicy=open"))
    assert "gpu.conf" in complaints(unit)


def test_the_unit_is_little_exposed(unit: Path) -> None:
    """At most 1.8 of 10, with what is dropped in for a GPU and without."""
    assert 0 == exposed(unit).returncode
    drop_in(unit)
    assert 0 == exposed(unit).returncode


def test_a_unit_that_is_opened_is_noticed(unit: Path) -> None:
    """One line of hardening less is too much."""
    unit.write_text(unit.read_text().replace("DynamicUser=yes", "DynamicUser=no"))
    assert 1 == exposed(unit).returncode


def test_the_drop_in_leaves_no_list_of_devices(unit: Path) -> None:
    """Not even the clock, which ProtectClock adds to any other list: alone on it, it would shut out all else."""
    assert re.search(r"DeviceAllow= .*special devices:.*char-rtc:r.*char-alsa:rw", exposed(unit).stdout)
    drop_in(unit)
    assert re.search(r"DeviceAllow= +Service has no device ACL", exposed(unit).stdout)


def test_the_unit_keeps_the_contract() -> None:
    """The unit notifies, watches, reloads, and does not start a wrong configuration again."""
    unit = settings(SYSTEMD / "diffmon.service")
    expected = {
        "Service.Type": ["notify"],
        "Service.NotifyAccess": ["main"],
        "Service.ExecReload": ["/bin/kill -HUP $MAINPID"],
        "Service.Restart": ["on-failure"],
        "Service.RestartPreventExitStatus": ["78"],
        "Service.KillMode": ["mixed"],
        "Service.DynamicUser": ["yes"],
        "Service.StateDirectory": ["diffmon"],
        "Service.ProtectSystem": ["strict"],
        "Install.WantedBy": ["multi-user.target"],
    }
    assert expected == {key: unit[key] for key in expected}
    assert 10 <= int(unit["Service.WatchdogSec"][0]) <= 120
    assert 10 < int(unit["Service.TimeoutStopSec"][0])


def test_the_unit_says_nothing_twice() -> None:
    """Only keys that are lists stand more than once."""
    unit = settings(SYSTEMD / "diffmon.service")
    assert {"Service.DeviceAllow", "Service.LoadCredential", "Service.SystemCallFilter"} == {
        key for key, values in unit.items() if len(values) > 1
    }


def test_the_credential_may_be_missing() -> None:
    """Its source is a name to be looked for: systemd refuses to start where a path does not exist."""
    name, _, source = settings(SYSTEMD / "diffmon.service")["Service.LoadCredential"][0].partition(":")
    assert ("mqtt-password", "diffmon.mqtt-password") == (name, source)
    assert f"/run/credentials/diffmon.service/{name}" in (ROOT / "config" / "diffmon.toml").read_text()


def test_a_daemon_that_the_watchdog_kills_says_where_it_stood(tmp_path: Path) -> None:
    """SIGABRT, in the unit's environment, leaves the stack of every thread on standard error."""
    given = dict(pair.split("=", 1) for pair in shlex.split(settings(SYSTEMD / "diffmon.service")["Service.Environment"][0]))
    environment = {name: value for name, value in given.items() if name.startswith("PYTHON")}
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(30)
        daemon = subprocess.Popen(
            [sys.executable, "-m", "tests.standin", tmp_path, tmp_path, "1"],
            env=os.environ | environment | {"NOTIFY_SOCKET": str(tmp_path / "notify"), "PYTHONPATH": str(ROOT)},
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
        )
        assert b"STATUS=yard starting" == manager.recv(4096)
        daemon.send_signal(signal.SIGABRT)
        _, said = daemon.communicate(timeout=30)
    assert -signal.SIGABRT == daemon.returncode
    assert "Fatal Python error: Aborted" in said
    assert re.search(r"pipeline\.py\", line \d+ in run", said)
    assert re.search(r"reader\.py\", line \d+ in _run", said)
