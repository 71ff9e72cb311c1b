"""The log of a stream's normal: what its windows looked like to the models, in stretches, to calibrate from.

A file holds the planes of consecutive windows, float16 `[n, C, H, W]`, and says which representation they are of. Its name is the time at
which it begins (UTC) and how many windows it has. It is there whole or not at all, and never unpickled.
"""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from monitor.errors import SourceError

Planes = NDArray[np.float16]

_NAME = re.compile(r"\d{8}T\d{6}\.\d{3}Z-(\d{1,6})\.npz")
_EXPECTED = "room on the disk; until then nothing is learned, and all is judged"
_MOST_WAITING = 4  # stretches, of less than a megabyte each

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Kept:
    """A stretch on disk."""

    path: Path
    windows: int


class NormalLog:
    """Keeps stretches of one stream's normal in a folder, within a bound; the oldest go first.

    One thread calls it; the disk is written by another, and a disk that fails is said once.

    Args:
        about: the representation that the planes are of; stretches of another one count for nothing, and go in their turn.
        hop_s: from one window to the next (s).
        keep_s: how much is kept (s).
    """

    def __init__(self, folder: Path, *, about: str, hop_s: float, keep_s: float) -> None:
        self._folder, self._about, self._hop_s, self._keep_s = folder, about, hop_s, keep_s
        self._writer = ThreadPoolExecutor(1, thread_name_prefix=f"normal-{folder.name}")
        self.failed = False
        """Whether the disk refused the last stretch."""
        self.waiting = 0
        """Stretches that are not on disk yet."""
        for part in folder.glob(".*.part"):
            self._remove(part)
        self._mine = {kept.path: kept.windows for kept in stretches(folder) if is_about(kept.path, about)}

    @property
    def seconds(self) -> float:
        """How much is on disk (s)."""
        return sum(list(self._mine.values())) * self._hop_s

    def add(self, planes: Planes, began_unix: float) -> None:
        """Has a stretch written that began at a unix time; while the disk is too slow, it is left out."""
        if self.waiting < _MOST_WAITING:
            self.waiting += 1
            self._writer.submit(self._write, planes, began_unix)

    def close(self) -> None:
        """Waits until what was added is written; may be called twice."""
        self._writer.shutdown()

    def _write(self, planes: Planes, began_unix: float) -> None:
        stamp = datetime.fromtimestamp(began_unix, UTC).strftime("%Y%m%dT%H%M%S.%f")[:-3]
        path = self._folder / f"{stamp}Z-{len(planes)}.npz"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            _written(path, planes, self._about)
            self._mine[path] = len(planes)
            self._forget()
            self.failed = False
        except OSError as error:
            if not self.failed:
                log.error("normal.not_kept", folder=str(self._folder), reason=error.strerror, expected=_EXPECTED)
            self.failed = True
        finally:
            self.waiting -= 1

    def _forget(self) -> None:
        """Removes the oldest, as long as the rest is all that is to be kept."""
        there = stretches(self._folder)
        total_s = sum(kept.windows for kept in there) * self._hop_s
        for kept in there[:-1]:
            total_s -= kept.windows * self._hop_s
            if total_s < self._keep_s:
                return
            self._remove(kept.path)
            self._mine.pop(kept.path, None)

    def _remove(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("normal.not_removed", path=str(path), reason=error.strerror)


def stretches(folder: Path) -> list[Kept]:
    """The stretches in a folder, oldest first."""
    found = [(path, _NAME.fullmatch(path.name)) for path in sorted(folder.glob("*.npz"))]
    return [Kept(path, int(name[1])) for path, name in found if name is not None]


def is_about(path: Path, about: str) -> bool:
    """Whether a stretch can be read, and its planes are of this representation."""
    try:
        return bool(_read(path, lambda file: file["about"].item() == about))
    except SourceError:
        return False


def read(path: Path) -> Planes:
    """The planes of a stretch. Raises SourceError."""
    planes: Planes = _read(path, lambda file: np.asarray(file["planes"], np.float16))
    if planes.ndim != 4:
        raise SourceError(f"{path}: planes of {planes.ndim} dimensions, expected 4")
    return planes


def _read(path: Path, wanted: Callable[[Any], Any]) -> Any:
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return wanted(file)
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise SourceError(f"{path}: is not a stretch of normal that can be read: {error}") from None


def _written(path: Path, planes: Planes, about: str) -> None:
    """Writes a stretch, whole or not at all. Raises OSError."""
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            np.savez(file, planes=planes, about=np.array(about))
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
