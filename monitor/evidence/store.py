"""The folder of the evidence: what is written there, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import structlog

from monitor.config import EvidenceConfig
from monitor.errors import SinkError
from monitor.evidence.retention import Limits, Retention
from monitor.records import Event

log = structlog.get_logger(__name__)


class Store:
    """Writes, and keeps the folder within its limits. Where the disk fails, that is said once until a file is whole again.

    One thread calls it; the numbers may be read by any.
    """

    def __init__(self, folder: Path, config: EvidenceConfig) -> None:
        self.folder = folder
        self.written = 0
        """Files that are whole."""
        self.failed = 0
        """Files that the disk refused."""
        self.skipped = 0
        """Files, or events, left out for want of room or time."""
        self._retention = Retention(folder, Limits(config.keep, config.max_size, config.free))
        self.failing = False
        """Whether the disk refused the last file."""
        self._unreadable = False

    @property
    def deleted(self) -> int:
        """Files that had to go."""
        return self._retention.deleted

    def attempt(self, write: Callable[[], None]) -> bool:
        """Whether the disk took it."""
        try:
            write()
        except SinkError as error:
            self.failed += 1
            if not self.failing:
                log.error("evidence.failed", reason=str(error), expected="a disk that can be written; events are told all the same")
            self.failing = True
            return False
        return True

    def finish(self, write: Callable[[], None]) -> None:
        """Does what makes a file whole, and then what has to go."""
        if self.attempt(write):
            self.written += 1
            self.failing = False
            self.keep_within()

    def skip(self, event: Event, reason: str) -> None:
        """Leaves out what was to be kept of an event."""
        self.skipped += 1
        log.warning("evidence.skipped", stream=event.stream, id=event.id, reason=reason)

    def clean(self) -> None:
        """Removes what a dead process left unfinished."""
        self._looked(self._retention.clean)

    def keep_within(self) -> None:
        """Deletes what has to go."""
        self._looked(self._retention.keep_within)

    def _looked(self, look: Callable[[], None]) -> None:
        try:
            look()
        except OSError as error:
            if not self._unreadable:
                log.error("evidence.unreadable", reason=str(error), expected="a folder that can be read; until then nothing is deleted")
            self._unreadable = True
        else:
            self._unreadable = False
