"""Blocks whose items are all finite."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from monitor.records import Block
from monitor.source.journal import Journal
from monitor.source.pulse import NOT_FINITE

log = Journal(__name__)


_LONG_S = 1.0


def finite(blocks: Iterable[Block], *, name: str, rate_hz: float) -> Iterator[Block]:
    """The blocks, but for those with items that are not finite, which so become a gap; if that lasts, one without items for each.

    They are left out before a resampler can spread them.
    """
    since: int | None = None
    for block in blocks:
        if np.isfinite(block.items).all():
            since = None
            yield block
            continue
        if since is None:
            since = block.start
            log.warning("source.not_finite", source=name, sample=since, expected="finite samples; what is not is left out")
        if block.end - since >= _LONG_S * rate_hz:
            yield Block(block.end, block.items[:0], block.time_s, reason=NOT_FINITE)
