"""Whether anything is lost or told twice when the daemon is killed at random moments.

  python -m tests.bench.killed [--faults 400] [--kills 200] [--seed 0]

A recorder's folder with planted faults is watched by `tests.standin` (the real folder source, decider, outbox and MQTT sink around an
engine without torch), which publishes to a real Mosquitto and is killed (SIGKILL) at random moments and started again, while the
recordings come in. A subscriber counts. Exits with 1 unless every fault arrived as one event, nothing was told twice, every
event ended, and the retained states are true in the end.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import soundfile

from monitor import log
from tests.broker import Mosquitto, Subscriber, until
from tests.scripted import RATE
from tests.standin import NODE, STREAM

EVERY_S = 15.0
"""From fault to fault; they last from 0.2 to 4 s."""
PER_FILE = 4
PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a subscriber makes of it."""

    faults: int
    kills: int
    arrived: int
    """Faults that at least one event covers."""
    events: int
    """Ids."""
    twice: int
    """Faults that more than one event covers."""
    false: int
    """Events that cover no fault."""
    unended: int
    """Ids without an end, or with more after it."""
    doubles: int
    """Deliveries that were dropped, being known by id and number."""
    interrupted: int
    """Events that ended so."""
    state: str
    """Retained, in the end."""
    status: str

    @property
    def good(self) -> bool:
        """Whether all that must be is."""
        whole = self.arrived == self.events == self.faults
        return whole and not (self.twice or self.false or self.unended) and (self.state, self.status) == ("OFF", "offline")


def record(folder: Path, faults: int, rng: random.Random, began_s: float) -> list[float]:
    """Writes recordings with so many faults into a folder; when each begins, in unix seconds."""
    onsets = []
    for first in range(0, faults, PER_FILE):
        count = min(PER_FILE, faults - first)
        sound = np.zeros(round(count * EVERY_S * RATE), np.float32)
        for i in range(count):
            onset_s, lasts_s = i * EVERY_S + rng.uniform(3, 8), rng.uniform(0.2, 4.0)
            sound[round(onset_s * RATE) : round((onset_s + lasts_s) * RATE)] = 0.5
            onsets.append(began_s + first * EVERY_S + onset_s)
        path = folder / f"{first:05d}.wav"
        soundfile.write(path.with_suffix(".part"), sound, RATE, format="WAV", subtype="FLOAT")
        os.utime(path.with_suffix(".part"), (began_s + (first + count) * EVERY_S,) * 2)
        path.with_suffix(".part").rename(path)
    return onsets


def start(folder: Path, state: Path, port: int) -> subprocess.Popen[bytes]:
    """The stand-in, begun."""
    command = [sys.executable, "-m", "tests.standin", str(folder), str(state), str(port)]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL)


def run(faults: int, kills: int, seed: int, folder: Path) -> Outcome:
    """Kills it so often; what came of it."""
    rng = random.Random(seed)  # noqa: S311  # repeatable, keeps no secret
    sounds, state = folder / "sounds", folder / "state"
    sounds.mkdir()
    state.mkdir()
    began_s = time.time() - 2 * faults * EVERY_S
    onsets: list[float] = []
    broker = Mosquitto(folder).start()
    try:
        with Subscriber(broker.port, f"diffmon/{NODE}/#") as subscriber:
            for round_ in range(kills):
                # The recorder goes on while the daemon comes and goes.
                more = (round_ + 1) * faults // max(1, kills) - len(onsets)
                if more > 0:
                    began = began_s + 2 * len(onsets) * EVERY_S
                    onsets += record_more(sounds, more, rng, began)
                daemon = start(sounds, state, broker.port)
                time.sleep(rng.uniform(0.2, 1.6))
                daemon.kill()
                daemon.wait()
            daemon = start(sounds, state, broker.port)
            until(lambda: len(news(subscriber)) >= faults, timeout_s=PATIENCE_S + faults)
            time.sleep(3.0)
            daemon.terminate()
            daemon.wait(10)
            subscriber.wait(f"diffmon/{NODE}/{STREAM}/status", ["offline"])
            return judged(onsets, kills, subscriber)
    finally:
        broker.stop()


def record_more(folder: Path, faults: int, rng: random.Random, began_s: float) -> list[float]:
    """More recordings, in a row of their own, named and dated after what is there."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as aside:
        onsets = record(Path(aside), faults, rng, began_s)
        for path in sorted(Path(aside).iterdir()):
            path.rename(folder / f"{round(began_s)}-{path.name}")
    return onsets


def news(subscriber: Subscriber) -> set[str]:
    """Ids that were told so far."""
    return {json.loads(text)["id"] for text in subscriber.on(f"diffmon/{NODE}/{STREAM}/event")}


def judged(onsets: list[float], kills: int, subscriber: Subscriber) -> Outcome:
    """What a subscriber makes of it, doubles dropped by id and number."""
    told = [json.loads(text) for text in subscriber.on(f"diffmon/{NODE}/{STREAM}/event")]
    by_id: dict[str, dict[int, dict[str, Any]]] = defaultdict(dict)
    for event in told:
        by_id[event["id"]].setdefault(event["seq"], event)
    covering: dict[float, int] = dict.fromkeys(onsets, 0)
    false = 0
    for steps in by_id.values():
        first = steps[min(steps)]
        near = min(onsets, key=lambda onset: abs(onset - first["start_unix"]))
        if abs(near - first["start_unix"]) < 1.0:
            covering[near] += 1
        else:
            false += 1
    ends = [[step["type"] for _, step in sorted(steps.items())] for steps in by_id.values()]
    return Outcome(
        faults=len(onsets),
        kills=kills,
        arrived=sum(n > 0 for n in covering.values()),
        events=len(by_id),
        twice=sum(n > 1 for n in covering.values()),
        false=false,
        unended=sum(types.count("end") != 1 or types[-1] != "end" or types[0] != "new" for types in ends),
        doubles=len(told) - sum(map(len, by_id.values())),
        interrupted=sum(any(s.get("reason") == "interrupted" for s in steps.values()) for steps in by_id.values()),
        state=subscriber.on(f"diffmon/{NODE}/{STREAM}/state")[-1],
        status=subscriber.on(f"diffmon/{NODE}/status")[-1],
    )


@click.command()
@click.option("--faults", type=click.IntRange(1), default=400, show_default=True)
@click.option("--kills", type=click.IntRange(1), default=200, show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(faults: int, kills: int, seed: int) -> None:
    """Kills the daemon at random moments and prints what came of it as a line of JSON; exits with 1 if a must is not met."""
    log.configure("critical")
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(faults, kills, seed, Path(folder))
    click.echo(json.dumps({"good": outcome.good} | asdict(outcome)))
    sys.exit(not outcome.good)


if __name__ == "__main__":
    main()
