"""Whether the daemon's spine stays as it is for as long as one likes, and what it drops when there is too much.

  python -m tests.bench.soak [--calm 30m] [--storm 10m]

Sixteen streams are heard at twice real time, then at ten times, by the real readers, rings, deciders, outbox and MQTT sink with a
real Mosquitto; a stand-in for the engine takes a fixed time for a window, enough for the first and not for the second. Exits with 1
unless at first nothing is dropped, then all streams are dropped from alike and every item is judged or counted, and memory,
descriptors and threads do not grow.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np

from monitor import log
from monitor.config import MqttConfig
from monitor.event import Rule
from monitor.health import Notifier
from monitor.options import Duration
from monitor.pipeline import Pipeline
from monitor.reader import Reader
from monitor.records import Block, Judgement, Window
from monitor.ring import Ring
from monitor.sink.mqtt import Mqtt
from monitor.sink.outbox import Outbox
from monitor.source.pulse import SoundPulse
from monitor.watch import Identity, Level, Watch
from monitor.window import Windower
from tests.broker import Mosquitto
from tests.scripted import Kept, running

RATE_HZ, LENGTH, HOP, SIZE = 16_000, 33_280, 8_000, 1_600
STREAMS = 16
WORK_S = 0.006
"""What judging a window takes: 64 windows a second are too few to notice, 320 too many."""
RULE = Rule(alarm_p=1e-3, confirm_s=1.0, quiet_s=2.0, cooldown_s=5.0, update_s=5.0, silence_s=5.0, rate_hz=RATE_HZ)
EVERY_S = 5.0
GROWTH_MB, GROWTH = 8.0, 1.0
"""What memory, and descriptors or threads, may grow in an hour by the slope of a line through them."""


class Speaker:
    """Noise at a multiple of real time, with a knock now and then; the item index goes on whoever listens."""

    def __init__(self, seed: int, speed: list[float]) -> None:
        self.rate_hz: float = RATE_HZ
        self.item: tuple[int, ...] = (1,)
        self.dtype = "float32"
        self._rng = np.random.default_rng(seed)
        self._noise = self._rng.normal(0, 0.01, (SIZE, 1)).astype(np.float32)
        self._speed = speed
        self._closed = threading.Event()

    def blocks(self) -> Iterator[Block]:
        """Blocks of a tenth of a second."""
        due_s, start = time.monotonic(), 0
        while not self._closed.wait(max(0.0, due_s - time.monotonic())):
            loud = self._rng.random() < 1e-3
            yield Block(start, self._noise * (90 if loud else 1), time.monotonic())
            start += SIZE
            due_s += SIZE / RATE_HZ / self._speed[0]

    def close(self) -> None:
        """Ends it."""
        self._closed.set()


class Busy:
    """An engine that takes its time, and takes down what it was given."""

    def __init__(self) -> None:
        self.judged: Counter[str] = Counter()
        self.lost: Counter[str] = Counter()
        self.covered: Counter[str] = Counter()

    def judge(self, windows: Sequence[Window]) -> list[Judgement]:
        """A judgement of every window: strange where it is loud."""
        time.sleep(WORK_S * len(windows))
        return [self._judged(w) for w in windows]

    def _judged(self, w: Window) -> Judgement:
        self.judged[w.stream] += w.end - max(w.start, self.covered[w.stream])
        self.lost[w.stream] += w.lost
        self.covered[w.stream] = w.end
        score = 9.0 if np.abs(w.items).max() > 0.5 else 0.0
        return Judgement(
            w.stream, w.start, w.end, w.lost, score, 10**-score, {}, -40.0, {"low_hz": 0.0, "high_hz": 8000.0}, (w.start, w.end)
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it."""

    calm_skipped: int
    """Windows, of all streams."""
    calm_lost: int
    """Items."""
    storm_skipped_share: float
    """Of all windows. They overlap, so that an item is lost only when four in a row are skipped."""
    storm_lost_share: float
    """Of all items."""
    storm_uneven: float
    """How much more windows the stream that was worst off lost than the one that was best off, as a share."""
    unaccounted: int
    events: int
    memory_mb: float
    memory_mb_per_hour: float
    descriptors_per_hour: float
    threads_per_hour: float

    @property
    def good(self) -> bool:
        """Whether all that must be is."""
        flat = self.memory_mb_per_hour < GROWTH_MB and max(self.descriptors_per_hour, self.threads_per_hour) < GROWTH
        calm = not self.calm_skipped and not self.calm_lost
        return calm and 0 < self.storm_skipped_share and self.storm_uneven < 0.1 and not self.unaccounted and flat


