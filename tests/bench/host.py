"""What a window of sound costs the processor beside the network: each step by itself, and the whole spine.

  python -m tests.bench.host
  python -m tests.bench.host --streams 64,4096 --windows 40000 --json

All is as in the daemon but for the network, in whose place verdicts lie ready, as if from a device that takes no time: what is left is the
processor's part where a GPU does the rest. Time is the processor's, of the thread that does the step, in microseconds a window: the least
of some rounds, since what disturbs only adds. The whole is the pipeline's thread from ring to broker; beside it the thread "mqtt" takes
`send` for every score, which is one a second and stream at most. There are no events.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is loaded

import json
import math
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import torch
from paho.mqtt.enums import MQTTProtocolVersion
from torch import Tensor

from models.score import PARTS
from monitor import log
from monitor.base import base_file
from monitor.batch import Batcher
from monitor.bench.broker import broker
from monitor.bench.feeding import Silent
from monitor.bench.track import track
from monitor.build import recording_clock
from monitor.config import MqttConfig
from monitor.demo.broker import HOST
from monitor.engine import BATCH, Engine
from monitor.errors import DiffmonError
from monitor.event import Rule
from monitor.health import Notifier
from monitor.measured import measured
from monitor.opened import Opened, open_for
from monitor.options import Counts
from monitor.pipeline import Pipeline
from monitor.records import Block, Reading, Window
from monitor.ring import Ring
from monitor.sink.latest import Latest
from monitor.sink.login import login
from monitor.sink.metrics import Metrics
from monitor.sink.mqtt import Mqtt
from monitor.sink.outbox import Outbox
from monitor.sink.outgoing import Outgoing
from monitor.sink.payload import reading_payload
from monitor.sink.session import Session
from monitor.sink.vitals import Vitals
from monitor.staging import Direct, Staging
from monitor.watch import Identity, Level, Watch
from monitor.window import Windower
from tests.broker import until

SIZE = BATCH["cuda"]
STREAMS = (1, 64, 1024, 4096)
STEPPED, ROUNDS = 1000, 7
"""Streams whose windows make one batch, and how many batches go through each step by itself."""
NORMAL = [0.5, 0.3, -30.0, 3.0, 9.0, 4.0, 12.0, *[0.0] * len(PARTS)]
"""A verdict of which no event comes."""
RULE = Rule(alarm_p=1e-4, confirm_s=1.0, quiet_s=2.0, cooldown_s=5.0, update_s=5.0, silence_s=10.0, rate_hz=16_000)


class House:
    """Streams whose rings are written to when it is asked for, so that windows for about a batch wait."""

    def __init__(self, opened: Opened, streams: int) -> None:
        self.sense = sense = opened.representation
        self.arrived = threading.Condition()
        self.hops = max(1, SIZE // streams)
        capacity = sense.length + self.hops * sense.hop
        rings = {f"s{i}": Ring(capacity, item=sense.item, rate_hz=sense.rate_hz, arrived=self.arrived) for i in range(streams)}
        self.watches = {name: _watch(name, ring, opened) for name, ring in rings.items()}
        self.engine = free(Engine(opened.model, sense, dict.fromkeys(rings, opened.fitted.profile), device=torch.device("cpu")))
        self._sound = track()
        self._write(sense.length - sense.hop)

    def hear(self) -> None:
        """What comes before the next windows can be cut."""
        for _ in range(self.hops):
            self._write(self.sense.hop)

    def finish(self) -> None:
        """Nothing more comes."""
        for watch in self.watches.values():
            watch.ring.finish()

    def _write(self, count: int) -> None:
        for watch in self.watches.values():
            end = watch.ring.end
            watch.ring.write(Block(end, self._sound.piece(end, count), (end + count) / self.sense.rate_hz))


def _watch(name: str, ring: Ring, opened: Opened) -> Watch:
    sense = opened.representation
    windower = Windower(ring, stream=name, length=sense.length, hop=sense.hop)
    level = Level(RULE, 3.0, extrapolated=False)
    return Watch(Identity("house", name, "audio", opened.model.hash), level, ring=ring, windower=windower, unix=recording_clock)


def free(engine: Engine) -> Engine:
    """The same, with batches as on a GPU and a network that costs nothing."""
    ready = torch.tensor([NORMAL] * SIZE, dtype=torch.float64)

    def work(items: Tensor, rows: Tensor) -> Tensor:
        return ready[: len(items)]

    engine._some, engine._run = SIZE, Direct(work, engine.representation, SIZE)
    return engine


class Sinks:
    """What is told of every window, closed at the end: a broker's scores, and metrics."""

    def __init__(self, house: House, port: int, folder: Path) -> None:
        streams = list(house.watches)
        self.mqtt = Mqtt(MqttConfig(host=HOST, port=port), Outbox(folder / "outbox"), node="house", topic="diffmon", streams=streams)
        self.metrics = Metrics(Vitals(dict.fromkeys(streams, "starting")))

    def quiet(self) -> None:
        """Returns when the broker knows what it is told of all streams once."""
        until(lambda: not self.mqtt._outgoing.retained, timeout_s=60.0)

    def close(self) -> None:
        """Says goodbye."""
        self.mqtt.close()


class Sender:
    """What the thread "mqtt" does, in this one."""

    def __init__(self, port: int) -> None:
        self._outgoing = Outgoing(Outbox())
        self._outgoing.latest = Latest(interval_s=0.0)
        me = login(MqttConfig(host=HOST, port=port), node="sender", will_topic=None)
        self._session = Session(me, self._outgoing, protocol=MQTTProtocolVersion.MQTTv5, timeout_s=10.0)
        while not self._session.connected:
            self._session.step()

    def send(self, readings: Sequence[Reading]) -> None:
        """A score of each stream, as soon as the broker takes it."""
        for reading in readings:
            self._outgoing.latest.put(f"{reading.stream}/score", partial(reading_payload, reading))
        self._outgoing.ring()
        self._session.step()

    def close(self) -> None:
        """Says goodbye."""
        self._session.goodbye()
        self._outgoing.close()


