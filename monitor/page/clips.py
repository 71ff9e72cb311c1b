"""What was kept of events, as the page shows it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from monitor.config import EvidenceConfig
from monitor.evidence.names import finished
from monitor.page.board import Entry

LATE_S = 20.0
"""How long after an event's end, beyond what still belongs to it, its files may take."""

Kept = Literal["coming", "there", "nothing", "off"]


class Clips:
    """Looks for the files of events. One thread calls it.

    Args:
        folder: of the evidence; none if none is kept.
        config: what is kept.
        unix: wall time in unix seconds.
    """

    def __init__(self, folder: Path | None, config: EvidenceConfig | None, *, unix: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._after_s = 0.0 if config is None else config.after
        self._unix = unix

    def file(self, named: str) -> Path | None:
        """The file that an event named, if it is there."""
        return None if self._folder is None else finished(self._folder, named)

    def kept(self, entry: Entry) -> tuple[Kept, dict[str, str]]:
        """Whether there is something of an event, and what there is by what the event calls it."""
        named: dict[str, str] = dict(entry.event["evidence"])
        if not named or self._folder is None:
            return "off" if self._folder is None else "nothing", {}
        there = {name: path for name, path in named.items() if self.file(path) is not None}
        if len(there) == len(named):
            return "there", there
        waits = entry.event["type"] != "end" or self._unix() < entry.told_unix + self._after_s + LATE_S
        return "coming" if waits else "there" if there else "nothing", there
