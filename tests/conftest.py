"""Fixtures that more than one room uses."""

from __future__ import annotations

import os

# As the command line does, before torch is loaded.
os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // 2)))
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from fcntl import LOCK_EX, flock
from pathlib import Path

import pytest
import soundfile
import structlog

from monitor.demo.fault import Planted, plant
from monitor.demo.sound import Room
from monitor.synth.wave import RATE_HZ
from tests.broker import Mosquitto
from tests.browser import browser as browser
from tests.command import taught_briefly

Make = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A running Mosquitto that lets everyone in, for one test."""
    broker = Mosquitto(tmp_path).start()
    yield broker
    broker.stop()


@pytest.fixture(autouse=True)
def structlog_restored() -> Iterator[None]:
    """How a test sets up logging is its own affair."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture
def logs() -> Iterator[list[dict[str, object]]]:
    """What is logged during the test."""
    with structlog.testing.capture_logs() as entries:
        yield entries  # type: ignore[misc]


@pytest.fixture
def briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Discriminators are taught for a few steps only: for tests in which it does not matter what they know."""
    taught_briefly(monkeypatch)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Gives a file of that name, made by the first who asks: what takes long is made once for all of the run's processes."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # each process has a folder of its own in that of the run

    def once(name: str, make: Callable[[Path], object]) -> Path:
        path = folder / "made" / name
        path.parent.mkdir(exist_ok=True)
        with path.with_suffix(".lock").open("w") as lock:
            flock(lock, LOCK_EX)
            if not path.exists():
                part = path.with_name(f"part-{name}")
                make(part)
                part.rename(path)
        return path

    return once


@pytest.fixture(scope="session")
def normal_wav(made: Make) -> Path:
    """Two minutes of a machine room."""
    return made("normal.wav", lambda path: soundfile.write(path, Room.drawn(1).sound(120, seed=11), RATE_HZ))


@pytest.fixture(scope="session")
def model(made: Make, normal_wav: Path) -> Path:
    """A model of that room, little trained but trained."""
    from monitor.learn.training import train

    return made("room.safetensors", lambda path: list(train([normal_wav], path, kind="audio", budget_s=15, seed=1, steps=20)))


@pytest.fixture(scope="session")
def faulty(made: Make) -> tuple[Path, list[Planted]]:
    """The same room for 76 s on another day, with four faults, and where they are."""

    def write(path: Path) -> None:
        sound, planted = plant(Room.drawn(1), seconds=76, seed=38)
        soundfile.write(path, sound, RATE_HZ, format="WAV")
        path.with_name("faulty.json").write_text(json.dumps([asdict(each) for each in planted]))

    path = made("faulty.wav", write)
    return path, [Planted(**each) for each in json.loads(path.with_suffix(".json").read_text())]


@pytest.fixture(scope="session")
def pieces(made: Make, normal_wav: Path, faulty: tuple[Path, list[Planted]]) -> Path:
    """A folder with ten seconds of normal, ten around the first fault, and below it a second and a half of normal."""

    def make(folder: Path) -> None:
        normal, _ = soundfile.read(normal_wav, dtype="float32")
        strange, _ = soundfile.read(faulty[0], dtype="float32")
        (folder / "c").mkdir(parents=True)
        soundfile.write(folder / "a.wav", normal[: 10 * RATE_HZ], RATE_HZ)
        soundfile.write(folder / "b, strange.wav", strange[round(9 * RATE_HZ) : round((faulty[1][0].end_s + 6) * RATE_HZ)], RATE_HZ)
        soundfile.write(folder / "c" / "d.wav", normal[: 3 * RATE_HZ // 2], RATE_HZ)

    return made("pieces", make)


@pytest.fixture(scope="session")
def gate(made: Make) -> Path:
    """A folder with a model of what a camera sees, little trained but trained, and the video that it learned."""
    from monitor.learn.training import train
    from tests.films import SIDE, film, seen

    def make(folder: Path) -> None:
        folder.mkdir()
        film(folder / "normal.mkv", map(seen, range(80)), rate_hz=2)
        grid = {"side": SIDE, "rate_hz": 2.0}
        list(train([folder / "normal.mkv"], folder / "gate.model", kind="image", budget_s=20, seed=1, steps=2, grid=grid))

    return made("gate", make)
