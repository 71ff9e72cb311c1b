"""The HTTP server: right answers to right requests, and no harm from any other."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from monitor.errors import SinkError
from monitor.sink import web as room
from monitor.sink.web import MOST, Web
from tests.asking import ask
from tests.broker import free_port, until


def page(environ: Any, start_response: Any) -> Iterable[bytes]:
    """A page that says hello."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hel", b"lo"]


def broken(environ: Any, start_response: Any) -> Iterable[bytes]:
    """A page that fails when it has begun."""
    start_response("200 OK", [])
    raise ZeroDivisionError("ours")


@pytest.fixture
def web() -> Iterator[Web]:
    """A server of two pages."""
    with closing(Web("127.0.0.1", 0, {"/hello": page, "/broken": broken})) as served:
        yield served


def sent(port: int, request: bytes) -> bytes:
    """All that comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(65536), b""))


def threads() -> list[str]:
    """Names of the threads that answer requests."""
    return [t.name for t in threading.enumerate() if "process_request_thread" in t.name]


def test_a_page_is_served(web: Web) -> None:
    """By its path, whatever the query."""
    for path in ("/hello", "/hello?a=b"):
        answer = ask(web.port, path)
        assert (200, "hello", "text/plain", "5") == (
            answer.status,
            answer.body,
            answer.headers["Content-Type"],
            answer.headers["Content-Length"],
        )


def test_head_is_the_page_without_its_body(web: Web) -> None:
    """The same headers."""
    answer = ask(web.port, "/hello", "HEAD")
    assert (200, "", "5") == (answer.status, answer.body, answer.headers["Content-Length"])


@pytest.mark.parametrize("path", ["/", "/hello/", "/Hello", "/../hello", "/%00", "/hello%2f"])
def test_any_other_path_is_not_found(web: Web, path: str) -> None:
    """404, also for what is nearly a page."""
    assert (404, "Not Found\n") == (ask(web.port, path).status, ask(web.port, path).body)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "hello"])
def test_any_other_method_is_refused(web: Web, method: str) -> None:
    """405, and what is allowed."""
    answer = ask(web.port, "/hello", method)
    assert (405, "GET, HEAD") == (answer.status, answer.headers["Allow"])


@pytest.mark.usefixtures("logs")
@pytest.mark.parametrize(
    "request_",
    [
        b"",
        b"\r\n\r\n",
        b"\x00\xff\x16\x03\x01\x02\x00",
        b"GET\r\n\r\n",
        b"GET /hello HTTP/9.9\r\n\r\n",
        b"GET /hello HTTP/x\r\n\r\n",
        b"GET /" + 70_000 * b"a" + b" HTTP/1.1\r\n\r\n",
        b"GET /hello HTTP/1.1\r\n" + 200 * b"A: b\r\n" + b"\r\n",
        b"GET /hello HTTP/1.1\r\nA: " + 70_000 * b"a" + b"\r\n\r\n",
        b"GET /hello HTTP/1.1\r\nContent-Length: -1\r\nno colon\r\n\r\n",
        b"GET /hello",
    ],
)
def test_a_garbled_request_hurts_nobody(web: Web, request_: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    """Refused or cut off, with nothing printed; the next one is answered."""
    try:
        answer = sent(web.port, request_)
    except (ConnectionResetError, BrokenPipeError):  # refused before all of it was read
        answer = b""
    assert b"Traceback" not in answer
    assert 200 == ask(web.port, "/hello").status
    assert ("", "") == capfd.readouterr()


@pytest.mark.usefixtures("logs")
def test_a_client_that_says_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """After a while, and without a word."""
    monkeypatch.setattr(room._Handler, "timeout", 0.05)
    with closing(Web("127.0.0.1", 0, {"/hello": page})) as web, socket.create_connection(("127.0.0.1", web.port), timeout=20) as silent:
        silent.sendall(b"GET /hel")
        assert b"" == silent.recv(100)
    assert ("", "") == capfd.readouterr()


def test_silent_clients_keep_nobody_waiting(web: Web) -> None:
    """However many there are, the newest is attended to; the threads are bounded."""
    with ExitStack() as open_:
        for _ in range(4 * MOST):
            client = open_.enter_context(socket.create_connection(("127.0.0.1", web.port), timeout=20))
            client.sendall(b"GET /hello HTTP/1.1\r\n")
        assert 200 == ask(web.port, "/hello").status
        until(lambda: len(threads()) <= MOST)
    until(lambda: threads() == [])


def test_a_page_that_fails_is_said(web: Web, logs: list[dict[str, object]], capfd: pytest.CaptureFixture[str]) -> None:
    """500 for the client, the cause for the log; the next request is answered."""
    assert (500, "Internal Server Error\n") == (ask(web.port, "/broken").status, ask(web.port, "/broken").body)
    assert {("web.failed", "/broken")} == {(entry["event"], entry["page"]) for entry in logs}
    assert 200 == ask(web.port, "/hello").status
    assert ("", "") == capfd.readouterr()


def test_close_gives_the_port_back(web: Web) -> None:
    """Also with a client connected, which is cut off; twice is no error; at once another may have the port."""
    with socket.create_connection(("127.0.0.1", web.port), timeout=20) as client:
        client.sendall(b"GET")
        until(lambda: threads() != [])
        web.close()
        web.close()
        assert b"" == client.recv(100)
    with closing(Web("127.0.0.1", web.port, {"/hello": page})) as other:
        assert web.port == other.port
        assert 200 == ask(other.port, "/hello").status
    assert "web" not in {t.name for t in threading.enumerate()}


def test_a_port_that_is_taken_is_named(web: Web) -> None:
    """One sentence: where, and why not."""
    with pytest.raises(SinkError, match=f"^127.0.0.1:{web.port}: cannot be listened on: Address already in use$"):
        Web("127.0.0.1", web.port, {})


def test_an_address_of_another_machine_is_named() -> None:
    """A host that is not ours, a name that nobody knows, and what is no name."""
    port = free_port()
    with pytest.raises(SinkError, match=f"^192.0.2.1:{port}: cannot be listened on: Cannot assign requested address$"):
        Web("192.0.2.1", port, {})
    with pytest.raises(SinkError, match=f"^no-such-host.invalid:{port}: cannot be listened on: "):
        Web("no-such-host.invalid", port, {})
    for host in ("a..b", 100 * "a" + ".b"):
        with pytest.raises(SinkError, match=f":{port}: cannot be listened on: expected a name or an address$"):
            Web(host, port, {})


def test_it_listens_where_it_is_told() -> None:
    """On one loopback address it is not there on another."""
    with closing(Web("127.0.0.2", 0, {"/hello": page})) as web, pytest.raises(ConnectionRefusedError):
        ask(web.port, "/hello")
