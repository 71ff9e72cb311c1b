"""Blocks at another rate."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

from monitor.records import Block


def resampled(blocks: Iterable[Block], *, from_hz: int, to_hz: int) -> Iterator[Block]:
    """The same sound at another rate; a gap stays a gap, of at least one item, and a block without items one without."""
    if from_hz == to_hz:
        yield from blocks
        return
    import soxr

    stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality="HQ")
    expected = end = 0
    for block in blocks:
        if not len(block.items):
            yield replace(block, start=end)
            continue
        if block.start != expected:
            stream.clear()
            end = max(end + 1, math.ceil(block.start * to_hz / from_hz))
        expected = block.end
        items = stream.resample_chunk(block.items)
        end += len(items)
        if len(items):
            # The resampler holds its newest items back, so its output ends before the block does.
            yield Block(end - len(items), items, block.time_s - (expected / from_hz - end / to_hz))
