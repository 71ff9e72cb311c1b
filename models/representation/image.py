"""A camera's frame as three planes of colour on the grid of its pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class ImageSettings:
    """The grid of an image model; kept in its checkpoint."""

    side: int = 256
    """Rows and columns, pixels of the frame as it is looked at; 128 is four times as fast."""
    rate_hz: float = 2.0
    """Frames a second."""


_DARKEST = 1 / 255  # of full scale; what is black has a level all the same


class ImageRepresentation(nn.Module):
    """Planes of a frame: red, green, blue, from 0 to 1.

    Windows are single frames, `[B, 1, side, side, 3]` uint8.

    >>> import torch
    >>> picture = ImageRepresentation(ImageSettings(side=128))
    >>> picture.planes(torch.zeros(2, 1, 128, 128, 3, dtype=torch.uint8)).shape
    torch.Size([2, 3, 128, 128])
    """

    def __init__(self, settings: ImageSettings) -> None:
        super().__init__()
        self.rate_hz: float = settings.rate_hz
        self.item: tuple[int, ...] = (settings.side, settings.side, 3)
        self.dtype, self.length, self.hop = "uint8", 1, 1
        self.shape = (3, settings.side, settings.side)
        self.kin: Sequence[int] = (0, 0, 0)

    def planes(self, items: Tensor) -> Tensor:
        """Planes `[B, 3, side, side]` of windows `[B, 1, side, side, 3]`."""
        return items[:, 0].permute(0, 3, 1, 2).float() / 255

    def level_db(self, items: Tensor) -> Tensor:
        """Mean brightness of each window in decibels below white, `[B]`; of a black one -48."""
        return 20 * (items.float().mean((1, 2, 3, 4)) / 255).clamp_min(_DARKEST).log10()

    def place(self, rows: tuple[int, int], columns: tuple[int, int]) -> Mapping[str, float]:
        """A box in shares of the picture, from its upper left corner."""
        _, height, width = self.shape
        return {
            "x": columns[0] / width,
            "y": rows[0] / height,
            "width": (columns[1] - columns[0]) / width,
            "height": (rows[1] - rows[0]) / height,
        }

    def span(self, columns: tuple[int, int]) -> tuple[int, int]:
        """The one frame."""
        return 0, 1
