"""The page's server, in a thread and a loop of its own: nothing that hears waits for it."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import structlog
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from monitor.errors import DiffmonError, SinkError
from monitor.page.app import PATIENCE_S, App
from monitor.page.audience import Audience
from monitor.page.board import Board
from monitor.page.scene import Scene
from monitor.whole import write_whole

MOST = 64
"""Connections at once; who comes then is cut off."""
CLOSE_S = 2.0
"""How long the end may take."""
_KEEP_S = 1.0

log = structlog.get_logger(__name__)


class Page:
    """Serves the page in the thread "page". `close` comes from the thread that made it.

    Args:
        listening: where, as `listen` gave it.
        app: what is answered.
        audience: those who look.
        scene: what they see.
        board: whose events are kept over restarts.
        kept: file for that; none if there is no state folder.
    """

    def __init__(self, listening: socket.socket, app: App, audience: Audience, scene: Scene, board: Board, *, kept: Path | None) -> None:
        self._listening, self._audience, self._kept = listening, audience, kept
        self.board, self.scene = board, scene
        config = uvicorn.Config(
            app.asgi,
            http=_Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=round(PATIENCE_S),
            timeout_graceful_shutdown=1,
        )
        # What is wrong with a request is the client's to know; what is wrong with us, the application says.
        logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        self._server = uvicorn.Server(config)
        self._loop = asyncio.new_event_loop()
        self._keeping: asyncio.TimerHandle | None = None
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="page", daemon=True)
        self._thread.start()
        board.moved = self._moved

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listening.getsockname()[1])

    def counters(self) -> Mapping[str, object]:
        """Who looks; any thread may ask."""
        return self._audience.counters

    def close(self) -> None:
        """Lets everybody go, keeps the events, gives the port back; may be called twice."""
        self.board.moved = lambda: None
        with suppress(RuntimeError):  # it has ended
            self._loop.call_soon_threadsafe(self._leave)
        self._thread.join(CLOSE_S)
        self._listening.close()

    def _run(self) -> None:
        try:
            asyncio.set_event_loop(self._loop)
            self._loop.run_until_complete(self._server.serve(sockets=[self._listening]))
        except Exception:  # a fault of ours or of a library's: nobody sees the page any more, but nobody is to hear less for it
            log.exception("page.ended")
        finally:
            self._keep()
            self._loop.close()

    def _leave(self) -> None:
        self._audience.end()
        self._server.should_exit = True

    def _moved(self) -> None:
        """Has the events kept soon; never waits."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._soon)

    def _soon(self) -> None:
        if self._keeping is None:
            self._keeping = self._loop.call_later(_KEEP_S, self._keep)

    def _keep(self) -> None:
        self._keeping = None
        if self._kept is None:
            return
        try:
            write_whole(self._kept, self.board.text())
            self._failing = False
        except DiffmonError as error:
            if not self._failing:
                log.warning(
                    "page.not_kept", reason=str(error), expected="a disk that can be written; after a restart the page begins empty"
                )
            self._failing = True


class _Connection(H11Protocol):
    """One that has no endless time to say what it wants."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > MOST:
            transport.abort()
        self.loop.call_later(PATIENCE_S, self._hurry)

    def _hurry(self) -> None:
        if self.cycle is None and not self.transport.is_closing():
            self.transport.abort()


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises SinkError if it cannot."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server((str(address[0]), port), family=family)
    except OSError as error:  # what the library adds to its reason in brackets has been said
        raise SinkError(f"{host}:{port}: cannot be listened on: {str(error.strerror).partition(' (')[0]}") from None
    except ValueError:  # what could not be a name at all does not even get to be looked up
        raise SinkError(f"{host!r}:{port}: cannot be listened on: expected a name or an address") from None
