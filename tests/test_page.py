"""The live page's server: who may look, who may command, and what is answered."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from monitor.errors import SettingError, SinkError
from monitor.page.access import Access, token
from monitor.page.server import listen
from monitor.records import Command
from tests.asking import Answer, ask
from tests.paged import ID, NAMED, Shown, paged

TOKEN = "correct-horse-battery"


@pytest.fixture
def shown() -> Iterator[Shown]:
    """A page that whoever reaches it may look at."""
    with paged() as page:
        yield page


def said(page: Shown, path: str, body: str, **headers: str) -> Answer:
    """The answer to a command from the page itself, but for the headers."""
    return ask(page.port, path, "POST", body, **{"Origin": f"http://127.0.0.1:{page.port}", **headers})


# --- who may look


def test_the_page_is_there_and_is_its_own(shown: Shown) -> None:
    """It loads nothing from elsewhere, and runs nothing that is written into it."""
    answer = ask(shown.port, "/")
    assert (200, "text/html; charset=utf-8") == (answer.status, answer.headers["content-type"])
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self';" in policy
    assert "unsafe" not in policy
    assert "http" not in answer.body.replace("http-equiv", "")
    for name in ("page.js", "card.js", "told.js", "draw.js", "make.js", "words.js", "page.css"):
        assert 200 == ask(shown.port, f"/static/{name}").status


@pytest.mark.parametrize("host", ["evil.example", "evil.example:9465", "", "[", "127.0.0.1.evil.example"])
def test_another_name_does_not_reach_an_open_page(shown: Shown, host: str) -> None:
    """Some other page could have its own name point to this machine, and then read all."""
    assert 421 == ask(shown.port, "/session", Host=host).status
    assert 200 == ask(shown.port, "/session", Host="localhost:1234").status


def test_with_a_token_nothing_is_seen_without() -> None:
    """The page leads to the form, everything else is refused; the header or the cookie lets in."""
    with paged(token=TOKEN) as page:
        assert (303, "/login") == ((answer := ask(page.port, "/")).status, answer.headers["location"])
        assert [401, 401, 401, 401] == [ask(page.port, path).status for path in ("/live", "/session", "/frame/fan", "/evidence/a/b/c")]
        assert 401 == said(page, "/stream/fan/enabled", "OFF").status
        for wrong in ("Bearer", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN, "Bearer \xff"):
            assert 401 == ask(page.port, "/session", Authorization=wrong).status
        assert 200 == ask(page.port, "/session", Authorization=f"Bearer {TOKEN}").status
        answer = said(page, "/login", f"token={TOKEN}")
        cookie, *rules = answer.headers["set-cookie"].split("; ")
        assert (303, {"HttpOnly", "SameSite=strict", "Path=/"}) == (answer.status, {"HttpOnly", "SameSite=strict", "Path=/"} & set(rules))
        assert TOKEN not in cookie
        assert [200, 401] == [ask(page.port, "/session", Cookie=each).status for each in (cookie, f"{cookie}0")]
        assert page.orders.empty()


@pytest.mark.parametrize("host", ["x/login?", "x/login#", "127.0.0.1/static/page.css?"])
@pytest.mark.parametrize(
    "path", ["/live", "/session", "//login", "/login/", "/login/../session", "/static/../session", "/static/page.css/x"]
)
def test_nobody_talks_their_way_in(host: str, path: str) -> None:
    """What a request says of its host or its path makes no open page of another one."""
    with paged(token=TOKEN) as page:
        assert 401 == ask(page.port, path, Host=host).status


def test_a_wrong_token_is_refused(logs: list[dict[str, object]]) -> None:
    """By the form as well, without a cookie; the log does not repeat it."""
    with paged(token=TOKEN) as page:
        answer = said(page, "/login", "token=hunter2")
        assert (401, False, True) == (answer.status, "set-cookie" in answer.headers, "That is not the token." in answer.body)
    assert ["page.refused"] == [entry["event"] for entry in logs]
    assert "hunter2" not in str(logs)


@pytest.mark.parametrize("text", ["", "short", "with some spaces in it", "ü" * 20, "x" * 201])
def test_a_token_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    """A guess must not find it, and a header must be able to hold it."""
    (tmp_path / "token").write_text(text)
    with pytest.raises(SettingError, match=r"^web.token_file: .*/token: the first line is "):
        token(tmp_path / "token", key="web.token_file")


def test_a_session_goes_with_its_token() -> None:
    """The same after a restart; another token, or another box, knows another."""
    sessions = [Access(each, host="0.0.0.0", node=node) for each, node in ((TOKEN, "barn"), (TOKEN, "barn"), (TOKEN[::-1], "hall"))]  # noqa: S104
    assert sessions[0].session == sessions[1].session != sessions[2].session
    assert sessions[0].cookie == sessions[1].cookie != sessions[2].cookie


# --- who may command, and what


@pytest.mark.parametrize(
    ("path", "body", "command"),
    [
        ("/stream/fan/enabled", "OFF", Command("fan", "enabled", value=False)),
        ("/stream/pump/false_alarms_per_day", "2.5", Command("pump", "false_alarms_per_day", 2.5)),
        ("/stream/fan/silence_min", "60", Command("fan", "silence_min", 60.0)),
        ("/stream/fan/mark_normal", ID, Command("fan", "mark_normal", ID)),
    ],
)
def test_a_command_goes_the_way_of_all_commands(shown: Shown, path: str, body: str, command: Command) -> None:
    """It waits to be obeyed by who obeys those that come over MQTT."""
    assert 202 == said(shown, path, body).status
    assert command == shown.orders.get_nowait()


@pytest.mark.parametrize(
    ("path", "body", "status", "reason"),
    [
        ("/stream/fan/enabled", "maybe", 422, "'maybe': expected ON or OFF"),
        ("/stream/fan/false_alarms_per_day", "0", 422, "'0': expected a number from 0.01 to 1000"),
        ("/stream/fan/silence_min", "NaN", 422, "'NaN': expected a number from 0 to 10080"),
        ("/stream/fan/mark_normal", "../../etc/passwd", 422, "'../../etc/passwd': expected the id of an event, 16 hex digits"),
        ("/stream/fan/reboot", "1", 422, "no switch 'reboot', expected one of "),
        ("/stream/roof/enabled", "OFF", 404, "no stream 'roof', expected one of fan, pump"),
        ("/stream/fan/enabled", "O" * 3000, 413, "expected at most 2000 bytes, within 5 s"),
    ],
)
def test_a_garbled_command_is_refused(shown: Shown, path: str, body: str, status: int, reason: str) -> None:
    """With a sentence, and nothing happens."""
    answer = said(shown, path, body)
    assert (status, True) == (answer.status, answer.body.startswith(reason))
    assert shown.orders.empty()


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "", "https://127.0.0.1", "http://127.0.0.1:1"])
def test_no_other_page_may_command(shown: Shown, origin: str) -> None:
    """A browser says from where a request comes; who does not say so bears the token."""
    assert 403 == said(shown, "/stream/fan/enabled", "OFF", Origin=origin).status
    assert 403 == ask(shown.port, "/stream/fan/enabled", "POST", "OFF").status
    assert shown.orders.empty()
    with paged(token=TOKEN) as page:
        assert 202 == ask(page.port, "/stream/fan/enabled", "POST", "OFF", Authorization=f"Bearer {TOKEN}").status


@pytest.mark.parametrize(
    "request_", [b"\r\n\r\n", b"\x00\xff\x16\x03\x01", b"GET\r\n\r\n", b"GET /" + 70_000 * b"a", b"GET / HTTP/9\r\n\r\n"]
)
def test_a_garbled_request_hurts_nobody(shown: Shown, request_: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    """Refused or cut off, with nothing printed; the next one is answered."""
    # It may be refused before all of it was read.
    with suppress(ConnectionResetError, BrokenPipeError), socket.create_connection(("127.0.0.1", shown.port), timeout=20) as client:
        client.sendall(request_)
        client.shutdown(socket.SHUT_WR)
        assert b"Traceback" not in b"".join(iter(lambda: client.recv(65536), b""))
    assert 200 == ask(shown.port, "/session").status
    assert ("", "") == capfd.readouterr()


# --- what was kept of events


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A folder of evidence with an event's sound, and things that are none."""
    folder = tmp_path / "evidence"
    (folder / NAMED["audio"]).parent.mkdir(parents=True)
    (folder / NAMED["audio"]).write_bytes(b"fLaC" + bytes(1000))
    (tmp_path / "secret.png").write_bytes(b"secret")
    (folder / "fan" / "2026-01-02" / f"030405-{'0' * 16}.png").symlink_to(tmp_path / "secret.png")
    (folder / "fan" / "2026-01-02" / "notes.txt").write_text("secret")
    (folder / "hall").symlink_to(folder / "fan")
    return folder


