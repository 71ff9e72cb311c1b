"""The network: a small U-Net, multi-scale by construction, with attention at its two coarser scales."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True, slots=True)
class UNetSettings:
    """The size of the network; kept in its checkpoint."""

    channels: int
    """Channels in and out."""
    widths: tuple[int, int, int] = (24, 48, 96)
    """Features at full, half and quarter resolution."""
    told: int = 0
    """Channels beside the input's, of what else the network is told."""


class Encoded(NamedTuple):
    """What the network sees of its input, from fine to coarse: `[B, width, H / 2**scale, W / 2**scale]`."""

    fine: Tensor
    middle: Tensor
    coarse: Tensor


class UNet(nn.Module):
    """Maps `[B, C, H, W]`, with what else is told behind it, and a noise label `[B]` to `[B, C, H, W]`; H and W are multiples of 4.

    >>> UNet(UNetSettings(12))(torch.zeros(2, 12, 32, 16), torch.zeros(2)).shape
    torch.Size([2, 12, 32, 16])
    """

    def __init__(self, settings: UNetSettings) -> None:
        super().__init__()
        a, b, c = settings.widths
        told = 4 * a
        self.label = nn.Sequential(Fourier(a), nn.Linear(a, told), nn.SiLU(), nn.Linear(told, told), nn.SiLU())
        self.enter = nn.Conv2d(settings.channels + settings.told, a, 3, padding=1)
        self.down = nn.ModuleList([Block(a, a, told), Block(a, b, told), Block(b, c, told)])
        self.look = nn.ModuleList([Attention(b), Attention(c)])
        self.middle = Block(c, c, told)
        self.up = nn.ModuleList([Block(c + c, c, told), Block(c + b, b, told), Block(b + a, a, told)])
        self.leave = nn.Sequential(norm(a), nn.SiLU(), zeroed(nn.Conv2d(a, settings.channels, 3, padding=1)))

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """The network's answer, in the shape of x."""
        told = self.label(noise)
        return self.decode(self.encode(x, told), told)

    def encode(self, x: Tensor, told: Tensor) -> Encoded:
        """Features of x at three scales, for the embedded noise label."""
        fine = self.down[0](self.enter(x), told)
        middle = self.look[0](self.down[1](F.avg_pool2d(fine, 2), told))
        coarse = self.look[1](self.down[2](F.avg_pool2d(middle, 2), told))
        return Encoded(fine, middle, coarse)

    def decode(self, seen: Encoded, told: Tensor) -> Tensor:
        """The answer, from the features."""
        y = self.up[0](torch.cat([self.middle(seen.coarse, told), seen.coarse], 1), told)
        y = self.up[1](torch.cat([doubled(y), seen.middle], 1), told)
        y = self.up[2](torch.cat([doubled(y), seen.fine], 1), told)
        answer: Tensor = self.leave(y)
        return answer


class Block(nn.Module):
    """Two convolutions around a shortcut; the noise label scales and shifts between them (FiLM)."""

    def __init__(self, inputs: int, outputs: int, told: int) -> None:
        super().__init__()
        self.first = nn.Sequential(norm(inputs), nn.SiLU(), nn.Conv2d(inputs, outputs, 3, padding=1))
        self.tell = nn.Linear(told, 2 * outputs)
        self.norm = norm(outputs)
        self.second = zeroed(nn.Conv2d(outputs, outputs, 3, padding=1))
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        """`[B, outputs, H, W]` of `[B, inputs, H, W]`."""
        scale, shift = self.tell(told)[..., None, None].chunk(2, 1)
        y = self.norm(self.first(x)) * (1 + scale) + shift
        answer: Tensor = self.shortcut(x) + self.second(F.silu(y))
        return answer


class Attention(nn.Module):
    """Every position looks at every other (Vaswani et al. 2017), around a shortcut; heads of about 24 features."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = max(1, width // 24)
        self.norm = norm(width)
        self.qkv = nn.Conv2d(width, 3 * width, 1)
        self.out = zeroed(nn.Conv2d(width, width, 1))

    def forward(self, x: Tensor) -> Tensor:
        """`[B, width, H, W]` to the same."""
        qkv = self.qkv(self.norm(x)).flatten(2).unflatten(1, (3, self.heads, -1)).transpose(-1, -2)
        mixed = F.scaled_dot_product_attention(*qkv.unbind(1))  # [B, heads, H * W, features]
        answer: Tensor = x + self.out(mixed.transpose(-1, -2).reshape(x.shape))
        return answer


class Fourier(nn.Module):
    """A noise label `[B]` as cosines and sines `[B, width]`, frequencies 1 to 64 in geometric steps."""

    rates: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        rates = torch.exp(torch.linspace(0, math.log(64.0), width // 2))
        self.register_buffer("rates", rates, persistent=False)

    def forward(self, label: Tensor) -> Tensor:
        """`[B, width]` of `[B]`."""
        angles = label[:, None] * self.rates
        return torch.cat([angles.cos(), angles.sin()], 1)


def norm(width: int) -> nn.GroupNorm:
    """Group normalisation with groups of eight features."""
    return nn.GroupNorm(max(1, width // 8), width)


def zeroed(layer: nn.Conv2d) -> nn.Conv2d:
    """The same layer with weights at zero, so that what it closes begins as the identity."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias) if layer.bias is not None else None
    return layer


def doubled(x: Tensor) -> Tensor:
    """`[B, C, H, W]` at twice the resolution."""
    return F.interpolate(x, scale_factor=2, mode="nearest")
