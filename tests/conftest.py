"""Fixtures that more than one room uses."""

from __future__ import annotations

import os

# As the command line does, before torch is loaded.
os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // 2)))
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile
import structlog

from monitor.demo.fault import Planted, plant
from monitor.demo.sound import RATE_HZ, Room
from tests.broker import Mosquitto


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


@pytest.fixture(scope="session")
def normal_wav(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two minutes of a machine room."""
    path = tmp_path_factory.mktemp("normal") / "normal.wav"
    soundfile.write(path, Room.drawn(1).sound(120, seed=11), RATE_HZ)
    return path


@pytest.fixture(scope="session")
def model(normal_wav: Path) -> Path:
    """A model of that room, little trained but trained."""
    from monitor.learn.training import train

    path = normal_wav.with_name("room.safetensors")
    for _ in train([normal_wav], path, kind="audio", budget_s=30, seed=1, steps=20):
        pass
    return path


@pytest.fixture(scope="session")
def faulty(normal_wav: Path) -> tuple[Path, list[Planted]]:
    """The same room for 76 s on another day, with four faults, and where they are."""
    sound, planted = plant(Room.drawn(1), seconds=76, seed=38)
    path = normal_wav.with_name("faulty.wav")
    soundfile.write(path, sound, RATE_HZ)
    return path, planted
