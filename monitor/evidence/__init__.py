"""What is kept of how an event sounded or looked, on disk, for as long as there is room."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from monitor.records import Event


class Exhibit(Protocol):
    """What is kept of one event. The thread "evidence" calls it, but for `behind`."""

    def tell(self, event: Event) -> None:
        """Takes in what else is told of the event."""

    def behind(self) -> bool:
        """Whether what it still needs will soon be overwritten; any thread may ask."""

    def advance(self, now_s: float) -> bool:
        """Goes on with what is there; whether nothing more is to come. `now_s` is monotonic."""

    def finish(self) -> Callable[[], None] | None:
        """Makes whole what there is, for good; what remains to be drawn if there is time, none if nothing."""

    def discard(self) -> None:
        """Gives it up, and leaves nothing behind that is not whole."""


Begin = Callable[[Event], Exhibit]
"""Begins an exhibit with an event's `new`."""

Pictured = Callable[[str, bytes], None]
"""Takes the picture of a stream's last event, a PNG."""
