"""What the network sees in an input; pooled, since noise-like sound differs place by place."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from models.denoiser import Denoiser
from models.unet import Encoded

_SIGMA = 0.5  # little noise is expected, so that the network looks at detail
_ROWS = 4  # stretches of the rows that are looked at apart: a low sound is not a high one
_COLUMNS = 4  # of the middle scale, 1 s of sound


class Semantics(NamedTuple):
    """What the network sees in a batch of windows."""

    places: Tensor
    """`[B, T, K]`, at T places in time, less their mean over the window."""
    texture: Tensor
    """`[B, F]`, of the window as a whole."""


def semantics(denoiser: Denoiser, x: Tensor) -> Semantics:
    """Features of x `[B, C, H, W]`."""
    seen = denoiser.features(x, torch.full((len(x),), _SIGMA).to(x))
    return Semantics(pooled(seen.middle), texture(seen))


def pooled(seen: Tensor) -> Tensor:
    """Means `[B, T, K]` of the middle scale `[B, width, h, w]` over a quarter of its rows and overlapping seconds, contrasted."""
    return contrast(quarters(seen).unfold(-1, _COLUMNS, 1).mean(-1).transpose(1, 2))


def texture(seen: Encoded) -> Tensor:
    """Mean and deviation over time of every feature in a quarter of its rows, at all scales: `[B, F]`.

    What makes rain sound like rain whenever one listens (McDermott and Simoncelli 2011, *Sound texture perception via
    statistics of the auditory periphery*).
    """
    scales = [quarters(scale) for scale in seen]
    return torch.cat([moment for each in scales for moment in (each.mean(-1), each.std(-1, correction=0))], 1)


def quarters(seen: Tensor) -> Tensor:
    """Means `[B, 4 * width, w]` of features `[B, width, h, w]` over a quarter of their rows."""
    return F.adaptive_avg_pool2d(seen, (_ROWS, seen.shape[-1])).flatten(1, 2)


def contrast(places: Tensor) -> Tensor:
    """What sets each place `[B, T, K]` apart from the window as a whole: a room's slow drift is in all of them alike."""
    return places - places.mean(1, keepdim=True)
