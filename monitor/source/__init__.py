"""Where items come from. A source knows its rate and item shape, and delivers blocks until it ends or is closed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from monitor.records import Block


class Source(Protocol):
    """One open microphone, file or camera. `blocks` runs in one thread; `close` may come from another, and twice."""

    rate_hz: float
    """Items a second, as nominally delivered."""
    item: tuple[int, ...]
    """Shape of one item; audio is `(1,)`: mono after the channel choice, a picture `(side, side, 3)`."""
    dtype: str
    """Of an item's numbers, as numpy names it: `float32` for sound, `uint8` for pictures."""

    def blocks(self) -> Iterator[Block]:
        """Blocks in order, indices from 0; returns at the end of a finite source or soon after `close`. Raises SourceError."""

    def close(self) -> None:
        """Releases the device or file."""
