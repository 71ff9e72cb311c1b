"""Files as a source: one after another as fast as they can be read, or by the clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import cycle
from pathlib import Path

from monitor.records import Block
from monitor.source import Source
from monitor.source.medium import Medium


class FileSource:
    """Files one after another, on one index, as fast as they can be read. `close` may come from another thread, and twice.

    A block's time is where it ends in all of it: `end / rate_hz`.

    Args:
        paths: at least one file.
        medium: reads them.
        loop: begin again after the last file, for ever.
    """

    def __init__(self, paths: Sequence[Path], medium: Medium, *, loop: bool = False) -> None:
        self.rate_hz = medium.rate_hz
        self.item, self.dtype = medium.item, medium.dtype
        self._paths = tuple(paths)
        self._medium = medium
        self._loop = loop
        self._closed = threading.Event()

    def blocks(self) -> Iterator[Block]:
        """Blocks from index 0. Raises SourceError at a file that cannot be read, naming it."""
        end = 0
        for path in cycle(self._paths) if self._loop else self._paths:
            begin = end
            for block in self._medium.blocks(path):
                if self._closed.is_set():
                    return
                end = begin + block.end
                yield replace(block, start=begin + block.start, time_s=end / self.rate_hz)

    def close(self) -> None:
        """Ends `blocks` at its next block."""
        self._closed.set()


class Paced:
    """A source's blocks by the clock, as a microphone would deliver them. `close` may come from another thread, and twice."""

    def __init__(self, source: Source) -> None:
        self.rate_hz = source.rate_hz
        self.item, self.dtype = source.item, source.dtype
        self._source = source
        self._closed = threading.Event()

    def blocks(self) -> Iterator[Block]:
        """Each block once the time of its last item has come; its time is that monotonic time."""
        began_s = time.monotonic()
        for block in self._source.blocks():
            due_s = began_s + block.end / self.rate_hz
            if self._closed.wait(max(0.0, due_s - time.monotonic())):
                return
            yield replace(block, time_s=due_s)

    def close(self) -> None:
        """Ends `blocks` at once, even while it waits."""
        self._closed.set()
        self._source.close()
