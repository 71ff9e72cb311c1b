"""What a probe hears of a daemon that is well, that somebody should look at, and that does not hear."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from monitor.health import Notifier
from monitor.records import StreamStatus
from monitor.sink.healthz import SILENT_S, STUCK_S, Health
from monitor.sink.outbox import Outbox
from monitor.sink.vitals import Vitals
from monitor.sink.web import Web
from tests.asking import Answer, ask, delivery, pulse, vitals
from tests.disk import no_room
from tests.events import EVENT


def well() -> Vitals:
    """A daemon that hears two streams and reaches its broker, at 100 s."""
    found = vitals("fan", "pump")
    found.statuses = {"fan": "online", "pump": "online"}
    found.pulse = pulse(100.0)
    found.delivery = delivery
    return found


def asked(shown: Vitals, *, at_s: float = 100.0, since_s: float = 0.0) -> Answer:
    """What it answers at a time, started at another."""
    now_s = [since_s]
    health = Health(shown, clock=lambda: now_s[0])
    now_s[0] = at_s
    with closing(Web("127.0.0.1", 0, {"/healthz": health.page})) as web:
        return ask(web.port, "/healthz")


def complaints(answer: Answer) -> dict[str, tuple[str, str]]:
    """Parts that are not well."""
    return {part: (c["status"], c["detail"]) for part, c in answer.json["checks"].items() if c["status"] != "ok"}


def test_all_is_well() -> None:
    """200, ok, and every part by name."""
    answer = asked(well())
    assert (200, "application/json", "ok") == (answer.status, answer.headers["Content-Type"], answer.json["status"])
    assert ["pipeline", "stream fan", "stream pump", "broker", "outbox"] == list(answer.json["checks"])
    assert {"status": "ok", "detail": "online"} == answer.json["checks"]["stream fan"]
    assert {} == complaints(answer)


def test_without_a_broker_none_is_asked_for() -> None:
    """A daemon that prints its events has neither broker nor outbox."""
    shown = well()
    shown.delivery = None
    answer = asked(shown)
    assert (200, ["pipeline", "stream fan", "stream pump"]) == (answer.status, list(answer.json["checks"]))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (None, "starting: the models are being loaded"),
        (pulse(None, ready=False), "starting: the models are being loaded"),
        (pulse(100.0, ready=False), "starting: no source has delivered yet"),
        (pulse(100.0 - STUCK_S - 1), "no progress for 11 s"),
        (pulse(100.0 - STUCK_S - 1, ready=False), "no progress for 11 s"),
    ],
)
def test_a_daemon_that_does_not_hear_fails(found: Any, expected: str) -> None:
    """503, whatever the rest says, and what it waits for."""
    shown = well()
    shown.pulse = found
    answer = asked(shown)
    assert (503, "failing") == (answer.status, answer.json["status"])
    assert {"pipeline": ("failing", expected)} == complaints(answer)


def test_the_pipeline_may_take_its_time() -> None:
    """Up to ten seconds; a round later all is well again."""
    shown = well()
    assert [200, 503] == [asked(shown, at_s=100.0 + STUCK_S + late).status for late in (0.0, 0.1)]
    shown.pulse = pulse(111.0)
    assert 200 == asked(shown, at_s=111.0).status


def test_progress_is_what_feeds_the_watchdog(monkeypatch: pytest.MonkeyPatch) -> None:
    """The notifier's own progress, with a service manager or without."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.setattr("monitor.health.time", SimpleNamespace(monotonic=lambda: 100.0))
    shown, notifier = well(), Notifier()
    shown.pulse = notifier
    assert 503 == asked(shown).status
    notifier.progress()
    assert {"pipeline": ("failing", "starting: no source has delivered yet")} == complaints(asked(shown))
    notifier.ready()
    assert 200 == asked(shown).status
    assert 503 == asked(shown, at_s=100.0 + STUCK_S + 1).status


@pytest.mark.parametrize("status", ["starting", "no_signal", "offline"])
def test_a_stream_that_is_not_heard_degrades(status: StreamStatus) -> None:
    """200, since the others are; named with its status."""
    shown = well()
    shown.statuses["pump"] = status
    answer = asked(shown)
    assert (200, "degraded", {"stream pump": ("degraded", status)}) == (answer.status, answer.json["status"], complaints(answer))


@pytest.mark.parametrize("status", ["disabled", "learning"])
def test_a_stream_that_is_not_judged_because_somebody_wants_it_so_is_well(status: StreamStatus) -> None:
    """It is as it should be, and shown."""
    shown = well()
    shown.statuses["pump"] = status
    assert {"status": "ok", "detail": status} == asked(shown).json["checks"]["stream pump"]


@pytest.mark.parametrize(
    ("changes", "part", "expected"),
    [
        ({"connected": False}, "broker", "not connected"),
        ({"acked_s": 100.0 - SILENT_S - 1}, "broker", "connected, but has not answered for 181 s"),
        ({"waiting": 7, "dropped": 3}, "outbox", "7 events wait; 3 were dropped since the start"),
        ({"disk_failed": True}, "outbox", "0 events wait, in memory alone: the disk failed"),
    ],
)
def test_events_that_may_not_arrive_degrade(changes: dict[str, Any], part: str, expected: str) -> None:
    """200, since it hears; and what is wrong on the way out."""
    shown = well()
    shown.delivery = lambda: delivery(**changes)
    answer = asked(shown)
    assert (200, "degraded", {part: ("degraded", expected)}) == (answer.status, answer.json["status"], complaints(answer))


def test_a_broker_that_never_answers_has_three_minutes() -> None:
    """Connected, and not a word: silent since the start."""
    shown = well()
    shown.delivery = lambda: delivery(acked_s=None)
    assert {} == complaints(asked(shown, since_s=50.0))
    shown.pulse = pulse(231.0)
    assert {"broker": ("degraded", "connected, but has not answered for 181 s")} == complaints(asked(shown, at_s=231.0, since_s=50.0))


@pytest.mark.usefixtures("logs")
def test_an_outbox_says_whether_its_disk_failed(tmp_path: Path) -> None:
    """Not when it is in memory by choice or on disk; but when the folder is none, and from the write on that fails."""
    (tmp_path / "file").touch()
    found = []
    for path in (None, tmp_path / "file" / "box.outbox", tmp_path / "box.outbox"):
        with closing(Outbox(path)) as outbox:
            found.append(outbox.disk_failed)
            with no_room(1):
                outbox.put("box/fan/event", EVENT)
            found.append(outbox.disk_failed)
    assert [False, False, True, True, False, True] == found
