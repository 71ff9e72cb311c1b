"""Where in a window the strangest part lies: from a heat map to a range of rows and one of columns."""

from __future__ import annotations

import torch
from torch import Tensor

_SHARE = 0.25  # of the peak, that still belongs to it


def extent(heat: Tensor) -> tuple[Tensor, Tensor]:
    """Ranges `[first, after)` of rows and of columns, `[B, 2]` each, around the peak of heat `[B, H, W]`.

    >>> extent(torch.eye(3)[None] * torch.tensor([1.0, 0.0, 0.0]))
    (tensor([[0, 1]]), tensor([[0, 1]]))
    """
    width = heat.shape[2]
    peak = heat.flatten(1).argmax(1)
    row, column = peak // width, peak % width
    each = torch.arange(len(heat), device=heat.device)
    return around(heat[each, :, column], row), around(heat[each, row], column)


def around(line: Tensor, peak: Tensor) -> Tensor:
    """The unbroken range `[first, after)` about `peak` `[B]` in which `line` `[B, n]` holds a share of its peak: `[B, 2]`."""
    index = torch.arange(line.shape[1], device=line.device)
    low = line < _SHARE * line.gather(1, peak[:, None])
    before = torch.where(low & (index < peak[:, None]), index, -1).amax(1) + 1
    after = torch.where(low & (index > peak[:, None]), index, line.shape[1]).amin(1)
    return torch.stack([before, after], 1)