def stepped(house: House, sinks: Sinks, port: int) -> dict[str, float]:
    """Microseconds a window of each step by itself."""
    batcher = Batcher({name: watch.windower for name, watch in house.watches.items()}, size=SIZE)
    staging = Staging(house.sense, SIZE, pinned=False)
    least: dict[str, float] = {}
    with closing(Sender(port)) as sender:
        for _ in range(ROUNDS):
            for step, took_us in _steps(house, batcher, staging, sinks, sender):
                least[step] = min(took_us, least.get(step, math.inf))
    return least


def _steps(house: House, batcher: Batcher, staging: Staging, sinks: Sinks, sender: Sender) -> Iterator[tuple[str, float]]:
    """One batch through every step."""
    count = len(house.watches) * house.hops
    windows: list[Window] = []
    yield "write", cost_us(house.hear) / count
    yield "cut", cost_us(lambda: batcher.cut(windows, SIZE)) / count
    yield "stage", cost_us(lambda: staging.put(windows, range(count))) / count
    judgements = house.engine.judge(windows)
    yield "judge (stages too)", cost_us(lambda: house.engine.judge(windows)) / count
    watched = [(house.watches[j.stream], j) for j in judgements]
    yield "decide", cost_us(lambda: [watch.take(j) for watch, j in watched]) / count
    readings = [watch.reading(j) for watch, j in watched]
    yield "reading", cost_us(lambda: [watch.reading(j) for watch, j in watched]) / count
    yield "metrics", cost_us(lambda: [sinks.metrics.reading(r) for r in readings]) / count
    yield "broker", cost_us(lambda: [sinks.mqtt.reading(r) for r in readings]) / count
    yield "send", cost_us(lambda: sender.send(readings)) / count


def cost_us(work: Callable[[], object]) -> float:
    """Microseconds of processor time that it takes in this thread."""
    began_s = time.thread_time()
    work()
    return 1e6 * (time.thread_time() - began_s)


class Fed:
    """Hears on whenever all is judged, until so many windows were; called in every round of the pipeline."""

    def __init__(self, house: House, sinks: Sinks, windows: int) -> None:
        self._house, self._sinks, self._windows = house, sinks, windows
        self._heard = self._judged = self._before = 0
        self._began_s: float | None = None
        self.each_us = math.nan
        """What a window took, in the end."""

    def judged(self, windows: Sequence[Window], seconds: float) -> None:
        """Counts a batch."""
        self._judged += len(windows)
        self._sinks.metrics.judged(windows, seconds)

    def attend(self) -> None:
        """Begins to count with the second hop, when what is said once of every stream is said."""
        if self._judged < self._heard:
            return
        if self._began_s is None and self._judged:
            self._sinks.quiet()
            self._began_s, self._before = time.thread_time(), self._judged
        if self._began_s is not None and self._judged - self._before >= self._windows:
            self.each_us = 1e6 * (time.thread_time() - self._began_s) / (self._judged - self._before)
            self._house.finish()
        else:
            self._heard += len(self._house.watches) * self._house.hops
            self._house.hear()


def whole_us(house: House, sinks: Sinks, windows: int) -> float:
    """Microseconds a window, from ring to broker."""
    fed = Fed(house, sinks, windows)
    pipeline = Pipeline(
        watches=house.watches,
        readers={name: Silent(name, watch.ring) for name, watch in house.watches.items()},
        engines=measured(dict.fromkeys(house.watches, house.engine), fed.judged),
        sinks=[sinks.mqtt, sinks.metrics],
        arrived=house.arrived,
        notifier=Notifier(),
        batch=SIZE,
    )
    pipeline.attend = fed.attend
    pipeline.run()
    return fed.each_us


@click.command()
@click.option("--streams", type=Counts(), default=",".join(map(str, STREAMS)), show_default=True, help="In the whole spine, in turn.")
@click.option("--windows", type=click.IntRange(min=1), default=20_000, show_default=True, help="Through the whole spine, each time.")
@click.option("--json", "as_json", is_flag=True, help="Print it for a program.")
def main(streams: tuple[int, ...], windows: int, as_json: bool) -> None:
    """Measures and prints."""
    log.configure("error")
    opened = open_for(base_file(), None, kind="audio")
    told: dict[str, dict[str, float]] = {}
    with TemporaryDirectory() as folder, broker() as (port, _):
        house = House(opened, STEPPED)
        with closing(Sinks(house, port, Path(folder))) as sinks:
            sinks.quiet()
            told["steps_us"] = stepped(house, sinks, port)
        told["whole_us"] = {}
        for count in streams:
            house = House(opened, count)
            with closing(Sinks(house, port, Path(folder))) as sinks:
                told["whole_us"][str(count)] = whole_us(house, sinks, windows)
    click.echo(json.dumps(told) if as_json else table(told))


def table(told: dict[str, dict[str, float]]) -> str:
    """A line each."""
    steps = [f"{step:20} {each_us:8.1f} us" for step, each_us in told["steps_us"].items()]
    whole = [f"{count:>6} streams       {each_us:8.1f} us  {1e6 / each_us:8.0f} windows/s" for count, each_us in told["whole_us"].items()]
    return "\n".join([f"each step, {STEPPED} streams, microseconds a window", *steps, "the whole spine", *whole])


if __name__ == "__main__":
    try:
        main()
    except DiffmonError as error:
        sys.exit(f"{error}")