def test_evidence_is_served_in_parts(kept: Path) -> None:
    """Whole, or the part that a player asks for."""
    with paged(kept) as page:
        whole = ask(page.port, f"/evidence/{NAMED['audio']}")
        assert (200, "audio/flac", "1004") == (whole.status, whole.headers["content-type"], whole.headers["content-length"])
        part = ask(page.port, f"/evidence/{NAMED['audio']}", Range="bytes=0-3")
        assert (206, "fLaC") == (part.status, part.body)


@pytest.mark.parametrize(
    "named",
    [
        "../secret.png",
        "fan/2026-01-02/../../../secret.png",
        "fan/2026-01-02/..%2f..%2f..%2fsecret.png",
        "%2fetc/passwd",
        "fan/2026-01-02/notes.txt",
        f"fan/2026-01-02/030405-{'0' * 16}.png",
        NAMED["audio"].replace("fan", "hall", 1),
        NAMED["audio"] + "%00",
        "fan/2026-01-02",
        "",
    ],
)
def test_nothing_else_is_served(kept: Path, named: str) -> None:
    """Nothing beside the folder, no link, nothing that is not named like evidence."""
    with paged(kept) as page:
        answer = ask(page.port, f"/evidence/{named}")
        assert (404, False) == (answer.status, "secret" in answer.body)


# --- the port


def test_a_port_that_is_taken_is_named(shown: Shown) -> None:
    """One sentence: where, and why not."""
    with pytest.raises(SinkError, match=f"^127.0.0.1:{shown.port}: cannot be listened on: Address already in use$"):
        listen("127.0.0.1", shown.port)


def test_who_says_nothing_is_cut_off(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while, so that silent connections keep nobody out."""
    from monitor.page import server

    monkeypatch.setattr(server, "PATIENCE_S", 0.05)
    with socket.create_connection(("127.0.0.1", shown.port), timeout=20) as silent:
        silent.sendall(b"GET /ses")
        with suppress(ConnectionResetError):
            assert b"" == silent.recv(100)
