"""Items that are already in memory, as a source."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.records import Block, Items


class Memory:
    """One block of items `[n, *item]`; its time is where it ends. Nothing needs closing."""

    def __init__(self, items: Items, *, rate_hz: float) -> None:
        self.rate_hz = rate_hz
        self.item: tuple[int, ...] = items.shape[1:]
        self.dtype = str(items.dtype)
        self._items = items

    def blocks(self) -> Iterator[Block]:
        """The items, once."""
        yield Block(0, self._items, len(self._items) / self.rate_hz)

    def close(self) -> None:
        """Does nothing."""
