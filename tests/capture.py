"""A capture process as it may behave: `python -m tests.capture PARENT BEHAVIOUR`."""

from __future__ import annotations

import os
import signal
import sys
import time
from itertools import count

import numpy as np

from monitor.parent import die_with
from monitor.records import Block
from monitor.source.process import Outlet

RATE_HZ, SIZE = 16_000, 1_600


def command(behaviour: str) -> list[str]:
    """Starts such a child of this process."""
    return [sys.executable, "-m", "tests.capture", str(os.getpid()), behaviour]


def block(number: int) -> Block:
    """A tenth of a second whose items tell their index."""
    return Block(number * SIZE, np.arange(number * SIZE, (number + 1) * SIZE, dtype=np.float32)[:, None], time.monotonic())


def main() -> None:
    """Three blocks, then the behaviour."""
    die_with(int(sys.argv[1]))
    outlet = Outlet(1)
    for number in range(3):
        outlet.block(block(number))
    match sys.argv[2]:
        case "hang":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "leave":
            sys.exit(7)
        case "fail":
            outlet.failure("microphone 'USB': it is gone")
        case "chatter":
            os.write(1, b"ALSA lib: underrun occurred, and much else\n")
        case "flood":
            refused = sum(not outlet.block(block(number)) for number in range(3, 1000))
            sys.stderr.write(f"{refused}\n")
            for number in count(1000):
                if outlet.block(block(number)):
                    time.sleep(0.01)
        case "nan" | "zeros":
            for number in range(3, 23):
                time.sleep(SIZE / RATE_HZ)
                dead = np.full((SIZE, 1), np.nan if sys.argv[2] == "nan" else 0.0, np.float32)
                outlet.block(Block(number * SIZE, dead, time.monotonic()))
            live(outlet, 23)
        case "live":
            live(outlet, 3)


def live(outlet: Outlet, first: int) -> None:
    """Delivers for ever, from a block on."""
    for number in count(first):
        time.sleep(SIZE / RATE_HZ)
        outlet.block(block(number))


if __name__ == "__main__":
    main()
