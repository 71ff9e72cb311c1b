"""Whether a source has a signal at all: what a dead microphone or camera delivers is not like what a living one does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from monitor.records import Block
from monitor.source.view import GREY, Picture


@dataclass(frozen=True, slots=True)
class Sign:
    """What a block says of its source."""

    life: Literal["alive", "doubtful", "broken", "dead"]
    """`doubtful` is known later, by what follows; `broken` is of no use, though not yet the end; `dead` is no signal."""
    reason: str | None = None
    """Why it is no signal, if it is dead."""


CONSTANT, NOT_FINITE, NOTHING = "constant", "not finite", "nothing came"
BLACK, COVERED, FROZEN = "black", "covered", "frozen"
ALIVE, DOUBTFUL, BROKEN = Sign("alive"), Sign("doubtful"), Sign("broken")


def _nothing(block: Block) -> Sign:
    return Sign("dead", block.reason or NOTHING)


class Pulse(Protocol):
    """Follows the blocks of one source, from when it was opened."""

    def sign(self, block: Block) -> Sign:
        """What the source is known to be with this block. One without items says that it has had no signal for long."""


STUCK_S = 1.0
"""Sound that stays the same for so long is none; a noise gate closes for less."""
_RIPPLE = 1e-6
"""What a resampler makes of a constant stays below this, and the noise of a real converter far above."""


class SoundPulse:
    """Real sound is never constant, digital silence and stuck samples are; and it is finite."""

    def __init__(self, rate_hz: float) -> None:
        self._rate_hz = rate_hz
        self._dead_from: int | None = None

    def sign(self, block: Block) -> Sign:
        """Dead once it has been constant or not finite for a second."""
        if not len(block.items):
            return _nothing(block)
        finite = bool(np.isfinite(block.items).all())
        if finite and block.items.max() - block.items.min() > _RIPPLE:
            self._dead_from = None
            return ALIVE
        self._dead_from = block.start if self._dead_from is None else self._dead_from
        if block.end - self._dead_from >= STUCK_S * self._rate_hz:
            return Sign("dead", CONSTANT if finite else NOT_FINITE)
        return DOUBTFUL if finite else BROKEN


FROZEN_S = 15.0
"""A picture that is the same to the last bit for so long is frozen.

A sensor's noise makes every picture another one. But a video codec repeats what does not change, and begins anew only with its next
key frame: a still scene may stay the same for that long, on cameras mostly 1 to 4 s and seldom more than 10 s.
"""
BLIND_S = 2.0
"""A picture that is black, or shows nothing, for so long is none; a lamp that is switched or a hand that passes takes less."""
_DARK = 12.0
"""Of 255: where no part of a picture is brighter, nothing can be seen in it, whatever the noise."""
_FLAT = 3.0
"""Of 255: the parts of a picture of anything differ by more, a white wall's by its light alone; those of a covered lens do not."""
_STILL = 3.0
"""Of 255: parts that change by less have not changed."""
_PARTS = 16
"""Rows and columns of parts; the mean over a part has no noise."""
_FEWEST = _PARTS * _PARTS // 8


class PicturePulse:
    """Of a camera: black, covered (a picture without contrast that does not change), or frozen.

    What is masked is no part of it. A picture that is the same as the last is judged all the same until it is known to be frozen,
    since it shows what was true just now; a black or flat one waits.
    """

    def __init__(self, rate_hz: float) -> None:
        self._rate_hz = rate_hz
        self._black_from: int | None = None
        self._flat_from: int | None = None
        self._same_from = 0
        self._last: Picture | None = None
        self._flat: NDArray[np.float32] | None = None

    def sign(self, block: Block) -> Sign:
        """Of the last of its pictures."""
        if not len(block.items):
            return _nothing(block)
        return [self._sign(block.start + i, picture) for i, picture in enumerate(block.items)][-1]

    def _sign(self, index: int, picture: Picture) -> Sign:
        parts = _parts(picture)
        signs = self._black(index, parts), self._covered(index, parts), self._frozen(index, picture)
        return next((s for s in signs if s.life == "dead"), DOUBTFUL if DOUBTFUL in signs else ALIVE)

    def _black(self, index: int, parts: NDArray[np.float32]) -> Sign:
        if parts.max() > _DARK:
            self._black_from = None
            return ALIVE
        self._black_from = index if self._black_from is None else self._black_from
        return Sign("dead", BLACK) if self._lasts(self._black_from, index, BLIND_S) else DOUBTFUL

    def _covered(self, index: int, parts: NDArray[np.float32]) -> Sign:
        before, self._flat = self._flat, None
        if parts.std(axis=0).max() > _FLAT:
            self._flat_from = None
            return ALIVE
        self._flat = parts.mean(axis=0)
        if self._flat_from is None:
            self._flat_from = index
        elif before is not None and np.abs(self._flat - before).max() > _STILL:
            self._flat_from = index
            return ALIVE
        return Sign("dead", COVERED) if self._lasts(self._flat_from, index, BLIND_S) else DOUBTFUL

    def _frozen(self, index: int, picture: Picture) -> Sign:
        if self._last is None or not np.array_equal(self._last, picture):
            self._last, self._same_from = picture, index
        return Sign("dead", FROZEN) if self._lasts(self._same_from, index, FROZEN_S) else ALIVE

    def _lasts(self, since: int, index: int, seconds: float) -> bool:
        return index - since >= max(1.0, seconds * self._rate_hz)


def _parts(picture: Picture) -> NDArray[np.float32]:
    """Mean colours `[n, 3]` of the parts of a picture that lie next to no mask; of all, if that leaves too few to tell anything."""
    rows, columns = (size // _PARTS for size in picture.shape[:2])
    whole = picture[: rows * _PARTS, : columns * _PARTS]
    means = _summed(whole).reshape(-1, 3) / np.float32(rows * columns)
    grey = whole == GREY
    # A mask's edge runs into the pixels beside it where a small crop was made larger.
    masked = np.pad(_summed((grey[..., :1] & grey[..., 1:2] & grey[..., 2:]).view(np.uint8))[..., 0] > 0, 1)
    bare = ~np.lib.stride_tricks.sliding_window_view(masked, (3, 3)).any(axis=(2, 3)).reshape(-1)
    return means[bare] if bare.sum() >= _FEWEST else means


def _summed(whole: Picture) -> NDArray[np.float32]:
    """Sums `[parts, parts, colours]` over each part."""
    height, width, colours = whole.shape
    # Rows first, along memory: ten times as fast as both at once.
    bands = whole.reshape(_PARTS, height // _PARTS, width * colours).sum(axis=1, dtype=np.uint32)
    sums: NDArray[np.uint32] = bands.reshape(_PARTS, _PARTS, width // _PARTS, colours).sum(axis=2)
    return sums.astype(np.float32)
