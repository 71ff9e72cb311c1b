"""A camera's frame as three planes of colour on the grid of its pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from models.pooling.picture import PicturePooling
from models.pose import Frame, find, fit_frame, placed
from models.recipe import Recipe
from models.representation import Look


@dataclass(frozen=True, slots=True)
class ImageSettings:
    """The grid of an image model; kept in its checkpoint."""

    side: int = 256
    """Rows and columns, pixels of the frame as it is looked at; 128 is four times as fast."""
    rate_hz: float = 2.0
    """Frames a second."""


RECIPE = Recipe(
    adapts_to=96,
    levels=2,  # one for pixels of 2, and one more: at a quarter of the cost, as good
    by_row=False,
    sides=(1,),
    judged=(0.5, 1.0, 2.0),
    trained=(-0.3, 1.0),
    seen_at=0.25,
    widths=(32, 64, 96),
    rank=48,
    batch=8,
    pooling=PicturePooling(),
)

_FLATTEST = 0.02  # deviation that counts at least, of full scale
_OPPONENT = [[1.0, 1.0, 1.0], [1.0, 0.0, -1.0], [1.0, -2.0, 1.0]]
"""Brightness, red against blue, and green against both."""
_DARKEST = 1 / 255  # of full scale; what is black has a level all the same


class ImageRepresentation:
    """Planes of a frame: brightness, and two of colour; turned and shifted alike where normal parts lie as they fall.

    Every frame has the same mean and contrast: the light of a place drifts.

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
        self.recipe = RECIPE
        self.kin: Sequence[int] = (0, 1, 2)
        self._opponent = _opponent()

    @property
    def constants(self) -> Mapping[str, Tensor]:
        """The frame in which normal parts lie alike, if they are brought there."""
        return {} if self._frame is None else self._frame._asdict()

    def to(self, device: torch.device) -> Self:
        """The same, its frame and colours on a device."""
        moved = copy(self)
        moved._frame = None if self._frame is None else Frame(*(each.to(device) for each in self._frame))
        moved._opponent = self._opponent.to(device)
        return moved

    def adapted(self, items: Tensor) -> Self:
        """The same, with a frame if normal windows are alike in one."""
        return type(self)(self._settings, fit_frame(_colours(items)))

    def look(self, items: Tensor) -> Look:
        """The planes of windows, in the frame if there is one."""
        colours = _colours(items)
        pose = None if self._frame is None else find(colours, self._frame)
        seen = colours if pose is None else placed(colours, pose)
        contrast = seen.std((1, 2, 3), correction=0, keepdim=True).clamp_min(_FLATTEST)
        even = (seen - seen.mean((1, 2, 3), keepdim=True)) / contrast
        return Look(torch.einsum("dc,bchw->bdhw", self._opponent, even), pose, contrast)

    def visible(self, items: Tensor) -> Tensor:
        """Red, green and blue, from 0 to 1."""
        return _colours(items)

    def visibly(self, difference: Tensor, look: Look) -> Tensor:
        """In colours, where it was in the frame as it came."""
        colours = torch.einsum("dc,bdhw->bchw", self._opponent, difference)
        colours = colours if look.contrast is None else colours * look.contrast
        return torch.stack([look.in_window(colour) for colour in colours.unbind(1)], 1)

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


def _opponent() -> Tensor:
    """Orthonormal opponent colours `[3, 3]`, of red, green and blue."""
    opponent = torch.tensor(_OPPONENT)
    return opponent / opponent.norm(dim=1, keepdim=True)
