"""What is kept of an event of sound: a clip, and the picture of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from monitor.config import EvidenceConfig
from monitor.evidence import Pictured
from monitor.evidence.clip import Clip
from monitor.evidence.spectrogram import Spectrogram
from monitor.evidence.store import Store
from monitor.flac import Sound, write_bytes
from monitor.records import Event, Items
from monitor.ring import Ring


def suffixes(config: EvidenceConfig) -> dict[str, str]:
    """How the files end, by what an event calls them."""
    return ({"audio": ".flac"} if config.audio else {}) | ({"picture": ".png"} if config.picture else {})


class AudioExhibit:
    """A FLAC that grows while the event lasts, and its spectrogram, drawn at the end.

    Args:
        event: its `new`.
        ring: of the stream.
        store: where the files go.
        config: what is kept.
        pictured: is handed the picture.
    """

    def __init__(self, event: Event, *, ring: Ring, store: Store, config: EvidenceConfig, pictured: Pictured) -> None:
        self._store, self._pictured = store, pictured
        self._sound: Sound | None = None
        if config.audio:
            store.attempt(partial(self._begin_sound, event, round(ring.rate_hz)))
        self._spectrogram = Spectrogram(ring.rate_hz) if config.picture else None
        self._clip = Clip(event, ring, config, self._hear)

    def tell(self, event: Event) -> None:
        """Takes in what else is told of the event."""
        self._clip.tell(event)

    def behind(self) -> bool:
        """Whether the ring will soon overwrite what belongs to the clip."""
        return self._clip.behind()

    def advance(self, now_s: float) -> bool:
        """Takes sound out of the ring; whether that was all."""
        return self._clip.advance(now_s)

    def finish(self) -> Callable[[], None] | None:
        """Puts the clip in its place, with what is there; what draws the picture."""
        self._clip.close()
        if not self._clip.seconds:
            self.discard()
            self._store.skip(self._clip.event, "its sound was overwritten before it could be taken")
            return None
        if self._sound is not None:
            self._store.finish(self._sound.finish)
            self._sound = None
        return None if self._spectrogram is None else partial(self._draw, self._spectrogram)

    def discard(self) -> None:
        """Removes the clip, if it is not whole."""
        if self._sound is not None:
            self._sound.discard()

    def _begin_sound(self, event: Event, rate_hz: int) -> None:
        self._sound = Sound(self._store.folder / event.evidence["audio"], rate_hz)

    def _hear(self, items: Items) -> None:
        if self._spectrogram is not None:
            self._spectrogram.add(items)
        if self._sound is not None and not self._store.attempt(partial(self._sound.write, items)):
            self._sound = None

    def _draw(self, spectrogram: Spectrogram) -> None:
        from monitor.evidence.drawing import draw

        event = self._clip.event
        png = draw(spectrogram, self._clip.seconds, event, self._clip.start_s)
        self._store.finish(partial(write_bytes, self._store.folder / event.evidence["picture"], png))
        self._pictured(event.stream, png)
