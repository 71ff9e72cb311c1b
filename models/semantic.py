"""What the network sees in an input, and in its reconstruction; pooled first, since noise-like sound differs place by place."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from models.denoiser import Denoiser

_SIGMA = 0.5  # little noise is expected, so that the network looks at detail
_ROWS = 4  # stretches of the rows that are looked at apart: a low sound is not a high one
_COLUMNS = 4  # of the middle scale, 1 s of sound


def semantics(denoiser: Denoiser, x: Tensor) -> Tensor:
    """Features `[B, T, K]` of x `[B, C, H, W]` at its T places in time, less their mean over the window."""
    return pooled(denoiser.features(x, torch.full((len(x),), _SIGMA).to(x)).middle)


def pooled(seen: Tensor) -> Tensor:
    """Means `[B, T, K]` of the middle scale `[B, width, h, w]` over a quarter of its rows and overlapping seconds, contrasted."""
    quarters = F.adaptive_avg_pool2d(seen, (_ROWS, seen.shape[-1])).flatten(1, 2)  # [B, 4 * width, w]
    seconds = quarters.unfold(-1, _COLUMNS, 1).mean(-1)
    return contrast(seconds.transpose(1, 2))


def contrast(places: Tensor) -> Tensor:
    """What sets each place `[B, T, K]` apart from the window as a whole: a room's slow drift is in all of them alike."""
    return places - places.mean(1, keepdim=True)
