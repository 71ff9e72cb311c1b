"""How windows get to the network and verdicts back: each window is copied once, and all that is told comes in one piece."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

import torch
from torch import Tensor

from models.representation import Representation
from monitor.records import Window

Work: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""What is told `[B, N]` of windows `[B, length, *item]`, given the rows `[B]` of their profiles."""
Told: TypeAlias = list[list[float]]
Capture: TypeAlias = Callable[[Callable[[], Tensor]], Callable[[], Tensor]]
"""Makes of work on memory that stays where it is work that does the same at less expense."""


class Run(Protocol):
    """Work on batches of any size up to the most. Called from one thread."""

    def __call__(self, windows: Sequence[Window], rows: Sequence[int]) -> Told:
        """What is told of each window, given the row of its profile. Raises torch.OutOfMemoryError."""


class Staging:
    """Where the windows of a batch lie side by side, in the same memory every time. Belongs to one thread.

    A GPU fetches from it without another copy in between, and while the processor does something else.

    Args:
        most: how many windows there is room for.
        pinned: whether a GPU is to fetch them.
    """

    def __init__(self, sense: Representation, most: int, *, pinned: bool) -> None:
        self.items = torch.zeros(most, sense.length, *sense.item, dtype=getattr(torch, sense.dtype), pin_memory=pinned)
        self.rows = torch.zeros(most, dtype=torch.long, pin_memory=pinned)

    def put(self, windows: Sequence[Window], rows: Sequence[int]) -> tuple[Tensor, Tensor]:
        """The windows `[B, length, *item]` and rows `[B]`; they are overwritten by the next."""
        items = self.items[: len(windows)]
        for place, window in zip(items.numpy(), windows, strict=True):
            place[...] = window.items
        self.rows.numpy()[: len(rows)] = rows
        return items, self.rows[: len(rows)]


class Direct:
    """Batches as they come, on the CPU."""

    def __init__(self, work: Work, sense: Representation, most: int) -> None:
        self._work, self._staging = work, Staging(sense, most, pinned=False)

    def __call__(self, windows: Sequence[Window], rows: Sequence[int]) -> Told:
        """What is told of each."""
        told: Told = self._work(*self._staging.put(windows, rows)).tolist()
        return told


class Ladder:
    """Batches of few sizes, each a power of two and the largest the most; what is missing is padding, of which nothing is told.

    Work of one size is always on the same memory, so that it can be captured: when it is first needed.
    """

    def __init__(self, work: Work, sense: Representation, most: int, *, device: torch.device, capture: Capture) -> None:
        self._work, self._capture, self._most = work, capture, most
        self._staging = Staging(sense, most, pinned=device.type == "cuda")
        # What lies in them beyond a batch is an earlier one, or silence.
        self._items, self._rows = (torch.zeros_like(each, device=device) for each in (self._staging.items, self._staging.rows))
        self._captured: dict[int, Callable[[], Tensor]] = {}

    def __call__(self, windows: Sequence[Window], rows: Sequence[int]) -> Told:
        """What is told of each. Out of memory, it forgets what it has captured, which holds some."""
        for here, there in zip(self._staging.put(windows, rows), (self._items, self._rows), strict=True):
            there[: len(windows)].copy_(here, non_blocking=True)
        try:
            told: Told = self._of(self.size(len(windows)))()[: len(windows)].tolist()
        except torch.OutOfMemoryError:
            self._captured.clear()
            raise
        return told

    def size(self, count: int) -> int:
        """That of the batch in which so many windows are judged."""
        return min(self._most, 1 << (count - 1).bit_length())

    def _of(self, size: int) -> Callable[[], Tensor]:
        if size not in self._captured:
            items, rows = self._items[:size], self._rows[:size]
            self._captured[size] = self._capture(lambda: self._work(items, rows))
        return self._captured[size]
