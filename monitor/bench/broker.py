"""A broker for the time of a bench, in a process that is not the daemon's: Mosquitto if it is there, else that of the demo."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from monitor.demo.broker import HOST, Broker, free_port
from monitor.errors import DiffmonError

_START_S = 10.0
_PATH = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/sbin"  # Debian keeps it off everybody's path


@contextmanager
def broker() -> Iterator[tuple[int, str]]:
    """The port on which one listens on the loopback interface, and which one it is. Raises DiffmonError."""
    binary = shutil.which("mosquitto") or shutil.which("mosquitto", path=_PATH)
    if binary is not None:
        with _mosquitto(binary) as port:
            yield port, "mosquitto"
        return
    try:
        import amqtt  # noqa: F401
    except ImportError:
        raise DiffmonError("bench needs a broker: apt-get install mosquitto, or pip install 'diffmon[demo]'") from None
    with Broker() as own:
        yield own.port, "amqtt"


@contextmanager
def _mosquitto(binary: str) -> Iterator[int]:
    port = free_port()
    # Without a configuration it lets in whoever is on this machine, and nobody else.
    process = subprocess.Popen([binary, "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait(process, port)
        yield port
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(5.0)


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    """Returns once it answers. Raises DiffmonError."""
    until_s = time.monotonic() + _START_S
    while time.monotonic() < until_s and process.poll() is None:
        with suppress(OSError):
            socket.create_connection((HOST, port), timeout=1.0).close()
            return
        time.sleep(0.01)
    raise DiffmonError(f"mosquitto did not start: {f'exit code {process.poll()}' if process.poll() is not None else 'no answer'}")
