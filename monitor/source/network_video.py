"""A network stream as a source of pictures: the first in it, whatever its codec, size and rate."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from monitor.errors import SourceError
from monitor.records import Block
from monitor.source.remote import MOST_S, Remote
from monitor.source.ticks import Ticks
from monitor.source.view import Picture, View


class NetworkVideo:
    """A stream that is open from construction on. One thread runs `blocks`, once; `close` may come from another, and twice.

    Every frame is decoded, since the next one needs it, and the newest is taken when one is due. What is missing by the stream's own
    time stamps is a gap; where it has none, by when its frames came.

    Args:
        url: without a login.
        username: who logs in; nobody if none.
        password: theirs.
        rate_hz: rate of the items.
        view: what of a picture is looked at.

    Raises:
        SourceError: the stream cannot be opened, or has no picture.
    """

    def __init__(self, url: str, *, username: str | None, password: str | None, rate_hz: float, view: View) -> None:
        self.rate_hz = rate_hz
        self.item: tuple[int, ...] = (view.side, view.side, 3)
        self.dtype = "uint8"
        self._view = view
        self._remote = Remote(url, username=username, password=password, medium="video")

    def blocks(self) -> Iterator[Block]:
        """A block a frame that is taken, until `close`.

        Raises SourceError if the stream ends, waits or cannot be decoded, or if its picture does not have what is looked at.
        """
        ticks, clock = Ticks(self.rate_hz), Clock()
        for frame in self._remote.frames():
            now_s = time.monotonic()
            index = ticks.taken(clock.time_s(frame.time if self._remote.tells_time else None, now_s))
            if index is not None:
                yield self._block(index, frame, now_s)

    def close(self) -> None:
        """Ends `blocks` with the next that comes; what was opened is closed by the thread that reads it, or with its process."""
        self._remote.close()

    def _block(self, index: int, frame: Any, now_s: float) -> Block:
        picture: Picture = frame.to_ndarray(format="rgb24")
        try:
            return Block(index, self._view.item(picture)[None], now_s, self._view.shown(frame.width, frame.height))
        except SourceError as error:
            raise SourceError(f"{self._remote.name}: {error}") from None


class Clock:
    """A stream's time (s), from 0 at its first frame: by its own time stamps as long as they go on, else by when its frames come."""

    def __init__(self) -> None:
        self._time_s = 0.0
        self._own_s: float | None = None
        self._came_s: float | None = None

    def time_s(self, own_s: float | None, came_s: float) -> float:
        """Of a frame with this time stamp, if it has one, that came at this monotonic time."""
        passed_s = 0.0 if self._came_s is None else came_s - self._came_s
        if own_s is not None and self._own_s is not None and 0 <= own_s - self._own_s < MOST_S:
            passed_s = own_s - self._own_s
        self._own_s, self._came_s = own_s, came_s
        self._time_s += passed_s
        return self._time_s
