"""The command line, run in this process: as the program would, without the seconds that a new one takes to start."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from click.testing import CliRunner, Result

from monitor.cli import main


def diffmon(*arguments: str | Path) -> Result:
    """The finished command; an exception that the command line lets through is raised here."""
    with _structlog_restored():
        return CliRunner().invoke(main, [str(a) for a in arguments], catch_exceptions=False)


def names(folder: Path) -> list[str]:
    """Everything below a folder, hidden or not."""
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def read(text: str) -> dict[str, Any]:
    """One JSON object."""
    found: dict[str, Any] = json.loads(text, parse_constant=_refuse)
    return found


def lines(text: str) -> list[dict[str, Any]]:
    """JSON lines."""
    return [read(line) for line in text.splitlines()]


def taught_briefly(patch: pytest.MonkeyPatch) -> None:
    """Has discriminators taught for no more steps than their examples ask for."""
    patch.setattr("monitor.learn.teaching.LEAST_STEPS", 1)


def _refuse(constant: str) -> float:
    """What a strict reader of JSON makes of NaN and Infinity."""
    raise AssertionError(f"{constant} is not JSON")


@contextmanager
def _structlog_restored() -> Iterator[None]:
    before = structlog.get_config()
    try:
        yield
    finally:
        structlog.configure(**before)
