"""Whether a live source has a signal at all: real sound is never constant, digital silence and stuck samples are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from monitor.records import Block

STUCK_S = 1.0
"""Items that stay the same for so long are no signal; a noise gate closes for less."""
_RIPPLE = 1e-6
"""What a resampler makes of a constant stays below this, and the noise of a real converter far above."""


def lively(blocks: Iterable[Block], *, rate_hz: float) -> Iterator[Block | None]:
    """The blocks, but for those of a source that is stuck: instead of each of these none, meaning no signal.

    What is constant is held back until it is known what it is: part of a signal, which then follows whole, or none, which is left
    out and so becomes a gap. Nothing is judged that a dead source did not hear. A block without items is no signal either: a source
    that is alive says so by it.
    """
    held: list[Block] = []
    stuck = False
    for block in blocks:
        if not len(block.items):
            held, stuck = [], True
            yield None
        elif block.items.max() - block.items.min() > _RIPPLE:
            yield from held
            held, stuck = [], False
            yield block
        elif stuck or block.end - (held[0] if held else block).start >= STUCK_S * rate_hz:
            held, stuck = [], True
            yield None
        else:
            held.append(block)
