"""When a daemon under load is measured, and what came of it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from monitor.bench.feeding import Feeder, Voice
from monitor.bench.probe import Probe
from monitor.bench.track import Track
from monitor.errors import DiffmonError
from monitor.pipeline import Pipeline

START_S = 120.0
"""How long it may take until all streams are heard."""
_SETTLE_S = 1.0
_DRAIN_S = 10.0
"""So long it may take to judge what was spoken: what is slow must not be left out for being slow."""
_TOLD_S = 3.0
"""A fault that began so shortly before the end may not have been told."""


@dataclass(frozen=True, slots=True)
class Played:
    """What came of it, as far as it is known on this side of the broker. Times are monotonic, which is the machine's."""

    wanted: int
    """Windows that were wholly spoken while it was measured."""
    judged: int
    """Windows that were judged meanwhile."""
    dropped: int
    """Windows that could not be cut, and pieces that did not get as far."""
    seconds: float
    lags_s: list[float]
    """From a window's last item to its judgement, of every one that was spoken meanwhile and judged, be it a little later."""
    behind_s: float
    """How far the stream that was worst off was behind in the end, beyond a hop."""
    told: dict[str, float]
    """By the id of an event that began, when the last item of the window was spoken that it was told of."""
    onsets: list[tuple[str, float]]
    """Stream and time of every fault."""


@dataclass(slots=True)
class Timing:
    """When it is measured, in a thread beside the pipeline's."""

    pipeline: Pipeline
    feeding: Feeder
    probe: Probe
    length: int
    """Of a window."""
    hop: int
    seconds: float
    """How long is measured."""
    began_s: float | None = None
    ended_s: float = 0.0
    dropped: int = 0
    behind_s: float = 0.0

    def run(self) -> None:
        """Waits until all streams are heard and a window of each was there, and stops the pipeline when the time is up."""
        try:
            if self._heard():
                time.sleep(_SETTLE_S + max(self.length / voice.ring.rate_hz for voice in self.feeding.voices.values()))
                before, self.began_s = self._dropped(), time.monotonic()
                time.sleep(self.seconds)
                self.ended_s, self.dropped = time.monotonic(), self._dropped() - before
                self.behind_s = max(self._behind_s(name) for name in self.feeding.voices)
                self._drain()
        finally:
            self.pipeline.stop()

    def played(self, sound: Track) -> Played:
        """What came of it. Raises DiffmonError."""
        if self.began_s is None:
            deaf = [voice for voice in self.feeding.voices.values() if voice.began_s is None]
            why = next((str(voice.ring.error) for voice in deaf if voice.ring.error is not None), f"not within {START_S:g} s")
            raise DiffmonError(f"{len(deaf)} of {len(self.feeding.voices)} streams were not heard: {why}")
        began_s, ended_s = self.began_s, self.ended_s
        return Played(
            wanted=sum(self._windows(v, began_s, ended_s) for v in self.feeding.voices.values()),
            judged=sum(began_s <= now < ended_s for _, now in self.probe.judged),
            dropped=self.dropped,
            seconds=ended_s - began_s,
            lags_s=[round(now - spoken, 4) for spoken, now in self.probe.judged if began_s <= spoken < ended_s],
            behind_s=self.behind_s,
            told={event: s for event, s in self.probe.told.items() if began_s <= s < ended_s},
            onsets=[(name, s) for name, v in self.feeding.voices.items() for s in _onsets(v, sound, began_s, ended_s - _TOLD_S)],
        )

    def _heard(self) -> bool:
        """Whether all streams are, waiting for it."""
        until_s = time.monotonic() + START_S
        while any(voice.began_s is None for voice in self.feeding.voices.values()):
            if time.monotonic() > until_s or any(voice.ring.finished for voice in self.feeding.voices.values()):
                return False
            time.sleep(0.05)
        return True

    def _dropped(self) -> int:
        return self.feeding.missed + sum(w.windower.skipped for w in self.pipeline.watches.values())

    def _behind_s(self, name: str) -> float:
        """How long the next window of a stream has been due."""
        last = self.probe.last.get(name, self.length - self.hop)
        return max(0.0, self.ended_s - self.feeding.voices[name].time_of(last + self.hop))

    def _drain(self) -> None:
        """Waits until all is judged that was spoken."""
        until_s = time.monotonic() + _DRAIN_S
        while time.monotonic() < until_s and any(self._behind_s(name) for name in self.feeding.voices):
            time.sleep(0.05)

    def _windows(self, voice: Voice, began_s: float, ended_s: float) -> int:
        """How many windows of a stream were wholly spoken for the first time in between."""
        before, after = (int((s - voice.time_of(self.length)) * voice.ring.rate_hz // self.hop) for s in (began_s, ended_s))
        return after - before


def _onsets(voice: Voice, sound: Track, began_s: float, ended_s: float) -> list[float]:
    """When the faults began that a stream heard in between."""
    first, last = (round((s - voice.time_of(0)) * voice.ring.rate_hz) + voice.first for s in (began_s, ended_s))
    return [voice.time_of(at - voice.first) for at in sound.onsets(first, max(first, last))]
