"""A daemon under load, in a process of its own so that its memory is its own: many streams through the real spine to a broker.

  python -m monitor.bench.load < SPECIFICATION

SPECIFICATION is a `Job` as JSON; what came of it is printed as JSON, a `Played`.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from monitor import log
from monitor.bench.feeding import Feeder, Voice, feeder
from monitor.bench.track import Track, track
from monitor.build import RING_S, level, recording_clock
from monitor.config import MqttConfig, StreamConfig
from monitor.demo.broker import HOST
from monitor.engine import Engine, pick_device
from monitor.errors import DiffmonError
from monitor.health import Notifier
from monitor.measured import measured
from monitor.opened import Opened, open_for, representation
from monitor.pipeline import Pipeline
from monitor.records import Event, Reading, StreamStatus, Window
from monitor.ring import Ring
from monitor.sink.mqtt import Mqtt
from monitor.sink.outbox import Outbox
from monitor.watch import Identity, Watch
from monitor.window import Windower

_START_S = 120.0
_SETTLE_S = 1.0
_DRAIN_S = 10.0
"""So long it may take to judge what was spoken: what is slow must not be left out for being slow."""
_TOLD_S = 3.0
"""A fault that began so shortly before the end may not have been told."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be played."""

    model: str
    profile: str | None
    """The model's own if none."""
    streams: int
    seconds: float
    """How long is measured, once all streams are heard."""
    hop_s: float | None
    """From a window of a stream to its next; the model's own if none."""
    port: int
    """Of the broker, on this machine."""
    node: str
    folder: str
    """Where the outbox is kept."""


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
class Probe:
    """What is noted on the way: a sink beside the broker's, told of batches too. The pipeline's thread calls it."""

    voices: Mapping[str, Voice]
    judged: list[tuple[float, float]] = field(default_factory=list)
    """Of every window when its last item was spoken, and when it was judged."""
    told: dict[str, float] = field(default_factory=dict)
    last: dict[str, int] = field(default_factory=dict)
    """By stream, how far it was judged."""
    _ends: dict[str, deque[int]] = field(default_factory=lambda: defaultdict(deque))

    def batch(self, windows: Sequence[Window], seconds: float) -> None:
        """Notes a batch that was judged."""
        now_s = time.monotonic()
        for window in windows:
            self.judged.append((self.voices[window.stream].time_of(window.end), now_s))
            self._ends[window.stream].append(window.end)
            self.last[window.stream] = window.end

    def event(self, event: Event) -> None:
        """Notes of which window it is told: the one whose reading is the next."""
        if event.type == "new":
            self.told[event.id] = self.voices[event.stream].time_of(self._ends[event.stream][0])

    def reading(self, reading: Reading) -> None:
        """A window is done with."""
        self._ends[reading.stream].popleft()

    def status(self, stream: str, status: StreamStatus) -> None:
        """Is not noted."""

    def stats(self, stats: dict[str, object]) -> None:
        """Is not noted."""

    def close(self) -> None:
        """Does nothing."""


def play(job: Job) -> Played:
    """Plays it, and says what came of it. Raises DiffmonError."""
    opened = _opened(job)
    names = [f"s{i}" for i in range(job.streams)]
    arrived = threading.Condition()
    sense = opened.representation
    rings = {
        name: Ring(sense.length + int(RING_S * sense.rate_hz), item=sense.item, rate_hz=sense.rate_hz, arrived=arrived) for name in names
    }
    sound = track()
    feeding = feeder(rings, sound, sense)
    probe = Probe(feeding.voices)
    pipeline = _pipeline(job, opened, rings, feeding, probe, arrived)
    timing = _Timing(job, pipeline, feeding, probe, sense.length, sense.hop)
    timer = threading.Thread(target=timing.run, name="timer", daemon=True)
    feeding.start()
    timer.start()
    try:
        pipeline.run()
    finally:
        feeding.close()
    timer.join(_START_S)
    return timing.played(sound)


def _opened(job: Job) -> Opened:
    """The model, at the hop that is asked for."""
    opened = open_for(Path(job.model), None if job.profile is None else Path(job.profile), kind="audio")
    if job.hop_s is None:
        return opened
    grid = {**opened.model.grid, "hop": job.hop_s * opened.representation.rate_hz}
    return replace(opened, representation=representation("audio", grid, opened.model.constants))


def _pipeline(job: Job, opened: Opened, rings: Mapping[str, Ring], feeding: Feeder, probe: Probe, arrived: threading.Condition) -> Pipeline:
    """The spine as the daemon has it, warm; that all streams are alike saves the minute in which a model is read for each of thousands."""
    sense = opened.representation
    engine = Engine(opened.model, sense, dict.fromkeys(rings, opened.fitted.profile), device=pick_device("auto"))
    engine.warm("s0")
    source = {"type": "stdin", "rate_hz": round(sense.rate_hz)}
    stream = StreamConfig.model_validate(
        {"name": "s0", "source": source, "model": job.model, "profile": job.profile or job.model, "quiet": "1s", "cooldown": "500ms"}
    )
    decides, network = level(stream, opened, engine), opened.model.hash
    watches = {
        name: Watch(
            Identity(job.node, name, "audio", network),
            decides,
            ring=ring,
            windower=Windower(ring, stream=name, length=sense.length, hop=sense.hop),
            unix=recording_clock,  # events then bear the machine's monotonic time
        )
        for name, ring in rings.items()
    }
    broker = MqttConfig(host=HOST, port=job.port)
    sink = Mqtt(broker, Outbox(Path(job.folder) / "outbox"), node=job.node, topic="diffmon", streams=list(rings))
    return Pipeline(
        watches=watches,
        readers=feeding.readers,
        engines=measured(dict.fromkeys(rings, engine), probe.batch),
        sinks=[sink, probe],
        arrived=arrived,
        notifier=Notifier(),
    )


@dataclass(slots=True)
class _Timing:
    """When it is measured, in a thread beside the pipeline's."""

    job: Job
    pipeline: Pipeline
    feeding: Feeder
    probe: Probe
    length: int
    """Of a window."""
    hop: int
    began_s: float | None = None
    ended_s: float = 0.0
    dropped: int = 0
    behind_s: float = 0.0

    def run(self) -> None:
        """Waits until all streams are heard and a window of each was there, and stops the pipeline when the time is up."""
        try:
            if self._heard():
                time.sleep(_SETTLE_S + max(v.ring.capacity / v.ring.rate_hz - RING_S for v in self.feeding.voices.values()))
                before, self.began_s = self._dropped(), time.monotonic()
                time.sleep(self.job.seconds)
                self.ended_s, self.dropped = time.monotonic(), self._dropped() - before
                self.behind_s = max(self._behind_s(name) for name in self.feeding.voices)
                self._drain()
        finally:
            self.pipeline.stop()

    def played(self, sound: Track) -> Played:
        """What came of it. Raises DiffmonError."""
        if self.began_s is None:
            deaf = [name for name, voice in self.feeding.voices.items() if voice.began_s is None]
            raise DiffmonError(f"bench: {len(deaf)} of {self.job.streams} streams were not heard within {_START_S:g} s")
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
        until_s = time.monotonic() + _START_S
        while any(voice.began_s is None for voice in self.feeding.voices.values()):
            if time.monotonic() > until_s:
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


def main() -> int:
    """Plays what standard input asks for."""
    log.configure("error")
    try:
        job = Job(**json.load(sys.stdin))
        sys.stdout.write(json.dumps(asdict(play(job))) + "\n")
    except DiffmonError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
