"""Whether a source has a signal at all: real sound is never constant, digital silence and stuck samples are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np

from monitor.records import Block

STUCK_S = 1.0
"""Items that stay the same for so long are no signal; a noise gate closes for less."""
_RIPPLE = 1e-6
"""What a resampler makes of a constant stays below this, and the noise of a real converter far above."""


class Pulse:
    """Follows the blocks of one source."""

    def __init__(self, rate_hz: float) -> None:
        self._rate_hz = rate_hz
        self._dead_from: int | None = None

    def stuck_s(self, block: Block) -> float:
        """For how long there has been no signal, with this block; 0 if it is part of one.

        A block without items is how a source says that it is alive and has had no signal for long.
        """
        if not len(block.items):
            self._dead_from = block.start
            return math.inf
        if np.isfinite(block.items).all() and block.items.max() - block.items.min() > _RIPPLE:
            self._dead_from = None
            return 0.0
        self._dead_from = block.start if self._dead_from is None else self._dead_from
        return (block.end - self._dead_from) / self._rate_hz


def lively(blocks: Iterable[Block], *, rate_hz: float) -> Iterator[Block | None]:
    """The blocks, but for those of a source that is stuck: instead of each of these none, meaning no signal.

    What is constant is held back until it is known what it is: part of a signal, which then follows whole, or none, which is left
    out and so becomes a gap. What is not finite is left out at once. Nothing is judged that a dead source did not hear.
    """
    held: list[Block] = []
    pulse = Pulse(rate_hz)
    for block in blocks:
        stuck_s = pulse.stuck_s(block)
        if stuck_s >= STUCK_S:
            held = []
            yield None
        elif stuck_s:
            held += [block] if np.isfinite(block.items).all() else []
        else:
            yield from held
            held = []
            yield block


def recorded(blocks: Iterable[Block], *, rate_hz: float) -> Iterator[tuple[Block, bool]]:
    """The blocks of recordings, which are what they are and all judged, each with whether the recorder had a signal."""
    pulse = Pulse(rate_hz)
    for block in blocks:
        yield block, pulse.stuck_s(block) < STUCK_S
