"""A daemon that hears a machine room through standard input, in which faults are planted when a test wants them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, SimpleQueue

import numpy as np
import soundfile
from numpy.typing import NDArray

from monitor.synth.wave import RATE_HZ
from tests.broker import free_port
from tests.scripted import PATIENCE_S

BLOCK = RATE_HZ // 10


def configured(folder: Path, model: Path, web: str = "", more: str = "") -> tuple[Path, int]:
    """A configuration of one stream from standard input, with a page, and the page's port."""
    port, path = free_port(), folder / "diffmon.toml"
    stream = f'[[stream]]\nname = "room"\nmodel = "{model}"\nquiet = "500ms"\ncooldown = "0s"\nupdate = "1s"\n'
    source = f'source = {{ type = "stdin", rate_hz = {RATE_HZ}, format = "f32le" }}\n'
    head = 'node = "barn"\ndevice = "cpu"\nstate_dir = "state"\njsonl = true\n'
    path.write_text(f"{head}[web]\nport = {port}\n{web}\n{more}\n{stream}{source}", encoding="utf-8")
    return path, port


class Room:
    """What is piped in, as fast as it sounds, over and over; of one daemon at a time."""

    def __init__(self, wav: Path) -> None:
        self._sound = soundfile.read(wav, dtype="float32")[0]
        self._faults: SimpleQueue[NDArray[np.float32]] = SimpleQueue()

    def whistle(self, seconds: float = 1.5) -> float:
        """Plants a whistle in what comes next; when that was, in monotonic seconds."""
        time_s = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
        self._faults.put((0.25 * np.sin(2 * np.pi * 5200 * time_s)).astype(np.float32))
        return time.monotonic()

    def pour(self, pipe: int, ended: threading.Event) -> None:
        """Writes until it is ended, or nobody reads."""
        at, due_s, fault = 0, time.monotonic(), np.zeros(0, np.float32)
        with suppress(BrokenPipeError):
            while not ended.wait(max(0.0, due_s - time.monotonic())):
                with suppress(Empty):
                    fault = self._faults.get_nowait()
                block = self._sound[at : at + BLOCK].copy()
                strange, fault = fault[: len(block)], fault[len(block) :]
                block[: len(strange)] += strange
                os.write(pipe, block.tobytes())
                at = (at + BLOCK) % (len(self._sound) - BLOCK)
                due_s += BLOCK / RATE_HZ


@contextmanager
def daemon(config: Path, room: Room) -> Iterator[subprocess.Popen[str]]:
    """A running one that hears the room; ended as systemd does at the end of the block."""
    command = [sys.executable, "-m", "monitor.cli", "run", "--config", str(config)]
    with (
        (config.parent / "journal.jsonl").open("a") as journal,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=journal, text=True) as process,
    ):
        assert process.stdin is not None
        ended = threading.Event()
        pouring = threading.Thread(target=room.pour, args=(process.stdin.fileno(), ended), name="room")
        pouring.start()
        try:
            yield process
            process.terminate()
            process.wait(PATIENCE_S)
        finally:
            process.kill()
            ended.set()
            pouring.join(PATIENCE_S)
            with suppress(BrokenPipeError):
                process.stdin.close()
