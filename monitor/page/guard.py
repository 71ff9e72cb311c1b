"""What every request has to pass, and what every answer carries."""

from __future__ import annotations

import re

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monitor.page.access import Access

_OPEN = re.compile(r"/login|/static/[a-z.]+")
"""For who is yet to say the token."""
_READS = frozenset({"GET", "HEAD"})
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    # Without it a form would send no origin.
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
}
"""Of every answer, unless it says otherwise."""


class Guard:
    """Around the application: lets in who may look, lets command who may, and adds headers."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            return

        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await (self._refusal(Request(scope)) or self._app)(scope, receive, headed)

    def _refusal(self, request: Request) -> ASGIApp | None:
        """The answer to who may not, if they may not."""
        # Not `request.url`: that is made of what the request says its host is.
        headers, path = request.headers, request.scope["path"]
        if not self._access.named(headers):
            return _said(421, "this page is not known by that name, expected localhost or the configured host")
        if not _OPEN.fullmatch(path) and not self._access.knows(headers, request.cookies):
            if path == "/" and request.method in _READS:
                return RedirectResponse("/login", 303)
            return PlainTextResponse("the token is needed\n", 401, {"www-authenticate": "Bearer"})
        if request.method not in _READS and not self._access.commands(headers):
            return _said(403, "this does not come from the page itself: expected its Origin, or Authorization: Bearer and the token")
        return None


def _said(status: int, text: str) -> ASGIApp:
    return PlainTextResponse(f"{text}\n", status)
