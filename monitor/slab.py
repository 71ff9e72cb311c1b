"""Memory for the windows of one batch after another."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import DTypeLike

from monitor.records import Items

_ALIGNED = 64  # bytes, a line of the processor's cache


class Slab:
    """Lends memory, and takes all of it back at once. Belongs to one thread.

    The system hands out fresh memory page by page as it is first written to, which takes longer than to copy a window of sound there.

    Args:
        size: bytes that there are to lend.
    """

    def __init__(self, size: int) -> None:
        self._memory = np.empty(size, np.uint8)
        self._lent = 0

    def lend(self, shape: tuple[int, ...], dtype: DTypeLike) -> Items:
        """An array to write to; of fresh memory where no more is left."""
        size = math.prod(shape) * np.dtype(dtype).itemsize
        begin, end = self._lent, self._lent + size
        if end > len(self._memory):
            return np.empty(shape, dtype)
        self._lent = -(-end // _ALIGNED) * _ALIGNED
        return self._memory[begin:end].view(dtype).reshape(shape)

    def take_back(self) -> None:
        """What was lent will be lent again, and overwritten."""
        self._lent = 0
