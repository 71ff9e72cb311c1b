"""Whether a live source has a signal at all: real sound is never constant, digital silence and stuck samples are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from monitor.records import Block

STUCK_S = 1.0
"""Items that stay the same for so long are no signal; a noise gate closes for less."""
_RIPPLE = 1e-6
"""What a resampler makes of a constant stays below this, and the noise of a real converter far above."""


def lively(blocks: Iterable[Block], *, rate_hz: float) -> Iterator[Block | None]:
    """The blocks, but for those of a source that is stuck: instead of each of these none, meaning no signal.

    What is constant is held back until it is known what it is: part of a signal, which then follows whole, or none, which is left
    out and so becomes a gap. What is not finite is left out at once. Nothing is judged that a dead source did not hear. A block
    without items is how a source says that it is alive and has had no signal for long.
    """
    held: list[Block] = []
    dead_from: int | None = None
    for block in blocks:
        if not len(block.items):
            held, dead_from = [], block.start
            yield None
            continue
        finite = bool(np.isfinite(block.items).all())
        if finite and block.items.max() - block.items.min() > _RIPPLE:
            yield from held
            held, dead_from = [], None
            yield block
            continue
        dead_from = block.start if dead_from is None else dead_from
        if block.end - dead_from >= STUCK_S * rate_hz:
            held = []
            yield None
        elif finite:
            held.append(block)
