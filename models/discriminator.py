"""D: a small network that tells made anomalies from normal, by what the denoiser leaves of both.

It sees an input and its residuals at every noise level, each in units of what is usual for the stream, so that what it has
learned of one stream's normal holds for another's. It answers with a heat map and with a logit for the whole window. It has
never met a real anomaly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.unet import norm

_FARTHEST = 8.0  # of a residual, and of an input, in units of the usual: what lies beyond is strange enough
_PATCH = 2  # cells a side that are looked at as one
GRAIN = 2 * _PATCH
"""Cells a side of one place of the heat map."""


@dataclass(frozen=True, slots=True)
class DiscriminatorSettings:
    """The size of the network; kept in its checkpoint."""

    planes: int
    """Of an input, and of each of its residuals."""
    levels: int
    """Residuals of an input."""
    widths: tuple[int, int] = (32, 64)
    """Features at half and at a quarter of the resolution."""


class Discriminator(nn.Module):
    """Maps scaled residuals `[B, L, C, H, W]` and inputs `[B, C, H, W]` to logits `[B]` and a heat map `[B, H / 4, W / 4]`.

    >>> logit, heat = Discriminator(DiscriminatorSettings(3, 3))(torch.zeros(2, 3, 3, 64, 32), torch.zeros(2, 3, 64, 32))
    >>> logit.shape, heat.shape
    (torch.Size([2]), torch.Size([2, 16, 8]))
    """

    def __init__(self, settings: DiscriminatorSettings) -> None:
        super().__init__()
        self.settings = settings
        a, b = settings.widths
        channels = settings.planes * (settings.levels + 1) + 1
        self.enter = nn.Conv2d(_PATCH**2 * channels, a, 1)
        self.fine = Residual(a, a)
        self.coarse = nn.Sequential(Residual(a, b), Residual(b, b))
        self.heat = nn.Conv2d(b, 1, 1)
        self.whole = nn.Sequential(nn.Linear(2 * b, b), nn.SiLU(), nn.Linear(b, 1))

    def forward(self, residual: Tensor, planes: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the windows, and of every place."""
        x = self.enter(F.pixel_unshuffle(self.seen(residual, planes), _PATCH))
        x = self.coarse(F.avg_pool2d(self.fine(x), 2))
        heat = self.heat(x)[:, 0]
        pooled = torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1)
        places = heat.flatten(1)
        return self.whole(pooled)[:, 0] + places.logsumexp(1) - math.log(places.shape[1]), heat

    def seen(self, residual: Tensor, planes: Tensor) -> Tensor:
        """What the network looks at, with the row of every cell, `[B, C * (L + 1) + 1, H, W]`, of about unit size."""
        every = torch.cat([residual.flatten(1, 2), planes], 1).clamp(-_FARTHEST, _FARTHEST) / 2
        row = torch.linspace(-1, 1, planes.shape[-2], dtype=planes.dtype, device=planes.device)[:, None].expand(
            len(planes), 1, -1, planes.shape[-1]
        )
        return torch.cat([every, row], 1)


class Residual(nn.Module):
    """Two convolutions around a shortcut."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Sequential(norm(inputs), nn.SiLU(), nn.Conv2d(inputs, outputs, 3, padding=1))
        self.second = nn.Sequential(norm(outputs), nn.SiLU(), nn.Conv2d(outputs, outputs, 3, padding=1))
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """`[B, outputs, H, W]` of `[B, inputs, H, W]`."""
        answer: Tensor = self.shortcut(x) + self.second(self.first(x))
        return answer
