"""Whether the real daemon, killed at random moments, tells of the same events as one that was left alone.

  python -m tests.bench.killed_real [--kills 10] [--seed 0]

A model of a made machine room is trained a little; recordings of the room with planted faults lie in a folder. `diffmon run` judges
it once undisturbed, and once killed (SIGKILL) and started again; both publish to a real Mosquitto. Exits with 1 unless both tell of
the same events by id, each with one end, nothing different under one id and number, and the retained state is true in the end.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import soundfile

from monitor.demo.fault import plant
from monitor.demo.sound import Room
from monitor.learn.training import train
from monitor.synth.wave import RATE_HZ
from tests.broker import Mosquitto, Subscriber, until

RECORDINGS, LASTS_S = 8, 76.0
QUIET_S = 20.0
"""Without an event for so long, all is judged."""


def sounds(folder: Path) -> None:
    """Recordings one after another, the last of which ended some time ago."""
    folder.mkdir()
    for i in range(RECORDINGS):
        sound, _ = plant(Room.drawn(1), seconds=LASTS_S, seed=38 + i)
        path = folder / f"{i}.wav"
        soundfile.write(path, sound, RATE_HZ)
        os.utime(path, (time.time() - 10_000 + (i + 1) * LASTS_S,) * 2)


def configured(folder: Path, name: str, port: int) -> Path:
    """A daemon that judges the folder and tells of it below `name`; the node is the same, and so are the ids."""
    path = folder / f"{name}.toml"
    path.write_text(
        f'topic = "{name}"\njsonl = false\nlog_level = "error"\nstate_dir = "{name}"\n[mqtt]\nhost = "127.0.0.1"\nport = {port}\n'
        '[[stream]]\nname = "room"\nmodel = "room.safetensors"\nfalse_alarms_per_day = 20\nsource = { type = "folder", path = "sounds" }\n',
        encoding="utf-8",
    )
    return path


def start(config: Path) -> subprocess.Popen[bytes]:
    """The daemon, begun."""
    return subprocess.Popen([sys.executable, "-m", "monitor.cli", "run", "--config", str(config)], stderr=subprocess.DEVNULL)


def steps(subscriber: Subscriber, name: str) -> list[dict[str, Any]]:
    """What was told by a node, as it came."""
    return [json.loads(text) for text in subscriber.on(f"{name}/diffmon/room/event")]


def finished(daemon: subprocess.Popen[bytes], subscriber: Subscriber, name: str) -> None:
    """Lets it judge all there is, and ends it."""
    until(lambda: steps(subscriber, name), timeout_s=120)
    seen = -1
    while seen != len(steps(subscriber, name)):
        seen = len(steps(subscriber, name))
        with suppress(AssertionError):
            until(lambda seen=seen: len(steps(subscriber, name)) > seen, timeout_s=QUIET_S)  # type: ignore[misc]
    daemon.terminate()
    daemon.wait(60)


def outcome(alone: list[dict[str, Any]], killed: list[dict[str, Any]], state: str) -> dict[str, Any]:
    """What came of it."""
    by_id: dict[str, dict[int, str]] = {}
    conflicts = 0
    for event in killed:
        kind = by_id.setdefault(event["id"], {}).setdefault(event["seq"], event["type"])
        conflicts += kind != event["type"]
    ends = [[kind for _, kind in sorted(each.items())] for each in by_id.values()]
    told = {
        "events_alone": len({e["id"] for e in alone}),
        "events_killed": len(by_id),
        "differ": len({e["id"] for e in alone} ^ by_id.keys()),
        "unended": sum(kinds.count("end") != 1 or kinds[-1] != "end" for kinds in ends),
        "conflicts": conflicts,
        "interrupted": sum(e.get("reason") == "interrupted" for e in killed),
        "state": state,
    }
    return {"good": bool(alone) and not (told["differ"] or told["unended"] or conflicts) and state == "OFF"} | told


def run(kills: int, seed: int, folder: Path) -> dict[str, Any]:
    """Both runs."""
    rng = random.Random(seed)  # noqa: S311  # repeatable, keeps no secret
    soundfile.write(folder / "normal.wav", Room.drawn(1).sound(120, seed=11), RATE_HZ)
    for _ in train([folder / "normal.wav"], folder / "room.safetensors", kind="audio", budget_s=30, seed=1, steps=20):
        pass
    sounds(folder / "sounds")
    broker = Mosquitto(folder).start()
    try:
        with Subscriber(broker.port, "#") as subscriber:
            finished(start(configured(folder, "alone", broker.port)), subscriber, "alone")
            config = configured(folder, "killed", broker.port)
            for _ in range(kills):
                daemon = start(config)
                time.sleep(rng.uniform(3.0, 9.0))
                daemon.kill()
                daemon.wait()
            finished(start(config), subscriber, "killed")
            state = subscriber.on("killed/diffmon/room/state")[-1]
            return outcome(steps(subscriber, "alone"), steps(subscriber, "killed"), state)
    finally:
        broker.stop()


@click.command()
@click.option("--kills", type=click.IntRange(1), default=10, show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(kills: int, seed: int) -> None:
    """Kills the real daemon at random moments and prints what came of it as a line of JSON; exits with 1 if a must is not met."""
    with tempfile.TemporaryDirectory() as folder:
        told = run(kills, seed, Path(folder))
    click.echo(json.dumps(told))
    sys.exit(not told["good"])


if __name__ == "__main__":
    main()
