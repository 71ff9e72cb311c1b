"""What lies in a folder that a recorder fills: which recordings are there and whole, each of them once.

A recording that appears is one to judge, whatever its time says: a clock is set, an upload comes late. What was begun is known by its
name for as long as it lies there. What has taken its name is another recording if it is shorter, or is another file and began after the
first was written, as where a recorder begins its numbers anew; what is longer was not whole, and what was touched is what it was. Only
what the first look finds is held against a position: what was begun before that is passed over.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from monitor.errors import SourceError
from monitor.source.medium import Medium
from monitor.source.position import Key, Position, begun_before

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """A recording as it was last seen."""

    key: Key
    due_s: float
    """From when on it is whole, if it stays as it is; monotonic."""


class Listing:
    """The recordings of a folder. One thread calls it.

    Args:
        folder: may be missing at times; that is said once.
        medium: reads what lies there.
        position: where another process left off.
        settled_s: a recording that was not written to for so long is whole.
        unix: wall time in unix seconds.
    """

    def __init__(
        self, folder: Path, medium: Medium, *, position: Position | None, settled_s: float, unix: Callable[[], float] = time.time
    ) -> None:
        self._folder, self._medium = folder, medium
        self._settled_s, self._unix = settled_s, unix
        self._position = position
        self._begun: dict[str, Key] = {}
        self._waiting: dict[str, Found] = {}
        self._present: set[str] = set()
        self._grown: set[str] = set()
        self._missing = False
        self._looked = False

    def names(self) -> set[str] | None:
        """Of all recordings, none if the folder cannot be read."""
        try:
            with os.scandir(self._folder) as entries:
                shown = [e.name for e in entries if not e.name.startswith(".")]
                names = {name for name in shown if Path(name).suffix.lower() in self._medium.files.suffixes}
        except OSError as error:
            if not self._missing:
                log.warning("source.missing", folder=str(self._folder), reason=error.strerror)
            self._missing = True
            return None
        self._missing = False
        return names

    def ready(self) -> list[Key]:
        """Recordings that are whole and were not begun, in order of time."""
        names = self.names()
        if names is None:
            return []
        self._forget(names)
        self._look_again()
        found = [each for name in names - self._begun.keys() if (each := self._seen(name)) is not None]
        if self._position is not None and names:
            self._pass_over([each.key for each in found], self._position)
            self._position = None
        self._looked = True
        self._waiting = {each.key.name: each for each in found if each.key.name not in self._begun}
        now_s = time.monotonic()
        return sorted(each.key for each in self._waiting.values() if each.due_s <= now_s)

    def begin(self, name: str) -> None:
        """Takes a recording for begun; one that has gone again is another if it comes back."""
        key = self._key(name)
        if key is not None:
            self._begun[name] = key

    def lies(self, key: Key) -> bool:
        """Whether a recording is still there."""
        now = self._key(key.name)
        return now is not None and self._same(key, now)

    def _forget(self, names: set[str]) -> None:
        """Forgets what was begun and has gone, or has gone and come back as another."""
        for name in (names - self._present) & self._begun.keys():
            if self._key(name) != self._begun[name]:
                del self._begun[name]
        self._present = names
        # A folder with nothing in it may be a disk that is not there just now, and comes back with all that was begun.
        for name in self._begun.keys() - names if names else ():
            del self._begun[name]
        self._grown &= self._begun.keys()

    def _look_again(self) -> None:
        """Forgets what was begun and is another now; says of what has grown that it was not whole: what was written since is not judged."""
        for name, before in [*self._begun.items()]:
            now = self._key(name)
            if now is None:
                continue
            if not self._same(before, now):
                del self._begun[name]
                continue
            self._begun[name] = now
            if now.size > before.size and name not in self._grown:
                self._grown.add(name)
                log.warning("source.grown", file=name, by_bytes=now.size - before.size, settled_s=self._settled_s)

    def _pass_over(self, keys: list[Key], position: Position) -> None:
        passed = begun_before(position, keys, self._same)
        self._begun |= {key.name: key for key in passed}
        if passed:
            log.info("source.passed", folder=str(self._folder), recordings=len(passed))

    def _seen(self, name: str) -> Found | None:
        """A file as it is now; none if it has gone again."""
        key, before = self._key(name), self._waiting.get(name)
        if key is None:
            return None
        if before is not None and (before.key, before.key.size) == (key, key.size):
            return before
        return Found(key, time.monotonic() + self._settled_s - self._lay_still_s(key.written_ns / 1e9))

    def _same(self, before: Key, now: Key) -> bool:
        """Whether a recording is still the one that was begun under its name."""
        if now.size < before.size:
            return False
        if before.inode in (0, now.inode):
            return True
        with suppress(SourceError):
            return now.written_ns - self._medium.probe(self._folder / now.name).seconds * 1e9 < before.written_ns
        return True  # nothing to judge, whatever it is

    def _key(self, name: str) -> Key | None:
        try:
            stat = (self._folder / name).stat()
        except OSError:
            return None
        return Key(stat.st_mtime_ns, name, stat.st_ino, stat.st_size)

    def _lay_still_s(self, written_s: float) -> float:
        """For how long a file has lain still already. Only of what was there before us the wall clock has to tell that."""
        return 0.0 if self._looked else min(max(0.0, self._unix() - written_s), self._settled_s)
