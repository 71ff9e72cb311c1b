"""What is kept of an event of a camera: its strangest frame, what normal would have been, and where they differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from monitor.config import EvidenceConfig
from monitor.errors import OutOfMemoryError
from monitor.evidence import Pictured
from monitor.evidence.overlay import overlay, png, reconstruction
from monitor.evidence.store import Store
from monitor.flac import write_bytes
from monitor.records import Box, Event, Explanation, Items, Window
from monitor.ring import Ring

Explain = Callable[[Sequence[Window]], Sequence[Explanation]]
"""What windows were judged by. Raises OutOfMemoryError."""


def suffixes(config: EvidenceConfig) -> dict[str, str]:
    """How the files end, by what an event calls them."""
    return {name: f"-{name}.png" for name in ("frame", "reconstruction", "overlay") if config.picture}


class ImageExhibit:
    """Three pictures, there soon after the event began, and put anew in their places when a later frame is stranger.

    Args:
        event: its `new`.
        ring: of the stream.
        store: where the files go.
        explain: of one frame.
        pictured: is handed the overlay.
    """

    def __init__(self, event: Event, *, ring: Ring, store: Store, explain: Explain, pictured: Pictured) -> None:
        self._ring, self._store, self._explain, self._pictured = ring, store, explain, pictured
        self._score = float("-inf")
        self._waiting: tuple[Event, Window] | None = None
        self.tell(event)

    def tell(self, event: Event) -> None:
        """Takes the frame out of the ring, if it is stranger than the one before and still there."""
        self._ended = event.type == "end"
        index = strangest(event.start_index, event.where, self._ring.rate_hz)
        if event.peak_score <= self._score:
            return
        frame = self._ring.read(index, index + 1)
        if frame is not None:
            self._waiting, self._score = (event, Window(event.stream, index, frame, 0)), event.peak_score
        elif event.type == "new":
            self._store.skip(event, f"frame {index} is not in the ring any more")

    def behind(self) -> bool:
        """A frame is taken as soon as the event is told."""
        return False

    def advance(self, now_s: float) -> bool:
        """Draws what waits; whether the event has ended."""
        self._draw()
        return self._ended

    def finish(self) -> Callable[[], None] | None:
        """What draws the frame that waits."""
        return None if self._waiting is None else self._draw

    def discard(self) -> None:
        """Nothing is there that is not whole."""

    def _draw(self) -> None:
        if self._waiting is None:
            return
        (event, window), self._waiting = self._waiting, None
        try:
            found = self._explain([window])[0]
        except OutOfMemoryError as error:
            self._store.skip(event, str(error))
            return
        box = in_item(event.where, self._ring.shown_at(window.start), window.items)
        frame = window.items[0]
        seen = png(overlay(frame, found.heat, box))
        for name, picture in (("frame", png(frame)), ("reconstruction", png(reconstruction(frame, found))), ("overlay", seen)):
            self._store.finish(partial(write_bytes, self._store.folder / event.evidence[name], picture))
        self._pictured(event.stream, seen)


def strangest(start_index: int, where: Mapping[str, float], rate_hz: float) -> int:
    """Absolute index of an event's strangest item, of where it is said to be."""
    return start_index + round(where["start_s"] * rate_hz)


def in_item(where: Mapping[str, float], shown: Box | None, items: Items) -> Box:
    """An event's box in pixels of the items `[n, H, W, 3]`; without `shown` it is said in shares of the picture."""
    height, width = items.shape[1:3]
    left, top, across, down = shown or (0.0, 0.0, 1.0, 1.0)
    x, y = (where["x"] - left) / across, (where["y"] - top) / down
    return x * width, y * height, where["width"] / across * width, where["height"] / down * height
