"""What of the evidence goes: the oldest first, until age, size and free disk are as they should be."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from monitor.evidence.names import FINISHED, UNFINISHED, dates, entries

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """What must hold."""

    keep_s: float
    """No file is older."""
    max_size: int
    """All files together (bytes)."""
    free: int
    """Left free on the disk (bytes)."""


@dataclass(frozen=True, slots=True)
class Held:
    """One file that is there."""

    path: Path
    written_unix: float
    size: int
    """Bytes."""


def expire(files: Sequence[Held], limits: Limits, *, now_unix: float, free: int, delete: Callable[[Held], bool]) -> list[Held]:
    """The files that were deleted, oldest first; `delete` says whether a file is gone, and one that stays still takes its room.

    Args:
        files: in any order.
        limits: what must hold in the end, if it can.
        now_unix: wall time in unix seconds.
        free: bytes free on the disk now.
        delete: deletes a file.
    """
    over = sum(file.size for file in files) - limits.max_size
    short = limits.free - free
    gone = []
    for file in sorted(files, key=lambda f: (f.written_unix, f.path)):
        if over <= 0 and short <= 0 and now_unix - file.written_unix <= limits.keep_s:
            break
        if delete(file):
            gone.append(file)
            over -= file.size
            short -= file.size
    return gone


class Retention:
    """Keeps a folder within limits. One thread calls it."""

    def __init__(self, folder: Path, limits: Limits, *, unix: Callable[[], float] = time.time) -> None:
        self.deleted = 0
        """Files deleted so far."""
        self._folder, self._limits, self._unix = folder, limits, unix
        self._stuck: set[Path] = set()

    def clean(self) -> None:
        """Removes what a dead process left unfinished. Raises OSError if the folder cannot be read."""
        for date in dates(self._folder):
            for entry in entries(date, UNFINISHED):
                self._delete(Path(entry.path))

    def keep_within(self) -> None:
        """Deletes what has to go, and folders that are empty. Raises OSError if the folder cannot be read."""
        folders = list(dates(self._folder))
        if not folders:
            return
        files = [held for date in folders for held in _held(date)]
        free = shutil.disk_usage(self._folder).free
        gone = expire(files, self._limits, now_unix=self._unix(), free=free, delete=lambda file: self._delete(file.path))
        if gone:
            self.deleted += len(gone)
            log.info("evidence.deleted", files=len(gone), bytes=sum(file.size for file in gone))
        for date in folders:
            with suppress(OSError):  # not empty
                date.rmdir()

    def _delete(self, path: Path) -> bool:
        """Whether a file is gone; one that stays is told of once."""
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            if path not in self._stuck:
                self._stuck.add(path)
                log.warning("evidence.not_deleted", file=str(path), reason=error.strerror)
            return False
        return True


def _held(date: Path) -> list[Held]:
    files = []
    for entry in entries(date, FINISHED):
        with suppress(FileNotFoundError):  # somebody else deleted it
            stat = entry.stat(follow_symlinks=False)
            files.append(Held(Path(entry.path), stat.st_mtime, stat.st_size))
    return files
