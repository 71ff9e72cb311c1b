"""Whether an engine that fails costs an event, or hangs the daemon.

  python -m tests.bench.engine_faults [--times 20] [--watchdog 3s]

A folder with planted faults is watched by `tests.standin`, whose engine has no memory for so many windows at once, meets a device that
broke, or hangs for a minute, each at a random moment. A service manager stands by as systemd would: it kills with SIGABRT what has not fed
its watchdog in time, and starts again what has died. Exits with 1 unless little memory costs no restart and no window is judged twice,
a broken device ends the process with the cause, a hang ends within the watchdog's time, and each time every fault is told once and ended.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from monitor import log
from monitor.options import Duration
from tests.bench.killed import Outcome, judged, record
from tests.broker import Mosquitto, Subscriber, until
from tests.standin import NODE, STREAM

FAULTS = 8
"""Planted, a recording of two minutes."""
KINDS = ("memory", "illegal", "hang")
CAUSE = "illegal memory access"
PATIENCE_S = 120.0
LATE_S = 1.0
"""How late a machine with other work may notice."""


@dataclass(frozen=True, slots=True)
class Life:
    """One process, from its start to its end."""

    code: int
    """How it ended; negative is the signal."""
    told: str
    """On standard error."""
    starved_s: float
    """From the last it was heard of to its end, if the watchdog ended it; else 0."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one fault came to."""

    outcome: Outcome
    lives: int
    code: int
    """How the first life ended."""
    caused: bool
    """Whether that life told the cause."""
    starved_s: float
    judged_twice: int
    """Windows that one life judged more than once."""

    def good(self, kind: str, watchdog_s: float) -> bool:
        """Whether all that must be is."""
        if not self.outcome.good or self.judged_twice:
            return False
        match kind:
            case "memory":
                return (self.lives, self.code) == (1, 0)
            case "illegal":
                return self.lives == 2 and self.code > 0 and self.caused
        return self.lives == 2 and self.code == -signal.SIGABRT and self.starved_s <= watchdog_s + LATE_S


class Manager:
    """A service manager for one daemon: it listens for what feeds the watchdog."""

    def __init__(self, folder: Path, watchdog_s: float) -> None:
        self._address = str(folder / "notify")
        self._watchdog_s = watchdog_s
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self._address)
        self._socket.settimeout(0.05)

    def live(self, command: Sequence[str], errors: Path, *, until_done: Subscriber) -> Life:
        """Runs the daemon until it dies, starves the watchdog, or has told of every fault and is asked to end."""
        environment = os.environ | {"NOTIFY_SOCKET": self._address, "WATCHDOG_USEC": str(round(self._watchdog_s * 1e6))}
        with errors.open("w") as stderr:
            daemon = subprocess.Popen(command, env=environment, stderr=stderr, stdout=subprocess.DEVNULL)
        fed_s, ready, starved_s = time.monotonic(), False, 0.0
        while daemon.poll() is None:
            with suppress(TimeoutError):
                message = self._socket.recv(4096)
                ready |= message == b"READY=1"
                fed_s = time.monotonic() if message in (b"WATCHDOG=1", b"READY=1") else fed_s
            if ready and not starved_s and time.monotonic() - fed_s > self._watchdog_s:
                daemon.send_signal(signal.SIGABRT)
                daemon.wait(PATIENCE_S)
                starved_s = time.monotonic() - fed_s
            elif ended(until_done) >= FAULTS:
                daemon.terminate()
                daemon.wait(PATIENCE_S)
        return Life(daemon.returncode, errors.read_text(), starved_s)

    def close(self) -> None:
        """Goes away."""
        self._socket.close()


def ended(subscriber: Subscriber) -> int:
    """Events whose end was told so far."""
    told = map(json.loads, subscriber.on(f"diffmon/{NODE}/{STREAM}/event"))
    return len({event["id"] for event in told if event["type"] == "end"})


def run(kind: str, rng: random.Random, folder: Path, broker: Mosquitto, *, watchdog_s: float) -> Round:
    """One fault of a kind at a random moment; what came of it."""
    sounds, state = folder / "sounds", folder / "state"
    sounds.mkdir()
    state.mkdir()
    onsets = record(sounds, FAULTS, rng, time.time() - 3600.0)
    number = rng.randint(1, 20) if kind == "memory" else rng.randint(0, 170)
    command = [sys.executable, "-m", "tests.standin", str(sounds), str(state), str(broker.port)]
    manager = Manager(folder, watchdog_s)
    try:
        with Subscriber(broker.port, f"diffmon/{NODE}/#") as subscriber:
            lives = [manager.live([*command, f"{kind}:{number}"], folder / "errors", until_done=subscriber)]
            twice = repeated((state / "judged").read_text().split())
            while lives[-1].code and len(lives) < 3:
                lives.append(manager.live(command, folder / "errors", until_done=subscriber))
            until(lambda: subscriber.on(f"diffmon/{NODE}/status")[-1:] == ["offline"], timeout_s=PATIENCE_S)
            outcome = judged(onsets, len(lives) - 1, subscriber)
    finally:
        manager.close()
    return Round(outcome, len(lives), lives[0].code, CAUSE in lives[0].told, round(lives[0].starved_s, 2), twice)


def repeated(starts: Sequence[str]) -> int:
    """How many of them are there again."""
    return len(starts) - len(set(starts))


@click.command()
@click.option("--times", type=click.IntRange(1), default=20, show_default=True)
@click.option("--watchdog", "watchdog_s", type=Duration(), default="3s", show_default=True, help="The service has 60s.")
@click.option("--seed", default=0, show_default=True)
def main(times: int, watchdog_s: float, seed: int) -> None:
    """Lets the engine fail and prints what came of it, a line of JSON a kind; exits with 1 if a must is not met."""
    log.configure("critical")
    rng, bad = random.Random(seed), 0  # noqa: S311  # repeatable, keeps no secret
    for kind in KINDS:
        rounds = []
        for _ in range(times):
            with tempfile.TemporaryDirectory() as folder:
                broker = Mosquitto(Path(folder)).start()
                try:
                    rounds.append(run(kind, rng, Path(folder), broker, watchdog_s=watchdog_s))
                finally:
                    broker.stop()
        good = sum(r.good(kind, watchdog_s) for r in rounds)
        bad += times - good
        click.echo(
            json.dumps(
                {
                    "kind": kind,
                    "times": times,
                    "good": good,
                    "faults": sum(r.outcome.faults for r in rounds),
                    "told": sum(r.outcome.arrived for r in rounds),
                    "twice": sum(r.outcome.twice for r in rounds),
                    "unended": sum(r.outcome.unended for r in rounds),
                    "interrupted": sum(r.outcome.interrupted for r in rounds),
                    "judged_twice": sum(r.judged_twice for r in rounds),
                    "codes": sorted({r.code for r in rounds}),
                    "slowest_kill_s": max(r.starved_s for r in rounds),
                    "worst": next((asdict(r) for r in rounds if not r.good(kind, watchdog_s)), None),
                }
            )
        )
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
