"""Files as one sense has them: which there are, what is in them, and how they are found."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from monitor.errors import SourceError
from monitor.records import Block, Items


@dataclass(frozen=True, slots=True)
class Files:
    """The files of one sense."""

    what: str
    """What one of them is called, after "a"."""
    suffixes: frozenset[str]
    """How the names of those end that are looked for in a folder, in small letters."""


class Info(Protocol):
    """What a file holds."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def seconds(self) -> float:
        """How long it lasts."""


class Medium(Protocol):
    """One sense's files, read as items at one rate. Any thread may call it."""

    files: Files
    rate_hz: float
    """Items a second."""
    item: tuple[int, ...]
    """Shape of one item."""
    dtype: str
    """Of an item's numbers, as numpy names it."""

    def probe(self, path: Path) -> Info:
        """What a file holds, by a short look. Raises SourceError if it is missing, out of reach, empty, or none of this sense."""

    def blocks(self, path: Path) -> Iterator[Block]:
        """All of a file from index 0, in constant memory; a block's time is where it ends, from the file's beginning.

        One that ends before it says is told of as `source.truncated`. Raises SourceError.
        """

    def read(self, path: Path, *, start_s: float = 0.0, seconds: float | None = None) -> Items:
        """A stretch of a file, the same items as in the whole; fewer if it ends before. Raises SourceError."""


def search(paths: Sequence[Path], files: Files) -> list[Path]:
    """Files as given, folders replaced by the sense's files in them at any depth, sorted, without hidden ones.

    Raises SourceError for a path that does not exist or is out of reach, and for a folder without such a file.
    """
    found: list[Path] = []
    for path in paths:
        with reached(path):
            found += _searched(path, files) if path.is_dir() else [_existing(path)]
    return found


def check(path: Path, files: Files) -> None:
    """Raises SourceError if there is nothing to read: no file, or an empty one. Within `reached`."""
    if path.is_dir():
        raise SourceError(f"{path}: is a folder, expected a {files.what}")
    if not path.exists():
        raise SourceError(f"{path}: no such file")
    if not path.is_file():
        raise SourceError(f"{path}: is not a regular file, expected a {files.what}")
    if not os.access(path, os.R_OK):
        raise SourceError(f"{path}: cannot be read: permission denied")
    if path.stat().st_size == 0:
        raise SourceError(f"{path}: is empty, expected a {files.what}")


@contextmanager
def reached(path: Path) -> Iterator[None]:
    """Says what the system failed with, such as a folder above that may not be entered."""
    try:
        yield
    except OSError as error:
        raise SourceError(f"{error.filename or path}: cannot be read: {(error.strerror or str(error)).lower()}") from None


def _existing(path: Path) -> Path:
    if not path.exists():
        raise SourceError(f"{path}: no such file or folder")
    return path


def _searched(folder: Path, files: Files) -> list[Path]:
    if not os.access(folder, os.R_OK | os.X_OK):
        raise SourceError(f"{folder}: cannot be read: permission denied")
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in files.suffixes and p.is_file())
    shown = [p for p in found if not any(part.startswith(".") for part in p.relative_to(folder).parts)]
    if not shown:
        raise SourceError(f"{folder}: no {files.what} in this folder, expected one of {' '.join(sorted(files.suffixes))}")
    return shown
