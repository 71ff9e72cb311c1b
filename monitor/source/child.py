"""What runs in the process of a live source: opens it, and pours it into the pipe. Imports neither torch, librosa nor structlog.

  python -m monitor.parent PARENT monitor.source.child < SPECIFICATION

PARENT is the process that reads the pipe, without which this one ends; SPECIFICATION the source, as JSON: it may hold a password.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import closing
from typing import Any

from monitor.errors import SourceError
from monitor.parent import child
from monitor.source import Source
from monitor.source.microphone import Microphone
from monitor.source.process import Outlet
from monitor.source.stdin import StandardInput
from monitor.source.view import View


def command() -> list[str]:
    """Starts the child of this process."""
    return child("monitor.source.child")


def told(specification: dict[str, Any]) -> bytes:
    """What it is told about its source."""
    return json.dumps(specification).encode()


def opened(specification: dict[str, Any]) -> Source:
    """The source of a specification. Raises SourceError."""
    match specification:
        case {"type": "microphone", "device": device, "channel": channel, "rate_hz": rate_hz}:
            return Microphone(device, channel=channel, rate_hz=rate_hz)
        case {"type": "network", "url": url, "username": username, "password": password, "rate_hz": rate_hz}:
            # Only where it is needed: its libraries take more memory than all the rest.
            from monitor.source.network import Network

            return Network(url, username=username, password=password, rate_hz=rate_hz)
        case {"type": "camera", "device": device, "size": size, "rate_hz": rate_hz, "view": view}:
            from monitor.source.camera import Camera

            return Camera(device, size=size, rate_hz=rate_hz, view=seen(view))
        case {"type": "video", "url": url, "username": username, "password": password, "rate_hz": rate_hz, "view": view}:
            from monitor.source.network_video import NetworkVideo

            return NetworkVideo(url, username=username, password=password, rate_hz=rate_hz, view=seen(view))
        case {"type": "stdin", "descriptor": descriptor, "rate_hz": rate_hz, **form}:
            return StandardInput(descriptor, rate_hz=rate_hz, **form)
    expected = "a microphone, network, stdin, camera or video"
    raise SourceError(f"a capture process was asked for a {specification.get('type')!r}, expected {expected}")


def seen(view: dict[str, Any]) -> View:
    """A view as it was told."""
    crop, masks = view["crop"], view["masks"]
    return View(view["side"], None if crop is None else tuple(crop), tuple(tuple((x, y) for x, y in mask) for mask in masks))


def pour(source: Source, outlet: Outlet) -> None:
    """Delivers blocks until the source ends."""
    for block in source.blocks():
        outlet.block(block)


def main() -> int:
    """Runs until the source ends or fails."""
    specification = json.load(sys.stdin)
    # Ctrl-C reaches the whole group; the parent ends what it began.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.stderr.isatty():
        # For people, what logs takes more memory.
        from monitor import log

        log.configure("info")
    # Whatever a library prints belongs on standard error.
    outlet = Outlet(os.dup(1))
    os.dup2(2, 1)
    try:
        with closing(opened(specification)) as source:
            try:
                pour(source, outlet)
                outlet.end()
            except SourceError as error:
                # Told before the device is closed, which may hang.
                outlet.failure(str(error))
                return 1
    except SourceError as error:
        outlet.failure(str(error))
        return 1
    except BrokenPipeError:
        pass  # nobody reads any more
    return 0


if __name__ == "__main__":
    sys.exit(main())
