"""What the live page costs the daemon, and how soon it is there.

  python -m tests.bench.page [--streams 4] [--for 30s]

A daemon hears so many streams of a made machine room. Of each of three cases (no [web], nobody looks, five look) the daemon's CPU time
as a share of one core, its memory, and what judging a window took are printed as JSON, with how long a browser takes until the page
has loaded and until the spectrogram of the last half minute is drawn. Exits with 1 if five who look take more than a tenth of a core
or 30 MB, or a page takes more than 2 s.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import soundfile
from playwright.sync_api import Browser

from monitor.demo.sound import Room
from monitor.learn.training import train
from monitor.options import Duration
from monitor.synth.wave import RATE_HZ
from tests.asking import ask, series
from tests.broker import free_port, until
from tests.browser import launched
from tests.scripted import PATIENCE_S

VIEWERS = 5
LOADS = 3
"""Of which the middle one counts."""
MOST_CORE, MOST_MB, MOST_S = 0.1, 30.0, 2.0
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cost:
    """Of a daemon over a while."""

    core: float
    """CPU time, as a share of one core."""
    memory_mb: float
    """Resident, at the end."""
    judging_ms: float
    """A window."""
    told_kb_s: float
    """To each who looks."""


@dataclass(frozen=True, slots=True)
class Load:
    """Of the page in a browser."""

    loaded_s: float
    drawn_s: float
    transferred_kb: float


class Viewer:
    """Reads what is told, in a thread of its own."""

    def __init__(self, port: int) -> None:
        self.bytes = 0
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.sendall(f"GET /live HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        self._thread = threading.Thread(target=self._read, name="viewer")
        self._thread.start()

    def close(self) -> None:
        """Leaves."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _read(self) -> None:
        while got := self._socket.recv(65536):
            self.bytes += len(got)


@contextmanager
def daemon(folder: Path, streams: int, web: str, health: int) -> Iterator[int]:
    """The process of one that is online."""
    each = (
        '[[stream]]\nname = "room{}"\nmodel = "room.safetensors"\nkeep_normal = "0s"\n'
        'source = {{ type = "file", paths = ["normal.wav"], loop = true }}\n'
    )
    config = folder / "diffmon.toml"
    text = f'node = "box"\ndevice = "cpu"\n{web}\n[health]\nport = {health}\n' + "".join(map(each.format, range(streams)))
    config.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "monitor.cli", "run", "--config", str(config)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            until(lambda: healthy(health), timeout_s=PATIENCE_S)
            yield process.pid
        finally:
            process.terminate()


def healthy(port: int) -> bool:
    """Whether all is well with who listens there."""
    try:
        return bool(ask(port, "/healthz").json["status"] == "ok")
    except OSError:
        return False


def cost(pid: int, health: int, seconds: float, viewers: Sequence[Viewer] = ()) -> Cost:
    """What a daemon takes in so many seconds."""
    before, numbers, told = spent(pid), series(ask(health, "/metrics").body), sum(each.bytes for each in viewers)
    threading.Event().wait(seconds)
    after, later, heard = spent(pid), series(ask(health, "/metrics").body), sum(each.bytes for each in viewers)
    took, windows = (later[name] - numbers[name] for name in ("diffmon_inference_duration_seconds_sum", "diffmon_batch_windows_sum"))
    memory = later["process_resident_memory_bytes"] / 1e6
    share = (heard - told) / max(1, len(viewers)) / seconds / 1e3
    return Cost(round((after - before) / seconds, 3), round(memory, 1), round(1e3 * took / windows, 1), round(share, 1))


def spent(pid: int) -> float:
    """CPU seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def load(port: int) -> Load:
    """Of the page, in a browser that has not seen it; the middle of a few."""
    with launched() as browser:
        found = sorted((_loaded(browser, port) for _ in range(LOADS)), key=lambda each: each.drawn_s)
    return found[LOADS // 2]


def _loaded(browser: Browser, port: int) -> Load:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{port}/")
    page.wait_for_selector(".sound:not([hidden])")
    drawn_ms = page.evaluate("performance.now()")
    loaded_ms = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
    files = "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
    transferred = page.evaluate(f"{files}.reduce((sum, each) => sum + each.transferSize, 0)")
    context.close()
    return Load(round(loaded_ms / 1e3, 3), round(drawn_ms / 1e3, 3), round(transferred / 1e3, 1))


@click.command(help=__doc__)
@click.option("--streams", default=4, show_default=True)
@click.option("--for", "seconds", type=Duration(), default="30s", show_default=True)
def main(streams: int, seconds: float) -> None:
    """Prints what was measured."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as leaving:
        folder, health, port = Path(name), free_port(), free_port()
        soundfile.write(folder / "normal.wav", Room.drawn(1).sound(60, seed=11), RATE_HZ)
        list(train([folder / "normal.wav"], folder / "room.safetensors", kind="audio", budget_s=30, seed=1, steps=20))
        with daemon(folder, streams, "", health) as pid:
            without = cost(pid, health, seconds)
        with daemon(folder, streams, f"[web]\nport = {port}", health) as pid:
            nobody = cost(pid, health, seconds)
            viewers = [Viewer(port) for _ in range(VIEWERS)]
            for viewer in viewers:
                leaving.callback(viewer.close)
            threading.Event().wait(2.0)  # until everything was told once
            five = cost(pid, health, seconds, viewers)
            leaving.close()
            seen = load(port)
    found = {"streams": streams, "no_web": asdict(without), "nobody_looks": asdict(nobody), "five_look": asdict(five), "page": asdict(seen)}
    click.echo(json.dumps(found, indent=2))
    too_much = five.core - nobody.core > MOST_CORE or five.memory_mb - without.memory_mb > MOST_MB or seen.drawn_s > MOST_S
    sys.exit(1 if too_much else 0)


if __name__ == "__main__":
    main()
