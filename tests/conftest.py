"""Fixtures that more than one room uses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.broker import Mosquitto


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A running Mosquitto that lets everyone in, for one test."""
    broker = Mosquitto(tmp_path).start()
    yield broker
    broker.stop()


@pytest.fixture
def logs() -> Iterator[list[dict[str, object]]]:
    """What is logged during the test."""
    with structlog.testing.capture_logs() as entries:
        yield entries  # type: ignore[misc]
