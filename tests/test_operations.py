"""The page for whoever is called names only what there is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from monitor.records import ChangeType, StreamStatus

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "operations.md"


def table(heading: str) -> list[list[str]]:
    """The rows of the first table whose head begins with this, cell by cell."""
    rows = PAGE.read_text().partition(f"| {heading} |")[2].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_every_fact_of_the_page_is_logged() -> None:
    """What the table of the journal explains stands in the code."""
    source = "".join(path.read_text() for path in (ROOT / "monitor").rglob("*.py"))
    logged = set(re.findall(r'"([a-z]+\.[a-z_]+)"', source)) | {f"event.{each}" for each in get_args(ChangeType)}
    explained = {fact for row in table("fact") for fact in re.findall(r"`([a-z.]+\.[a-z_]+)`", row[0])}
    assert len(explained) > 30
    assert set() == explained - logged


def test_every_status_of_the_page_exists() -> None:
    """What the table of statuses explains is a status that a stream may have."""
    explained = {row[0].strip("`") for row in table("stream")}
    assert len(explained) > 3
    assert set() == explained - set(get_args(StreamStatus))


def test_the_page_names_files_of_the_unit() -> None:
    """Where program, configuration and state lie is what the unit says."""
    unit = (ROOT / "systemd" / "diffmon.service").read_text()
    assert "ExecStart=/opt/diffmon/.venv/bin/diffmon run --config /etc/diffmon/diffmon.toml" in unit
    assert "StateDirectory=diffmon" in unit
    files = " ".join(row[0] for row in table("where"))
    assert all(
        path in files
        for path in ("/opt/diffmon/.venv", "/etc/diffmon/diffmon.toml", "/var/lib/diffmon/", "/etc/credstore/diffmon.mqtt-password")
    )
