"""A daemon under load, in a process of its own so that its memory is its own: many streams through the real spine to a broker.

  python -m monitor.bench.load < SPECIFICATION

SPECIFICATION is a `Job` as JSON; what came of it is printed as JSON, a `Played`.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from monitor import log
from monitor.bench.feeding import Feeder, feeder
from monitor.bench.probe import Probe
from monitor.bench.timing import START_S, Played, Timing
from monitor.bench.track import track
from monitor.build import RING_S, level, recording_clock
from monitor.config import MqttConfig, StreamConfig
from monitor.demo.broker import HOST
from monitor.engine import BATCH, Engine, pick_device
from monitor.errors import DiffmonError
from monitor.health import Notifier
from monitor.measured import measured
from monitor.opened import Opened, open_for, representation
from monitor.pipeline import Pipeline
from monitor.ring import Ring
from monitor.sink.mqtt import Mqtt
from monitor.sink.outbox import Outbox
from monitor.watch import Identity, Watch
from monitor.window import Windower


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
    timing = Timing(pipeline, feeding, probe, sense.length, sense.hop, job.seconds)
    timer = threading.Thread(target=timing.run, name="timer", daemon=True)
    feeding.start()
    timer.start()
    try:
        pipeline.run()
    finally:
        feeding.close()
    timer.join(START_S)
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
    device = pick_device("auto")
    engine = Engine(opened.model, sense, dict.fromkeys(rings, opened.fitted.profile), device=device)
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
        batch=BATCH[device.type],
    )


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
