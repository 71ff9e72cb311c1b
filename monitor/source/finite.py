"""Blocks whose items are all finite."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import structlog

from monitor.records import Block

log = structlog.get_logger(__name__)


def finite(blocks: Iterable[Block], *, name: str) -> Iterator[Block]:
    """The blocks, but for those with items that are not finite: instead of each of these one without items, and so a gap."""
    broken = False
    for block in blocks:
        was, broken = broken, not np.isfinite(block.items).all()
        if broken and not was:
            log.warning("source.not_finite", source=name, sample=block.start, expected="finite samples; what is not is left out")
        yield Block(block.end, block.items[:0], block.time_s) if broken else block