def spine(engine: Busy, sink: Mqtt, kept: Kept, speed: list[float]) -> Pipeline:
    """The whole of it."""
    arrived = threading.Condition()
    watches, readers = {}, {}
    for i in range(STREAMS):
        name = f"s{i}"
        ring = Ring(LENGTH + 30 * RATE_HZ, item=(1,), rate_hz=RATE_HZ, arrived=arrived)
        windower = Windower(ring, stream=name, length=LENGTH, hop=HOP)
        identity = Identity("soak", name, "audio", "0f0f")
        watches[name] = Watch(identity, Level(RULE, 3.0, extrapolated=True), ring=ring, windower=windower, unix=lambda t: time.time())
        readers[name] = Reader(name, lambda i=i: Speaker(i, speed), ring, pulse=SoundPulse, live=True)  # type: ignore[misc]
    engines = dict.fromkeys(watches, engine)
    return Pipeline(watches=watches, readers=readers, engines=engines, sinks=[sink, kept], arrived=arrived, notifier=Notifier())


class Few(Kept):
    """Counts events and keeps nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def event(self, event: object) -> None:
        """Counts."""
        self.count += 1

    def reading(self, reading: object) -> None:
        """Left out."""


def sizes() -> tuple[float, float, float]:
    """Memory in MB, descriptors, threads of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6, len(os.listdir("/proc/self/fd")), threading.active_count()


def run(calm_s: float, storm_s: float, folder: Path) -> Outcome:
    """Both, one after the other."""
    broker, engine, few, speed = Mosquitto(folder).start(), Busy(), Few(), [2.0]
    sink = Mqtt(MqttConfig(port=broker.port), Outbox(folder / "o"), node="soak", topic="diffmon", streams=[f"s{i}" for i in range(STREAMS)])
    pipeline = spine(engine, sink, few, speed)
    with running(pipeline):
        time.sleep(min(30.0, calm_s / 10))  # everything is made once
        samples = list(watched(calm_s))
        calm = skipped(pipeline)
        calm_lost, calm_end = engine.lost.copy(), engine.covered.copy()
        speed[0] = 10.0
        samples += watched(storm_s)
        storm = {s: n - calm[s] for s, n in skipped(pipeline).items()}
    broker.stop()
    lost = {s: engine.lost[s] - calm_lost[s] for s in engine.covered}
    heard = {s: engine.covered[s] - calm_end[s] for s in engine.covered}
    slopes = [float(np.polyfit([t for t, _ in samples], [v[i] for _, v in samples], 1)[0]) * 3600 for i in range(3)]
    return Outcome(
        calm_skipped=sum(calm.values()),
        calm_lost=sum(calm_lost.values()),
        storm_skipped_share=round(sum(storm.values()) * HOP / sum(heard.values()), 3),
        storm_lost_share=round(sum(lost.values()) / sum(heard.values()), 3),
        storm_uneven=round(max(storm.values()) / max(1, min(storm.values())) - 1, 4),
        unaccounted=sum(abs(engine.covered[s] - engine.judged[s] - engine.lost[s]) for s in engine.covered),
        events=few.count,
        memory_mb=round(samples[-1][1][0], 1),
        memory_mb_per_hour=round(slopes[0], 2),
        descriptors_per_hour=round(slopes[1], 3),
        threads_per_hour=round(slopes[2], 3),
    )


def skipped(pipeline: Pipeline) -> dict[str, int]:
    """Windows skipped so far, by stream."""
    return {name: watch.windower.skipped for name, watch in pipeline.watches.items()}


def watched(seconds: float) -> Iterator[tuple[float, tuple[float, float, float]]]:
    """Sizes, every few seconds."""
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        time.sleep(min(EVERY_S, seconds / 20))
        yield time.monotonic(), sizes()


@click.command()
@click.option("--calm", type=Duration(), default="30m", show_default=True)
@click.option("--storm", type=Duration(), default="10m", show_default=True)
def main(calm: float, storm: float) -> None:
    """Soaks the spine and prints what came of it as a line of JSON; exits with 1 if a must is not met."""
    log.configure("critical")
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(calm, storm, Path(folder))
        click.echo(json.dumps({"good": outcome.good} | asdict(outcome)))
    sys.exit(not outcome.good)


if __name__ == "__main__":
    main()
