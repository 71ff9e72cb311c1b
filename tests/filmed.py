"""The real capture process with a camera that a script drives: `python -m tests.filmed PARENT BEHAVIOUR < SPECIFICATION`."""

from __future__ import annotations

import os
import signal
import sys
import time

from monitor.errors import SourceError
from monitor.parent import die_with
from monitor.source import camera, child
from monitor.source.process import Process
from monitor.source.view import Picture
from tests.pictures import black, covered, frozen, scene

FPS, RATE_HZ, SIDE = 100, 20.0, 64
FINE = 20
"""Frames before it goes wrong."""
FLOOD_S = 1.0


def command(behaviour: str) -> list[str]:
    """Starts such a child of this process."""
    return [sys.executable, "-m", "tests.filmed", str(os.getpid()), behaviour]


def process(behaviour: str, **patience: float) -> Process:
    """A camera that behaves so."""
    view = {"side": SIDE, "crop": [20, 10, 100, 100], "masks": []}
    told = child.told({"type": "camera", "device": "USB", "size": None, "rate_hz": RATE_HZ, "view": view})
    return Process(command(behaviour), name="camera 'USB'", rate_hz=RATE_HZ, item=(SIDE, SIDE, 3), dtype="uint8", told=told, **patience)


class Scripted:
    """A driver's camera: a hundred frames a second that differ, and after a while its behaviour, `what` or `what:seconds`."""

    def __init__(self, behaviour: str) -> None:
        self._behaviour, _, lasts = behaviour.partition(":")
        self._lasts_s = float(lasts or 0)
        self._number = -1
        self._opened_s = time.monotonic()

    def grab(self) -> bool:
        """Waits for the next frame; whether one came."""
        self._number += 1
        wrong = self._number >= FINE
        match self._behaviour if wrong else "live":
            case "hang":
                os.kill(os.getpid(), signal.SIGSTOP)
            case "crash":
                os.kill(os.getpid(), signal.SIGSEGV)
            case "leave":
                os._exit(7)
            case "fail":
                return False
        if not (wrong and self._behaviour == "flood" and time.monotonic() < self._opened_s + FLOOD_S):
            time.sleep(1 / FPS)
        return True

    def retrieve(self) -> Picture | None:
        """The frame that was grabbed."""
        passed_s = (self._number - FINE) / FPS
        made = {"black": black, "covered": covered, "frozen": frozen}.get(self._behaviour, scene)
        return made(self._number) if 0 <= passed_s < self._lasts_s else scene(self._number)

    def release(self) -> None:
        """Closes the device."""


def opened(device: str, size: tuple[int, int] | None) -> Scripted:
    """The camera that the script drives."""
    if sys.argv[2] == "missing":
        raise SourceError(f"camera {device!r}: it is gone")
    return Scripted(sys.argv[2])


if __name__ == "__main__":
    die_with(int(sys.argv[1]))
    camera.opened = opened
    camera._SETTLING_S = 0.0
    sys.exit(child.main())
