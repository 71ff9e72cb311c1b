"""What lies in a folder that a recorder fills: which recordings are there and whole, each of them once.

A recording that appears is one to judge, whatever its time says: a clock is set, an upload comes late. What was begun is known by its
name for as long as it lies there; one that comes back is another if it was written to since. Only what the first look finds is held
against a position: what was begun before that is passed over.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from monitor.source.media import SUFFIXES
from monitor.source.position import Key, Position, begun_before

log = structlog.get_logger(__name__)

_WATCHED = 8  # recordings begun last that are looked at whether they grow: a recorder has few open at a time


@dataclass(frozen=True, slots=True)
class Found:
    """A recording as it was last seen."""

    key: Key
    size: int
    due_s: float
    """From when on it is whole, if it stays as it is; monotonic."""


class Listing:
    """The recordings of a folder. One thread calls it.

    Args:
        folder: may be missing at times; that is said once.
        position: where another process left off.
        settled_s: a recording that was not written to for so long is whole.
        unix: wall time in unix seconds.
    """

    def __init__(self, folder: Path, *, position: Position | None, settled_s: float, unix: Callable[[], float] = time.time) -> None:
        self._folder, self._settled_s, self._unix = folder, settled_s, unix
        self._position = position
        self._begun: dict[str, Key | None] = {}
        self._waiting: dict[str, Found] = {}
        self._present: set[str] = set()
        self._watched: deque[Found] = deque(maxlen=_WATCHED)
        self._missing = False
        self._looked = False

    def names(self) -> set[str] | None:
        """Of all recordings, none if the folder cannot be read."""
        try:
            with os.scandir(self._folder) as entries:
                names = {e.name for e in entries if not e.name.startswith(".") and Path(e.name).suffix.lower() in SUFFIXES}
        except OSError as error:
            if not self._missing:
                log.warning("source.missing", folder=str(self._folder), reason=error.strerror)
            self._missing = True
            return None
        self._missing = False
        return names

    def ready(self) -> list[Key]:
        """Recordings that are whole and were not begun, in order of time."""
        self._tell_growth()
        names = self.names()
        if names is None:
            return []
        self._forget(names)
        found = [each for name in names - self._begun.keys() if (each := self._seen(name)) is not None]
        if self._position is not None and names:
            self._pass_over([each.key for each in found], self._position)
            self._position = None
        self._looked = True
        self._waiting = {each.key.name: each for each in found if each.key.name not in self._begun}
        now_s = time.monotonic()
        return sorted(each.key for each in self._waiting.values() if each.due_s <= now_s)

    def begin(self, name: str) -> None:
        """Takes a recording for begun."""
        found = self._seen(name)
        self._begun[name] = None if found is None else found.key
        if found is not None:
            self._watched.append(found)

    def _forget(self, names: set[str]) -> None:
        """Forgets what was begun and has gone, or has come back as another."""
        for name in (names - self._present) & self._begun.keys():
            found = self._seen(name)
            if found is not None and found.key != self._begun[name]:
                del self._begun[name]
        self._present = names
        # A folder with nothing in it may be a disk that is not there just now, and comes back with all that was begun.
        if names:
            for name in self._begun.keys() - names:
                del self._begun[name]

    def _pass_over(self, keys: list[Key], position: Position) -> None:
        passed = begun_before(position, keys)
        self._begun |= {key.name: key for key in passed}
        if passed:
            log.info("source.passed", folder=str(self._folder), recordings=len(passed))

    def _seen(self, name: str) -> Found | None:
        """A file as it is now; none if it has gone again."""
        try:
            stat = (self._folder / name).stat()
        except OSError:
            return None
        before = self._waiting.get(name)
        key = Key(stat.st_mtime_ns, name)
        if before is not None and (before.key, before.size) == (key, stat.st_size):
            return before
        return Found(key, stat.st_size, time.monotonic() + self._settled_s - self._lay_still_s(stat.st_mtime))

    def _lay_still_s(self, written_s: float) -> float:
        """For how long a file has lain still already. Only of what was there before us the wall clock has to tell that."""
        return 0.0 if self._looked else min(max(0.0, self._unix() - written_s), self._settled_s)

    def _tell_growth(self) -> None:
        """Says of a recording that was begun that it was not whole: what was written since is not judged."""
        for before in [*self._watched]:
            found = self._seen(before.key.name)
            if found is not None and found.size > before.size:
                self._watched.remove(before)
                log.warning("source.grown", file=before.key.name, by_bytes=found.size - before.size, settled_s=self._settled_s)
