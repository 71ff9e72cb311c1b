"""An engine that fails, at its interface: no memory, a broken device, a call that never comes back."""

from __future__ import annotations

import os
import random
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch

from monitor.engine import Engine
from monitor.errors import OutOfMemoryError
from monitor.records import Window
from tests.bench.engine_faults import KINDS, run
from tests.broker import Mosquitto, until
from tests.scripted import HOP, LENGTH, PATIENCE_S, QUIET, STRANGE, Kept, Mean, Scripted, blocks, pipeline, places, replayed, running, told


def at_most(most: int, tried: list[int]) -> Mean:
    """An engine with room for so many windows; it takes down how many it was given."""

    def before(windows: Sequence[Window]) -> None:
        tried.append(len(windows))
        if len(windows) > most:
            raise OutOfMemoryError("no room")

    return Mean(before)


@pytest.mark.parametrize("most", [1, 3, 16])
def test_without_memory_for_a_batch_half_of_it_is_judged_at_a_time(most: int) -> None:
    """Every window is judged once, with the same events; and what did not fit is not tried for ever."""
    script = blocks((QUIET, 4000), (STRANGE, 300), (QUIET, 4000), size=9000)
    tried: list[int] = []
    engine, sink = at_most(most, tried), Kept()
    pipeline({"fan": Scripted(*script)}, sink, engines={"fan": engine}).run()
    expected, windows = replayed(script)
    assert expected == sink.events
    assert places(windows) == places([w for batch in engine.batches for w in batch])
    assert 6 >= sum(n > most for n in tried)


def test_without_memory_for_one_window_it_ends_with_the_cause() -> None:
    """And what was open ends as interrupted."""
    go = threading.Event()
    tried: list[int] = []
    engine = at_most(99, tried)
    engine_of = {"fan": engine}
    sink = Kept()
    spine = pipeline({"fan": Scripted(*blocks((STRANGE, 400)), go, *blocks((STRANGE, 500))[40:])}, sink, engines=engine_of)

    def fail() -> None:
        until(lambda: len(sink.readings) == 5, timeout_s=PATIENCE_S)
        engine._before = lambda windows: (_ for _ in ()).throw(OutOfMemoryError("no room at all"))  # type: ignore[assignment]
        go.set()

    failing = threading.Thread(target=fail)
    failing.start()
    with pytest.raises(OutOfMemoryError, match="no room at all"):
        spine.run()
    failing.join()
    assert ("new", "end: interrupted") == (told(sink.events)[0], told(sink.events)[-1])


def test_a_device_that_broke_ends_the_daemon_with_the_cause() -> None:
    """An illegal access is no case for trying again: open events end as interrupted, every sink is closed."""

    def before(windows: Sequence[Window]) -> None:
        if windows[0].start >= 2 * HOP:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")

    sink = Kept()
    spine = pipeline({"fan": Scripted(*blocks((STRANGE, LENGTH + 8 * HOP)))}, sink, engines={"fan": Mean(before)})
    spine._room = 1
    with pytest.raises(RuntimeError, match="illegal memory access"):
        spine.run()
    assert (["new", "end: interrupted"], 1) == (told(sink.events), sink.closed)


def test_an_engine_that_hangs_starves_the_watchdog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service manager hears of no progress while a call does not come back, and of progress again after it."""
    hang, go = threading.Event(), threading.Event()

    def before(windows: Sequence[Window]) -> None:
        hang.set()
        assert go.wait(PATIENCE_S)

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE_S)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "100000")
        with running(pipeline({"fan": Scripted(*blocks((QUIET, 400)), threading.Event())}, Kept(), engines={"fan": Mean(before)})):
            assert hang.wait(PATIENCE_S)
            manager.setblocking(False)
            with suppress(BlockingIOError):
                while manager.recv(4096):
                    pass
            manager.settimeout(0.5)  # five times that of the watchdog
            with pytest.raises(TimeoutError):
                manager.recv(4096)
            manager.settimeout(PATIENCE_S)
            go.set()
            while manager.recv(4096) != b"WATCHDOG=1":
                pass
    assert "NOTIFY_SOCKET" in os.environ


@pytest.mark.parametrize("kind", KINDS)
def test_an_engine_that_fails_costs_no_event(kind: str, tmp_path: Path) -> None:
    """A real process and broker, and a service manager that starts again what has died: each fault is told once, and ended."""
    rng = random.Random(1)  # noqa: S311  # repeatable, keeps no secret
    broker = Mosquitto(tmp_path).start()
    try:
        outcome = run(kind, rng, tmp_path, broker, watchdog_s=1.0)
    finally:
        broker.stop()
    assert outcome.good(kind, 1.0), outcome


def test_the_real_engine_tells_of_memory_in_our_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """What torch raises is translated at the border."""

    def full(self: Engine, windows: Sequence[Window]) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nmore")

    monkeypatch.setattr(Engine, "_judged", full)
    engine, window = object.__new__(Engine), Window("fan", 0, np.zeros((1, 1), np.float32), 0)
    engine._some = 2
    with pytest.raises(OutOfMemoryError, match=r"^device: no memory for 2 windows at once: CUDA out of memory. Tried to allocate 2 GiB.$"):
        engine.judge([window] * 3)
