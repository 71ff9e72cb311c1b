"""What the page answers: the page itself, what goes on, what was kept of events, and commands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib.resources import files
from urllib.parse import parse_qs

import structlog
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from monitor.command import CommandError, parse
from monitor.evidence.overlay import png
from monitor.page.access import Access
from monitor.page.audience import Audience
from monitor.page.clips import Clips
from monitor.page.guard import Guard
from monitor.page.scene import Scene
from monitor.records import Command
from monitor.sparing import Sparing

PATIENCE_S = 5.0
"""How long what somebody sends may take."""
STALLED_S = 30.0
"""Who looks and reads nothing for so long is gone."""
STREAM = "text/event-stream"
_MOST_BYTES = 2000
_MEDIA = {".flac": "audio/flac", ".png": "image/png", ".js": "text/javascript", ".css": "text/css"}

log = structlog.get_logger(__name__)


class App:
    """Answers requests, in the page's loop.

    Args:
        commanded: takes a command, and only hands it on.
    """

    def __init__(self, access: Access, audience: Audience, scene: Scene, clips: Clips, commanded: Callable[[Command], None]) -> None:
        self._access, self._audience, self._scene, self._clips, self._commanded = access, audience, scene, clips, commanded
        self._sparing = Sparing()
        self._frames: dict[str, tuple[int, bytes]] = {}
        """By stream, its last picture, and the index after it."""
        folder = files("monitor.page") / "static"
        self._static = {path.name: path.read_bytes() for path in folder.iterdir()}
        routes = [
            Route("/", self._page),
            Route("/login", self._form),
            Route("/login", self._login, methods=["POST"]),
            Route("/logout", self._logout, methods=["POST"]),
            Route("/static/{name}", self._part),
            Route("/session", self._session),
            Route("/live", self._live),
            Route("/frame/{stream}", self._frame),
            Route("/evidence/{named:path}", self._evidence),
            Route("/stream/{stream}/{switch}", self._command, methods=["POST"]),
        ]
        self.asgi: ASGIApp = Guard(Starlette(routes=routes, exception_handlers={Exception: _failed}), access)
        """As a server takes it."""

    async def _page(self, request: Request) -> Response:
        return Response(self._static["page.html"], media_type="text/html")

    async def _form(self, request: Request) -> Response:
        if self._access.knows(request.headers, request.cookies):
            return RedirectResponse("/", 303)
        return self._asked("")

    async def _login(self, request: Request) -> Response:
        body = await _sent(request)
        said = parse_qs((body or b"").decode(errors="replace")).get("token", [""])[0].strip()
        if not self._access.is_token(said):
            if self._sparing.lets():
                log.warning("page.refused", reason="wrong token")
            return self._asked("That is not the token.", 401)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(self._access.cookie, self._access.session, max_age=30 * 86400, httponly=True, samesite="strict")
        return answer

    async def _logout(self, request: Request) -> Response:
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(self._access.cookie, httponly=True, samesite="strict")
        return answer

    def _asked(self, wrong: str, status: int = 200) -> Response:
        text = self._static["login.html"].replace(b"{wrong}", wrong.encode())
        return Response(text, status, media_type="text/html")

    async def _part(self, request: Request) -> Response:
        name = request.path_params["name"]
        media = _MEDIA.get(name[name.rfind(".") :])
        if media is None or name not in self._static:
            return _said(404, "no such file")
        return Response(self._static[name], media_type=media, headers={"cache-control": "no-cache"})

    async def _session(self, request: Request) -> Response:
        """Whether somebody may look: answered at all."""
        return PlainTextResponse("you may look\n")

    async def _live(self, request: Request) -> Response:
        if request.method == "HEAD":
            return Response(media_type=STREAM)
        return _said(503, "too many look already") if self._audience.full else Live(self._audience)

    async def _frame(self, request: Request) -> Response:
        """The last picture of a stream that is seen, made once for all who look."""
        stream = request.path_params["stream"]
        watch = self._scene.watches.get(stream)
        if watch is None or watch.identity.kind != "image":
            return _said(404, "no such camera")
        end = watch.ring.end
        if self._frames.get(stream, (0, b""))[0] != end and (frame := watch.ring.read(end - 1, end)) is not None:
            self._frames[stream] = end, png(frame[0])
        _, picture = self._frames.get(stream, (0, b""))
        return Response(picture, media_type="image/png") if picture else _said(404, "no picture yet")

    async def _evidence(self, request: Request) -> Response:
        path = self._clips.file(request.path_params["named"])
        if path is None:
            return _said(404, "no such evidence, or no longer")
        return FileResponse(path, media_type=_MEDIA[path.suffix], stat_result=path.stat())

    async def _command(self, request: Request) -> Response:
        stream, switch = request.path_params["stream"], request.path_params["switch"]
        if stream not in self._scene.streams:
            return _said(404, f"no stream {stream[:40]!r}, expected one of {', '.join(self._scene.streams)}")
        body = await _sent(request)
        if body is None:
            return _said(413, f"expected at most {_MOST_BYTES} bytes, within {PATIENCE_S:g} s")
        try:
            command = parse(stream, switch, body)
        except CommandError as error:
            return _said(422, str(error))
        self._commanded(command)
        return _said(202, "taken")


class Live(Response):
    """All that goes on, as server-sent events, until whoever looks leaves, reads nothing any more, or is let go."""

    def __init__(self, audience: Audience) -> None:
        super().__init__(media_type=STREAM, headers={"cache-control": "no-store"})
        del self.headers["content-length"]
        self._audience = audience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Tells it."""
        viewer = self._audience.join()
        leaves = asyncio.create_task(_left(receive))
        leaves.add_done_callback(lambda _: viewer.end())
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            told: bytes | None = b""
            while told is not None:
                async with asyncio.timeout(STALLED_S):
                    await send({"type": "http.response.body", "body": told or self._audience.whole(viewer), "more_body": True})
                told = await viewer.take()
            await send({"type": "http.response.body", "body": b""})
        except TimeoutError:
            log.debug("page.stalled")
        finally:
            leaves.cancel()
            self._audience.leave(viewer)


async def _left(receive: Receive) -> None:
    """Returns when whoever asked is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _sent(request: Request) -> bytes | None:
    """What was sent, if it is not too much and came in time."""
    body = b""
    try:
        async with asyncio.timeout(PATIENCE_S):
            async for piece in request.stream():
                body += piece
                if len(body) > _MOST_BYTES:
                    return None
    except (TimeoutError, ClientDisconnect):
        return None
    return body


async def _failed(request: Request, error: Exception) -> Response:
    """Of a fault of ours: this answer is lost, and everything else goes on."""
    log.error("page.failed", path=request.scope["path"][:100], exc_info=error)
    return _said(500, "a fault of ours, the log has it whole")


def _said(status: int, text: str) -> Response:
    return PlainTextResponse(f"{text}\n", status)
