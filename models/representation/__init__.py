"""What a sense looks like to the network: items of a window in, planes on one grid out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, Self

import torch
from torch import Tensor

from models.pose import Pose, put_back


class Look(NamedTuple):
    """A batch of windows, as the network looks at them."""

    planes: Tensor
    """`[B, C, H, W]` float32."""
    pose: Pose | None
    """How they were turned and shifted for that; none if they were not."""

    def in_window(self, heat: Tensor) -> Tensor:
        """Heat `[B, H, W]` over the planes, where it lies in the windows as they came."""
        return heat if self.pose is None else put_back(heat, self.pose)


class Representation(Protocol):
    """One sense. All tensors of a call live on one device; nothing is standardised here, loudness is information."""

    rate_hz: float
    """Items a second."""
    item: tuple[int, ...]
    """Shape of one item."""
    dtype: str
    """Of an item's numbers, as numpy names it."""
    length: int
    """Items of a window."""
    hop: int
    """Items from a window's start to the next one's."""
    shape: tuple[int, int, int]
    """Planes, rows and columns of a window: `(C, H, W)`, H and W even."""
    kin: Sequence[int]
    """For each plane, the first one that shows the same thing by other means: itself, if none does."""

    def to(self, device: torch.device) -> Self:
        """The same, its constants on a device."""

    @property
    def constants(self) -> Mapping[str, Tensor]:
        """What it has learned from normal, by name, to be kept with the network."""

    def adapted(self, items: Tensor) -> Self:
        """The same, having learned from normal windows `[n, length, *item]`, before any network has."""

    def look(self, items: Tensor) -> Look:
        """What the network is to see of windows `[B, length, *item]`."""

    def level_db(self, items: Tensor) -> Tensor:
        """How strong each window is, `[B]`, in decibels below full scale."""

    def place(self, rows: tuple[int, int], columns: tuple[int, int]) -> Mapping[str, float]:
        """What the rows and columns `[first, after)` of the grid mean: a band in Hz, or a box in shares of the picture."""

    def span(self, columns: tuple[int, int]) -> tuple[int, int]:
        """Items `[first, after)`, from the window's start, that the columns `[first, after)` of the grid show."""
