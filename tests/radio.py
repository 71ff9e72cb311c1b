"""A server that sends sound over HTTP as long as somebody listens: what a network source hears."""

from __future__ import annotations

import base64
import ssl
import struct
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

import numpy as np

RATE_HZ = 48_000
HZ = 440.0
USERNAME, PASSWORD = "listener", "p@ss/w:rd?hunter2"


class Radio:
    """Sends a tone in both channels, the right one 0.2 louder, paced after a first burst. Closing cuts every listener off.

    /tone goes on for ever, /hang sends 3 s and then nothing, /end 3 s and then the end, /nan not a number in the third second,
    /noise what is no sound, /secret asks for the login first; anything else is not there.
    """

    paths = ("/tone", "/hang", "/end", "/nan", "/noise", "/secret")

    def __init__(self, port: int = 0, *, tls: ssl.SSLContext | None = None) -> None:
        radio = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                radio._answer(self)

            def log_message(self, *_: Any) -> None: ...

        self.stopping = threading.Event()
        self.logins: list[str | None] = []
        ThreadingHTTPServer.allow_reuse_address = True
        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = False
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="radio")
        self._thread.start()

    def url(self, path: str) -> str:
        """Where it is heard."""
        return f"http://127.0.0.1:{self.port}{path}"

    def close(self) -> None:
        """Ends it, and waits for its threads; may be called twice."""
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        path = handler.path.partition("?")[0]
        if path not in self.paths:
            return handler.send_error(404)
        if path == "/secret":
            self.logins.append(handler.headers["Authorization"])
            if self.logins[-1] != "Basic " + base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode():
                handler.send_response(401)
                handler.send_header("WWW-Authenticate", 'Basic realm="radio"')
                return handler.end_headers()
        handler.send_response(200)
        handler.end_headers()
        with suppress(OSError):  # nobody listens any more
            self._send(handler.wfile, path)
        return None

    def _send(self, out: Any, path: str) -> None:
        if path == "/noise":
            out.write(np.random.default_rng(0).bytes(200_000))
            return
        out.write(header())
        for number in count():
            if number == 30 and path == "/end":
                return
            if number == 30 and path == "/hang":
                self.stopping.wait()
            if number >= 30 and self.stopping.wait(0.1):
                return
            out.write(np.full((4800, 2), np.nan, "<f4").tobytes() if number == 25 and path == "/nan" else tenth(number))


def header() -> bytes:
    """Of a WAV file of float samples whose length is unknown."""
    form = struct.pack("<HHIIHH", 3, 2, RATE_HZ, 8 * RATE_HZ, 8, 32)
    return b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0" + form + b"data\xff\xff\xff\xff"


def tenth(number: int) -> bytes:
    """A tenth of a second."""
    left = 0.3 * np.sin(2 * np.pi * HZ * np.arange(number * 4800, (number + 1) * 4800) / RATE_HZ)
    return np.stack([left, left + 0.2], axis=1).astype("<f4").tobytes()
