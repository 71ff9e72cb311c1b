"""What the service manager is told, over a real datagram socket."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from monitor.health import Notifier
from tests.broker import until
from tests.scripted import PATIENCE_S, Scripted, hum, pipeline, running


class Manager:
    """A service manager's socket."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.setblocking(False)

    def heard(self) -> list[str]:
        """Datagrams since the last call: a local one has arrived when it is sent."""
        messages: list[str] = []
        while True:
            try:
                messages.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return messages

    def fill(self) -> None:
        """Leaves no room in its queue."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other, contextlib.suppress(BlockingIOError):
            other.setblocking(False)
            while True:
                other.sendto(b"X=1", self._socket.getsockname())

    def close(self) -> None:
        """Goes away."""
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Manager]:
    """A manager that the process is told of, by a path or by an abstract address; without a watchdog."""
    name = str(tmp_path / "notify") if request.param == "path" else f"diffmon-test-{os.getpid()}"
    listening = Manager(name if request.param == "path" else "\0" + name)
    monkeypatch.setenv("NOTIFY_SOCKET", name if request.param == "path" else "@" + name)
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    yield listening
    listening.close()


def test_each_fact_is_one_datagram(manager: Manager) -> None:
    """Readiness, state and end, as sd_notify(3) spells them."""
    notifier = Notifier()
    notifier.state("fan starting")
    notifier.ready()
    notifier.state("fan online, pümp offline")
    notifier.stopping()
    assert ["STATUS=fan starting", "READY=1", "STATUS=fan online, pümp offline", "STOPPING=1"] == manager.heard()


def test_ready_is_said_once(manager: Manager) -> None:
    """However often it becomes true."""
    notifier = Notifier()
    for _ in range(3):
        notifier.ready()
    assert ["READY=1"] == manager.heard()


def test_without_a_watchdog_progress_is_silent(manager: Manager) -> None:
    """A unit without WatchdogSec is not fed."""
    notifier = Notifier()
    notifier.ready()
    notifier.progress()
    assert ["READY=1"] == manager.heard()


def test_until_a_source_delivers_more_time_is_asked_for(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every ten seconds for a minute: no restart brings back a microphone that is not plugged in. Once ready, no more."""
    now_s = [5.0]  # the machine has only just started
    monkeypatch.setattr("monitor.health.time", SimpleNamespace(monotonic=lambda: now_s[0]))
    notifier = Notifier()
    for now_s[0] in (5.0, 14.9, 15.0, 20.0, 200.0):
        notifier.progress()
    assert ["EXTEND_TIMEOUT_USEC=60000000"] * 3 == manager.heard()
    notifier.ready()
    now_s[0] = 300.0
    notifier.progress()
    assert ["READY=1"] == manager.heard()


def test_the_watchdog_is_fed_at_a_quarter_of_its_time(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    """By progress alone, at once and then no more often than every quarter."""
    monkeypatch.setenv("WATCHDOG_USEC", "1000000")
    now_s = [100.0]
    monkeypatch.setattr("monitor.health.time", SimpleNamespace(monotonic=lambda: now_s[0]))
    notifier = Notifier()
    notifier.ready()
    manager.heard()
    fed = []
    for now_s[0] in (100.0, 100.125, 100.249, 100.25, 100.375, 100.5, 107.0, 107.1):
        notifier.progress()
        fed.append(len(manager.heard()))
    assert [1, 0, 0, 1, 0, 1, 1, 0] == fed
    notifier.state("fan online")
    assert ["STATUS=fan online"] == manager.heard()


def test_without_a_service_manager_nothing_is_sent(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    """Started by hand, there is nobody to tell."""
    monkeypatch.delenv("NOTIFY_SOCKET")
    monkeypatch.setenv("WATCHDOG_USEC", "1000000")
    notifier = Notifier()
    notifier.ready()
    notifier.progress()
    notifier.stopping()
    assert [] == manager.heard()


def test_a_manager_that_is_gone_is_no_error(manager: Manager) -> None:
    """What hears goes on without it."""
    notifier = Notifier()
    manager.close()
    notifier.ready()
    notifier.stopping()


def test_a_manager_that_does_not_read_holds_nobody_up(manager: Manager) -> None:
    """When its queue is full the message is dropped after a moment, and it hears again when it reads again."""
    notifier = Notifier()
    manager.fill()
    began_s = time.monotonic()
    notifier.state("dropped")
    assert time.monotonic() - began_s < 5.0
    assert "STATUS=dropped" not in manager.heard()
    notifier.state("heard")
    assert ["STATUS=heard"] == manager.heard()


def test_the_service_manager_hears_that_it_is_ready_once_a_source_delivers(manager: Manager) -> None:
    """READY only with the first items, once, however many streams; STOPPING at the end."""
    go = [threading.Event(), threading.Event()]
    sources = {name: Scripted(gate, *hum(100), threading.Event()) for name, gate in zip("ab", go, strict=True)}
    said: list[str] = []

    def hears(message: str) -> bool:
        said.extend(m for m in manager.heard() if not m.startswith("EXTEND_TIMEOUT_USEC="))
        return message in said

    with running(pipeline(sources)):
        until(lambda: hears("STATUS=a starting, b starting"), timeout_s=PATIENCE_S)
        go[0].set()
        until(lambda: hears("READY=1"), timeout_s=PATIENCE_S)
        go[1].set()
        until(lambda: hears("STATUS=a online, b online"), timeout_s=PATIENCE_S)
    assert hears("STOPPING=1")
    assert [
        "STATUS=a starting",
        "STATUS=a starting, b starting",
        "STATUS=a online, b starting",
        "READY=1",
        "STATUS=a online, b online",
        "STOPPING=1",
    ] == said
