"""A sink that keeps evidence, in a thread of its own: scoring waits neither for the disk nor for a picture."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import Empty, Full, Queue

import structlog

from monitor.config import EvidenceConfig
from monitor.evidence.clip import Clip
from monitor.evidence.names import Namer, namer
from monitor.evidence.spectrogram import Spectrogram
from monitor.evidence.store import Store
from monitor.flac import Sound, write_bytes
from monitor.records import Event, Items, Reading, StreamStatus
from monitor.ring import Ring

MOST = 32
"""Clips that may be open at the same time."""
CLOSE_S = 1.5
"""How long the end may take."""

_QUEUE = 1000
_TICK_S = 0.25
_HOUR_S = 3600.0

log = structlog.get_logger(__name__)


class Evidence:
    """A sink that never waits, but in `close`. One thread calls it; the thread "evidence" reads rings, writes, draws and deletes.

    Args:
        folder: made when the first file is written.
        config: what is kept, and for how long.
        pictured: is handed each picture, by stream, in the thread "evidence".
        clock: monotonic seconds.
    """

    def __init__(
        self,
        folder: Path,
        config: EvidenceConfig,
        *,
        pictured: Callable[[str, bytes], None] = lambda stream, png: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.rings: Mapping[str, Ring] = {}
        """By stream; to be set before the first event."""
        self.before_s = config.before
        """How far back from an event's start a ring must reach (s)."""
        self._config, self._pictured, self._clock = config, pictured, clock
        self._store = Store(folder, config)
        self._skipped = self._refused = 0  # each counted by one thread
        self._crowded = False
        self._clips: dict[str, Clip] = {}
        self._sounds: dict[str, Sound] = {}
        self._pictures: dict[str, Spectrogram] = {}
        self._steps: Queue[Event | None] = Queue(_QUEUE)
        self._leave_s = float("inf")
        self._thread = threading.Thread(target=self._run, name="evidence", daemon=True)
        self._thread.start()

    def namer(self, stream: str) -> Namer:
        """What events of a stream say of their evidence."""
        return namer(self._config, stream)

    def event(self, event: Event) -> None:
        """Begins a clip, or goes on with it."""
        try:
            self._steps.put_nowait(event)
        except Full:
            self._refused += event.type == "new"

    def reading(self, reading: Reading) -> None:
        """Left out."""

    def status(self, stream: str, status: StreamStatus) -> None:
        """Left out."""

    def stats(self, stats: dict[str, object]) -> None:
        """Left out."""

    def counters(self) -> dict[str, object]:
        """Files written, failed and deleted, and what was left out for want of room or time; any thread may ask."""
        store = self._store
        counts = {"written": store.written, "failed": store.failed, "deleted": store.deleted, "skipped": self._skipped + self._refused}
        return {f"evidence.{name}": count for name, count in counts.items()}

    def behind(self, stream: str) -> bool:
        """Whether a stream that can wait should, lest sound of an event is overwritten; any thread may ask."""
        if not self._thread.is_alive():
            return False
        # A step counts until it is taken in, and not only until it is taken out.
        return self._steps.unfinished_tasks > 0 or any(c.behind() for c in list(self._clips.values()) if c.event.stream == stream)

    def close(self) -> None:
        """Finishes what is open with what is there, within `CLOSE_S`; may be called twice."""
        if self._leave_s == float("inf"):
            self._leave_s = time.monotonic() + CLOSE_S
            with suppress(Full):  # then it leaves by the clock
                self._steps.put_nowait(None)
        self._thread.join(max(0.0, self._leave_s - time.monotonic()))

    def _run(self) -> None:
        try:
            self._store.clean()
            self._watch()
            self._leave()
        except Exception:  # a fault of ours: no more evidence until a restart, but nobody is to hear less for it
            log.exception("evidence.ended")
        finally:
            for sound in self._sounds.values():
                sound.discard()

    def _watch(self) -> None:
        """Goes on until it is to leave."""
        hour_s = self._clock()
        self._store.keep_within()
        while self._heed(_TICK_S if self._clips else 60.0):
            now_s = self._clock()
            for clip in [c for c in self._clips.values() if c.advance(now_s)]:
                self._finish_sound(clip)
                self._finish_picture(clip)
            if now_s - hour_s >= _HOUR_S:
                hour_s = now_s
                self._store.keep_within()

    def _heed(self, wait_s: float) -> bool:
        """Takes in all that was told, after a while at most; whether it goes on."""
        with suppress(Empty):
            event = self._steps.get(timeout=wait_s)
            while event is not None:
                self._take(event)
                self._steps.task_done()
                event = self._steps.get_nowait()
            return False
        return time.monotonic() < self._leave_s

    def _take(self, event: Event) -> None:
        if event.id in self._clips:
            self._clips[event.id].tell(event)
        elif event.type == "new" and event.stream in self.rings:
            self._begin(event, self.rings[event.stream])

    def _begin(self, event: Event, ring: Ring) -> None:
        if len(self._clips) >= MOST:
            self._skipped += 1
            if not self._crowded:
                log.warning("evidence.skipped", stream=event.stream, id=event.id, reason=f"{MOST} clips are open already")
            self._crowded = True
            return
        self._crowded = False
        if self._config.audio:
            self._store.attempt(partial(self._begin_sound, event, round(ring.rate_hz)))
        if self._config.picture:
            self._pictures[event.id] = Spectrogram(ring.rate_hz)
        self._clips[event.id] = Clip(event, ring, self._config, partial(self._hear, event.id))

    def _begin_sound(self, event: Event, rate_hz: int) -> None:
        self._sounds[event.id] = Sound(self._store.folder / event.evidence["audio"], rate_hz)

    def _hear(self, event: str, items: Items) -> None:
        if event in self._pictures:
            self._pictures[event].add(items)
        if event in self._sounds and not self._store.attempt(partial(self._sounds[event].write, items)):
            del self._sounds[event]

    def _finish_sound(self, clip: Clip) -> None:
        sound = self._sounds.pop(clip.event.id, None)
        if sound is not None:
            self._store.finish(sound.finish)

    def _finish_picture(self, clip: Clip) -> None:
        """Draws, and lets go of the clip."""
        from monitor.evidence.drawing import draw

        spectrogram = self._pictures.pop(clip.event.id, None)
        if spectrogram is not None and time.monotonic() < self._leave_s - CLOSE_S / 2:
            png = draw(spectrogram, clip.seconds, clip.event, clip.start_s)
            self._store.finish(partial(write_bytes, self._store.folder / clip.event.evidence["picture"], png))
            self._pictured(clip.event.stream, png)
        elif spectrogram is not None:
            self._skipped += 1
        del self._clips[clip.event.id]

    def _leave(self) -> None:
        """Every sound first, then pictures for as long as there is time."""
        clips = list(self._clips.values())
        for clip in clips:
            clip.close()
            self._finish_sound(clip)
        for clip in clips:
            self._finish_picture(clip)
