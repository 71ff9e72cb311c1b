"""Log lines, on a terminal and off one."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import pytest
import structlog

from monitor import log


def full() -> TextIO:
    """A file on a full disk."""
    return open("/dev/full", "w", buffering=1)


def left() -> TextIO:
    """A pipe whose reader has left."""
    reader, writer = os.pipe()
    os.close(reader)
    return os.fdopen(writer, "w", buffering=1)


@pytest.fixture
def restored() -> Iterator[None]:
    """Leaves structlog as it was."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.mark.usefixtures("restored")
def test_off_a_terminal_a_log_line_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Lines go to standard error with level and UTC time, those below the level nowhere, and an error with its traceback."""
    log.configure("info")
    logger = structlog.get_logger()
    logger.debug("source.block", n=1)
    logger.info("source.opened", stream="pump", path=Path("a.wav"))
    try:
        raise OSError("gone")
    except OSError:
        logger.exception("source.failed")
    out, err = capsys.readouterr()
    opened, failed = (json.loads(line) for line in err.splitlines())
    assert "" == out
    assert ("source.opened", "info", "pump") == (opened["event"], opened["level"], opened["stream"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", opened["timestamp"])
    assert failed["exception"].endswith("OSError: gone")


@pytest.mark.usefixtures("restored")
def test_on_a_terminal_a_log_line_is_readable(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A person reads words, and no variable of the code in a traceback."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    log.configure("warning")
    secret = "".join(["hunter", "2"])
    try:
        raise OSError("gone")
    except OSError:
        structlog.get_logger().exception("mqtt.failed", host="broker")
    err = capsys.readouterr().err
    assert "mqtt.failed" in err
    assert "OSError: gone" in err
    assert not err.startswith("{")
    assert secret not in err


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("broken", [full, left])
def test_a_line_that_cannot_be_written_ends_nothing(broken: Callable[[], TextIO], monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk, into a pipe that nobody has, on a stream that was closed: it is lost, and no more."""
    stream = broken()
    monkeypatch.setattr(sys, "stderr", stream)
    log.configure("info")
    structlog.get_logger().info("source.opened", stream="pump")
    with suppress(OSError):
        stream.close()
    structlog.get_logger().info("source.opened", stream="pump")
