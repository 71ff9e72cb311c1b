"""What a reconstruction leaves over, told by a few numbers a place: what the score compares with normal."""

from __future__ import annotations

import torch
from torch import Tensor

from models.semantic import contrast

_HALF = 8  # cells of 64 ms
_QUIET = 0.01  # the least mean square that counts; the usual one is some tenths
_TOP = 0.05  # share of the cells that make up the worst of a window


def excess(residual: Tensor, usual: Tensor) -> Tensor:
    """Log mean square of the worst cells of each level, `[B, L]`, of residuals `[B, L, C, H, W]` in units of the usual `[B, L, C, H, 1]`.

    Only what is more than was expected counts: the logarithm of a level falls far and often, and rises rarely.
    """
    cells = (residual.clamp_min(0) / usual).square().flatten(2)
    count = max(1, int(_TOP * cells.shape[-1]))
    return cells.topk(count, -1).values.mean(-1).add(1e-6).log()


def courses(residual: Tensor) -> Tensor:
    """Mean and deviation of the first plane's rows over overlapping half seconds, contrasted: `[B, L, T, 2H]`."""
    halves = residual[:, :, 0].unfold(-1, _HALF, _HALF // 4)  # [B, L, H, T, 8]
    told = torch.cat([halves.mean(-1), halves.std(-1, correction=0)], 2).transpose(-1, -2)
    return contrast(told.flatten(0, 1)).unflatten(0, told.shape[:2])


def energies(residual: Tensor) -> Tensor:
    """Log mean square of every plane's rows over the window, at the least noisy level: `[B, C, H]`."""
    return residual[:, 0].square().mean(-1).add(_QUIET).log()
