"""A camera's frame as three planes of colour on the grid of its pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from models.pose import Frame, find, fit_frame, placed
from models.representation import Look


@dataclass(frozen=True, slots=True)
class ImageSettings:
    """The grid of an image model; kept in its checkpoint."""

    side: int = 256
    """Rows and columns, pixels of the frame as it is looked at; 128 is four times as fast."""
    rate_hz: float = 2.0
    """Frames a second."""


_DARKEST = 1 / 255  # of full scale; what is black has a level all the same


class ImageRepresentation:
    """Planes of a frame: red, green, blue, from 0 to 1; turned and shifted alike where normal parts lie as they fall.

    Windows are single frames, `[B, 1, side, side, 3]` uint8.

    >>> picture = ImageRepresentation(ImageSettings(side=128))
    >>> picture.look(torch.zeros(2, 1, 128, 128, 3, dtype=torch.uint8)).planes.shape
    torch.Size([2, 3, 128, 128])
    """

    def __init__(self, settings: ImageSettings, frame: Frame | None = None) -> None:
        self._settings, self._frame = settings, frame
        self.rate_hz: float = settings.rate_hz
        self.item: tuple[int, ...] = (settings.side, settings.side, 3)
        self.dtype, self.length, self.hop = "uint8", 1, 1
        self.shape = (3, settings.side, settings.side)
        self.kin: Sequence[int] = (0, 0, 0)

    @property
    def constants(self) -> Mapping[str, Tensor]:
        """The frame in which normal parts lie alike, if they are brought there."""
        return {} if self._frame is None else self._frame._asdict()

    def to(self, device: torch.device) -> Self:
        """The same, its frame on a device."""
        return type(self)(self._settings, None if self._frame is None else Frame(*(each.to(device) for each in self._frame)))

    def adapted(self, items: Tensor) -> Self:
        """The same, with a frame if normal windows are alike in one."""
        return type(self)(self._settings, fit_frame(_colours(items)))

    def look(self, items: Tensor) -> Look:
        """The planes of windows, in the frame if there is one."""
        colours = _colours(items)
        if self._frame is None:
            return Look(colours, None)
        pose = find(colours, self._frame)
        return Look(placed(colours, pose), pose)

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


def _colours(items: Tensor) -> Tensor:
    """`[B, 3, side, side]` in [0, 1] of windows `[B, 1, side, side, 3]`."""
    return items[:, 0].permute(0, 3, 1, 2).float() / 255
