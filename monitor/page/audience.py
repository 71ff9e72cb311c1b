"""Those who look, and how what has changed gets to them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from monitor.page.scene import Scene
from monitor.sink.payload import json_text

MOST = 16
"""Who may look at the same time."""
QUEUE = 40
"""Messages that may wait for one of them: about ten seconds."""
_TICK_S = 0.25
_SIGN_S = 5.0
"""Somebody who hears nothing for longer may take the daemon for dead."""


class Viewer:
    """What waits for somebody who looks. Lives in the page's loop."""

    def __init__(self) -> None:
        self.dropped = 0
        """Messages that were dropped because too many waited."""
        self._waiting: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUE)
        self.behind = True
        """Whether something was dropped, or nothing told yet: everything has to be told."""

    def put(self, message: bytes) -> None:
        """Appends, or drops all that waits: half of what happened is worse than to begin anew."""
        if self.behind:
            self.dropped += 1
        elif self._waiting.full():
            self.dropped += self._waiting.qsize() + 1
            self._empty()
            self.behind = True
            self._waiting.put_nowait(b"")
        else:
            self._waiting.put_nowait(message)

    def end(self) -> None:
        """Lets it go."""
        self._empty()
        self._waiting.put_nowait(None)

    async def take(self) -> bytes | None:
        """The next message; empty if everything is to be told anew, none at the end."""
        return await self._waiting.get()

    def _empty(self) -> None:
        while not self._waiting.empty():
            self._waiting.get_nowait()


class Audience:
    """Tells everybody what has changed, a few times a second, and does nothing while nobody looks. Lives in the page's loop."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._viewers: set[Viewer] = set()
        self._telling: asyncio.Task[None] | None = None
        self._left = 0
        self._ended = False

    @property
    def counters(self) -> Mapping[str, object]:
        """Who looks, and what was dropped because they were slow; any thread may ask."""
        viewers = list(self._viewers)
        return {"page.viewers": len(viewers), "page.dropped": self._left + sum(v.dropped for v in viewers)}

    @property
    def full(self) -> bool:
        """Whether nobody else may look."""
        return self._ended or len(self._viewers) >= MOST

    def join(self) -> Viewer:
        """Somebody else who looks."""
        viewer = Viewer()
        if not self._viewers:
            self._scene.begin()
            self._telling = asyncio.create_task(self._tell(), name="audience")
        self._viewers.add(viewer)
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """Looks no more; may be called twice."""
        if viewer not in self._viewers:
            return
        self._viewers.remove(viewer)
        self._left += viewer.dropped
        if not self._viewers and self._telling is not None:
            self._telling.cancel()
            self._telling = None

    def whole(self, viewer: Viewer) -> bytes:
        """Everything, for who is behind; from here on what changes is enough."""
        self._tell_changes(but=viewer)
        viewer.behind = False
        return message("all", json_text(self._scene.whole()))

    def end(self) -> None:
        """Lets everybody go, and nobody in."""
        self._ended = True
        for viewer in list(self._viewers):
            viewer.end()

    async def _tell(self) -> None:
        loop = asyncio.get_running_loop()
        sign_s = loop.time()
        while True:
            await asyncio.sleep(_TICK_S)
            if self._tell_changes():
                sign_s = loop.time()
            elif loop.time() - sign_s >= _SIGN_S:
                sign_s = loop.time()
                self._put(message("now", "{}"))

    def _tell_changes(self, *, but: Viewer | None = None) -> bool:
        """Whether there was something to tell; to all but one."""
        changed = self._scene.changed()
        if changed:
            self._put(message("now", json_text(changed)), but=but)
        return bool(changed)

    def _put(self, told: bytes, *, but: Viewer | None = None) -> None:
        for viewer in self._viewers - {but}:
            viewer.put(told)


def message(name: str, data: str) -> bytes:
    """A server-sent event."""
    return f"event: {name}\ndata: {data}\n\n".encode()
