"""What the network sees in an input, and in its reconstruction; pooled first, since noise-like sound differs place by place."""

from __future__ import annotations

import torch
from torch import Tensor

from models.denoiser import Denoiser
from models.unet import Encoded

QUARTERS = 4
"""Stretches of a window that are looked at apart: what is strange may last a quarter of it."""

_SIGMA = 0.5  # little noise is expected, so that the network looks at detail


def semantics(denoiser: Denoiser, x: Tensor) -> Tensor:
    """Features `[B, QUARTERS, K]` of x `[B, C, H, W]`: means over rows and a quarter of the columns, at three scales."""
    return pooled(denoiser.features(x, torch.full((len(x),), _SIGMA).to(x)))


def pooled(seen: Encoded) -> Tensor:
    """Means `[B, QUARTERS, K]` over all rows and a quarter of the columns, the scales side by side."""
    quarters = [scale.mean(2).unflatten(-1, (QUARTERS, -1)).mean(-1) for scale in seen]  # [B, width, QUARTERS]
    return torch.cat(quarters, 1).transpose(1, 2)
