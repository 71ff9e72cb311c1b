"""A few pages over HTTP, for programs on the same machine."""

from __future__ import annotations

import io
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from http import HTTPStatus
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, TextIO
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import structlog

from monitor.errors import SinkError

PATIENCE_S = 5.0
"""How long a client may keep silent, or not read."""
MOST = 16
"""Clients that are attended to at once; one more, and the one that has taken longest is cut off."""

log = structlog.get_logger(__name__)


class Web:
    """Serves pages by their path, in the thread "web" and one for each request. `close` comes from the thread that made it.

    Args:
        port: 0 takes any that is free.
        pages: each answers GET; HEAD is made of it.
    """

    def __init__(self, host: str, port: int, pages: Mapping[str, WSGIApplication]) -> None:
        """Listens. Raises SinkError if it cannot."""
        try:
            self._server = _bound(host, port)
        except OSError as error:
            raise SinkError(f"{host}:{port}: cannot be listened on: {error.strerror}") from None
        except ValueError:  # what could not be a name at all does not even get to be looked up
            raise SinkError(f"{host!r}:{port}: cannot be listened on: expected a name or an address") from None
        self._server.set_app(_Pages(pages))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="web", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.server_port

    def close(self) -> None:
        """Gives the port back and cuts off whoever is connected; may be called twice."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(PATIENCE_S)


class _Pages:
    """The application: finds the page, and answers for it where it cannot."""

    def __init__(self, pages: Mapping[str, WSGIApplication]) -> None:
        self._pages = pages

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        page = self._pages.get(environ["PATH_INFO"])
        if page is None:
            return _said(HTTPStatus.NOT_FOUND, start_response)
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return _said(HTTPStatus.METHOD_NOT_ALLOWED, start_response, ("Allow", "GET, HEAD"))
        try:
            return _answered(page, environ, start_response)
        except Exception:  # a fault of ours: this answer is lost, and everything else goes on
            log.error("web.failed", page=environ["PATH_INFO"], exc_info=True)
            return _said(HTTPStatus.INTERNAL_SERVER_ERROR, start_response)


def _answered(page: WSGIApplication, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """The page's answer, once it is whole; without its body if that was not asked for."""
    head: list[tuple[str, list[tuple[str, str]]]] = []

    def begin(status: str, headers: list[tuple[str, str]], _error: object = None, /) -> Callable[[bytes], object]:
        head.append((status, headers))
        return lambda data: None

    body = b"".join(page({**environ, "REQUEST_METHOD": "GET"}, begin))
    status, headers = head[-1]
    start_response(status, [*headers, ("Content-Length", str(len(body)))])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def _said(status: HTTPStatus, start_response: StartResponse, *headers: tuple[str, str]) -> Iterable[bytes]:
    start_response(f"{status.value} {status.phrase}", [("Content-Type", "text/plain"), *headers])
    return [f"{status.phrase}\n".encode()]


def _bound(host: str, port: int) -> _Server:
    """A server that listens. Raises OSError, ValueError."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    return (_Server6 if family == socket.AF_INET6 else _Server)((str(address[0]), port), _Handler)


class _Handler(WSGIRequestHandler):
    """One request. What is wrong with it is the client's to know, not the log's."""

    timeout = PATIENCE_S

    def log_message(self, *_: Any) -> None:
        """Left out."""

    def get_stderr(self) -> TextIO:
        """Nowhere."""
        return io.StringIO()


class _Server(ThreadingMixIn, WSGIServer):
    """A thread for each of a few clients."""

    daemon_threads = True
    request_queue_size = 4 * MOST  # who finds it full tries again after a second, and then after more

    def __init__(self, *args: Any) -> None:
        self._clients: dict[Any, None] = {}
        super().__init__(*args)

    def server_bind(self) -> None:
        """As in the base class, which also asks the network for this machine's name, and may wait for an answer."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Makes room for the newest: who is done in milliseconds shall not wait for who is not."""
        for client in list(self._clients)[: 1 - MOST]:
            self._cut(client)
        self._clients[request] = None
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forgets the client, too."""
        self._clients.pop(request, None)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Cuts off whoever is connected, too."""
        super().server_close()
        for client in list(self._clients):
            self._cut(client)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away, or that said nothing for too long."""
        log.debug("web.cut", reason=repr(sys.exception()))

    def _cut(self, client: Any) -> None:
        """Its thread reads the end, and closes it."""
        self._clients.pop(client, None)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)


class _Server6(_Server):
    address_family = socket.AF_INET6
