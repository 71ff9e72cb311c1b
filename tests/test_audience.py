"""Those who look at the live page: what they are told, what it costs, and what is remembered for them."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from monitor.page import audience
from monitor.page.audience import MOST, QUEUE, Viewer
from monitor.page.board import Board
from tests.asking import ask
from tests.broker import until
from tests.paged import ID, NAMED, Shown, event, paged, tone


@pytest.fixture
def shown() -> Iterator[Shown]:
    """A page that whoever reaches it may look at."""
    with paged() as page:
        yield page


class Looking:
    """Somebody who looks, and reads what comes."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self._socket.sendall(f"GET /live HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        self._lines = self._socket.makefile("rb")

    def next(self, name: str) -> dict[str, Any]:
        """The next message of that name."""
        while line := self._lines.readline():
            if line == f"event: {name}\n".encode():
                found: dict[str, Any] = json.loads(self._lines.readline().removeprefix(b"data: "))
                return found
        raise AssertionError("it has ended")

    def close(self) -> None:
        """Leaves."""
        self._lines.close()
        self._socket.close()


def test_who_looks_is_told_all_and_then_what_changes(shown: Shown) -> None:
    """A reading, an event, a status, each once."""
    with closing(Looking(shown.port)) as looking:
        whole = looking.next("all")
        assert ("barn", ["fan", "pump"], []) == (whole["node"], list(whole["streams"]), whole["events"])
        shown.online()
        now = looking.next("now")
        assert ("online", [-31.25]) == (now["streams"]["fan"]["state"]["status"], now["streams"]["fan"]["readings"]["level_dbfs"])
        shown.board.event(event())
        assert [ID] == [each["id"] for each in looking.next("now")["events"]]


def test_nothing_is_computed_while_nobody_looks(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a column of the spectrogram; with somebody there, the last half minute at once, and again nothing when they left."""
    from monitor.page import columns

    computed = []
    monkeypatch.setattr(columns, "heard", lambda *arguments, heard=columns.heard: computed.append(arguments) or heard(*arguments))
    ring = shown.online()
    tone(ring, 35)
    assert [] == computed
    with closing(Looking(shown.port)) as looking:
        found = looking.next("all")["streams"]["fan"]["columns"]
        assert 30.0 == pytest.approx(found["n"] * found["column_s"], abs=0.1)
        assert 1 == len(computed)
    until(lambda: 0 == shown.page.counters()["page.viewers"])
    tone(ring, 5)
    assert 1 == len(computed)
    assert [] == [t.name for t in threading.enumerate() if t.name == "audience"]


def test_only_so_many_may_look(shown: Shown) -> None:
    """One more is told to come later; and may, when somebody has left."""
    with ExitStack() as leaving:
        looking = [leaving.enter_context(closing(Looking(shown.port))) for _ in range(MOST)]
        for each in looking:
            each.next("all")
        assert 503 == ask(shown.port, "/live").status
        looking[0].close()
        until(lambda: shown.page.counters()["page.viewers"] == MOST - 1)


def test_who_is_slow_begins_anew() -> None:
    """What does not fit is dropped and counted, and then everything is told."""
    viewer = Viewer()
    viewer.behind = False
    for number in range(QUEUE + 3):
        viewer.put(b"%d" % number)
    assert (QUEUE + 3, True, b"") == (viewer.dropped, viewer.behind, viewer._waiting.get_nowait())
    viewer.behind = False
    viewer.put(b"again")
    assert b"again" == viewer._waiting.get_nowait()


def test_who_hears_nothing_gets_a_sign(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a daemon that hangs is not taken for one that has nothing to say."""
    monkeypatch.setattr(audience, "_SIGN_S", 0.1)
    with closing(Looking(shown.port)) as looking:
        looking.next("all")
        assert {} == looking.next("now")


def test_an_event_says_what_is_there_of_it(tmp_path: Path) -> None:
    """Its sound, while its picture is to come; after a while, that the picture will not."""
    kept = tmp_path / "evidence"
    (kept / NAMED["audio"]).parent.mkdir(parents=True)
    (kept / NAMED["audio"]).write_bytes(b"fLaC")
    with paged(kept) as page, closing(Looking(page.port)) as looking:
        looking.next("all")
        page.board.event(event())
        [told] = looking.next("now")["events"]
        assert ("coming", {"audio": NAMED["audio"]}) == (told["kept"], told["files"])
        (kept / NAMED["picture"]).write_bytes(b"PNG")
        [told] = looking.next("now")["events"]
        assert ("there", NAMED) == (told["kept"], told["files"])


def test_close_lets_everybody_go(shown: Shown) -> None:
    """At once, also with somebody looking; twice is no error; another may have the port."""
    with closing(Looking(shown.port)) as looking:
        looking.next("all")
        shown.page.close()
        shown.page.close()
        with pytest.raises(AssertionError, match="ended"):
            looking.next("now")
    assert "page" not in {t.name for t in threading.enumerate()}


# --- what is remembered


def test_events_outlive_the_daemon(tmp_path: Path) -> None:
    """The latest step of each, and whether it was taken for normal; what was open then was interrupted."""
    for _ in range(2):
        with paged(kept=tmp_path / "barn.page") as page:
            page.board.event(event(stream="pump", evidence={}))
            page.board.switch("pump", "mark_normal", ID)
    entries = Board(["fan", "pump"], kept=(tmp_path / "barn.page").read_text()).entries()
    assert [("end", "interrupted", True)] == [(e.event["type"], e.event["reason"], e.marked) for e in entries]


@pytest.mark.parametrize("text", ["", "{", "[1]", '[{"event": {}}]', "null", '{"a": 1}'])
def test_what_is_no_memory_is_forgotten(text: str) -> None:
    """The page begins empty."""
    assert [] == list(Board(["fan"], kept=text).entries())


def test_a_refusal_is_told(shown: Shown) -> None:
    """Why an event could not be taken for normal."""
    shown.board.event(event())
    shown.board.refused("fan", ID, "nothing of it is kept")
    with closing(Looking(shown.port)) as looking:
        [told] = looking.next("all")["events"]
    assert (False, "nothing of it is kept") == (told["marked"], told["refused"])
