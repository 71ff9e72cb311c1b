"""The blocks of a source that has a signal, and why the others are none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from monitor.records import Block
from monitor.source.pulse import Pulse


def lively(blocks: Iterable[Block], pulse: Pulse) -> Iterator[tuple[Block | None, str | None]]:
    """The blocks of a live source, but for those without a signal: instead of each of these none, and why.

    What is doubtful is held back until it is known what it is: part of a signal, which then follows whole, or none, which is left
    out and so becomes a gap. What is broken is left out at once. Nothing is judged that a dead source did not hear or see.
    """
    held: list[Block] = []
    for block in blocks:
        sign = pulse.sign(block)
        match sign.life:
            case "dead":
                held = []
                yield None, sign.reason
            case "doubtful":
                held.append(block)
            case "alive":
                yield from ((each, None) for each in (*held, block))
                held = []


def recorded(blocks: Iterable[Block], pulse: Pulse) -> Iterator[tuple[Block, str | None]]:
    """The blocks of recordings, which are what they are and all judged, each with why the recorder had no signal, if it had none."""
    for block in blocks:
        yield block, pulse.sign(block).reason
