"""A piece of a recording as a file, there whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from monitor.records import Items


class Segment(Protocol):
    """A file that is being written. One thread calls it; after a SinkError, and after `finish`, it is of no more use."""

    items: int
    """Written so far."""

    def write(self, items: Items) -> None:
        """Appends items `[n, *item]`. Raises SinkError, and leaves nothing behind."""

    def finish(self) -> None:
        """Puts it in its place. Raises SinkError, and leaves nothing behind."""

    def discard(self) -> None:
        """Gives it up."""


@dataclass(frozen=True, slots=True)
class SegmentKind:
    """As which files a sense is recorded."""

    suffix: str
    """How their names end."""
    begin: Callable[[Path, float], Segment]
    """Begins a file of items at a rate, and makes its folder. Raises SinkError."""
