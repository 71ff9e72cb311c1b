"""A daemon without torch: the real folder source, ring, decider, outbox and MQTT sink, around an engine that only looks at loudness.

  python -m tests.standin FOLDER STATE PORT [FAULT:N]

It starts ten times faster than the real one, so that it can be killed often; it takes its time to judge, so that it is killed at work.
With a fault its engine has no memory for more than N windows at once (`memory`), meets a device that broke (`illegal`), or hangs for a
minute (`hang`), once it has judged N. The first index of every window that was judged is written to `judged` in the state folder.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from monitor import log
from monitor.config import MqttConfig
from monitor.errors import OutOfMemoryError
from monitor.health import Notifier
from monitor.pipeline import Pipeline
from monitor.reader import Reader
from monitor.records import Judgement, Reading, Window
from monitor.ring import Ring
from monitor.sink.mqtt import Mqtt
from monitor.sink.outbox import Outbox
from monitor.source.folder import FolderSource
from monitor.source.position import Position, Trail
from monitor.source.pulse import SoundPulse
from monitor.source.sound import SoundFiles
from monitor.watch import Identity, Level, Watch
from monitor.window import Windower
from tests.scripted import HOP, LENGTH, RATE, RULE, Kept, Mean, judged

NODE, STREAM = "barn", "yard"
LOUD = 0.1
WORK_S = 0.01
"""What judging a window takes."""


class Loudness(Mean):
    """An engine to which what is louder than `LOUD`, if only for a moment, begins an event at once."""

    def judge(self, windows: Sequence[Window]) -> list[Judgement]:
        """A judgement of every window, in their order."""
        return [judged(Window(w.stream, w.start, np.where(np.abs(w.items) > LOUD, 900.0, 0.0), w.lost)) for w in windows]


class Failing(Loudness):
    """One that fails at its interface, and takes down what it judged."""

    def __init__(self, fault: str, number: int, judged: Path) -> None:
        super().__init__()
        self._fault, self._number, self._judged = fault, number, judged

    def judge(self, windows: Sequence[Window]) -> list[Judgement]:
        """A judgement of every window, in their order, or the fault."""
        if self._fault == "memory" and len(windows) > self._number:
            raise OutOfMemoryError(f"no room for {len(windows)} windows")
        with self._judged.open("a+") as judged:
            judged.seek(0)
            if self._fault in ("illegal", "hang") and sum(1 for _ in judged) >= self._number:
                self._fail()
            judged.writelines(f"{w.start}\n" for w in windows)
        return super().judge(windows)

    def _fail(self) -> None:
        if self._fault == "illegal":
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        time.sleep(60.0)


class Slow(Kept):
    """Takes its time over every window, once it is decided on: the moments between them are those to be killed at."""

    def reading(self, reading: Reading) -> None:
        """Waits."""
        time.sleep(WORK_S)


def spine(folder: Path, outbox: Outbox, *sinks: object, engine: Loudness | None = None) -> Pipeline:
    """A pipeline that watches a folder, from where it was left off."""
    outbox.going_on = frozenset({STREAM})
    arrived, place = threading.Condition(), outbox.kept(STREAM)
    position = None if place is None else Position.read(place)
    trail = Trail(position)
    ring = Ring(60 * RATE, item=(1,), rate_hz=RATE, arrived=arrived, begin=0 if position is None else position.index)
    windower = Windower(ring, stream=STREAM, length=LENGTH, hop=HOP)
    watched = Watch(
        Identity(NODE, STREAM, "audio", "0f0f"),
        Level(RULE, 3.0, extrapolated=True),
        ring=ring,
        windower=windower,
        unix=lambda t: t,
        told_to=0 if position is None else outbox.told_to(STREAM),
    )
    opened = partial(
        FolderSource,
        folder,
        SoundFiles(RATE),
        position=position,
        trail=trail,
        room=lambda start: windower.reaches(start, 20 * RATE),
        settled_s=0.5,
        silence_s=60.0,
    )

    def reached(index: int) -> None:
        found = trail.at(index)
        if found is not None:
            outbox.keep(STREAM, found.text())

    return Pipeline(
        watches={STREAM: watched},
        readers={STREAM: Reader(STREAM, opened, ring, pulse=SoundPulse, live=False)},
        engines={STREAM: engine or Loudness()},
        sinks=sinks,  # type: ignore[arg-type]
        arrived=arrived,
        notifier=Notifier(),
        reached={STREAM: reached},
    )


def main() -> None:
    """Runs until SIGTERM, or worse."""
    folder, state, port = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    log.configure("warning")
    outbox = Outbox(state / f"{NODE}.outbox")
    sink = Mqtt(MqttConfig(host="127.0.0.1", port=port), outbox, node=NODE, topic="diffmon", streams=[STREAM])
    engine = None
    if len(sys.argv) > 4:
        fault, number = sys.argv[4].split(":")
        engine = Failing(fault, int(number), state / "judged")
    pipeline = spine(folder, outbox, sink, Slow(), engine=engine)
    signal.signal(signal.SIGTERM, lambda *_: pipeline.stop())
    pipeline.run()


if __name__ == "__main__":
    main()
