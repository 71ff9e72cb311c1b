"""The denoiser: preconditioning around the network, and the loss beside it (Karras et al. 2022, EDM, section 5)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.unet import Encoded, UNet, UNetSettings


class Denoiser(nn.Module):
    """What is left of a noisy input once the noise is taken out: D(x; sigma), for data of unit deviation.

    >>> from torch import ones, zeros
    >>> Denoiser(UNetSettings(12))(zeros(2, 12, 32, 16), ones(2)).shape
    torch.Size([2, 12, 32, 16])
    """

    def __init__(self, settings: UNetSettings) -> None:
        super().__init__()
        self.settings = settings
        # Convolutions on a CPU are quicker so.
        self.net: UNet = UNet(settings).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        """The denoised `[B, C, H, W]` of x at noise level sigma `[B]` (equation 7)."""
        skip, out, inp, label = coefficients(sigma)
        return skip * x + out * self.net(inp * x, label)

    def features(self, x: Tensor, sigma: Tensor) -> Encoded:
        """What the network sees in x at noise level sigma `[B]`; a third of the cost of denoising."""
        _, _, inp, label = coefficients(sigma)
        return self.net.encode(inp * x, self.net.label(label))


def coefficients(sigma: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """c_skip, c_out, c_in `[B, 1, 1, 1]` and c_noise `[B]` for unit data (table 1)."""
    s = sigma[:, None, None, None]
    total = s.square() + 1
    return 1 / total, s * total.rsqrt(), total.rsqrt(), sigma.log() / 4


def loss(denoiser: Denoiser, clean: Tensor, noise: Tensor, sigma: Tensor) -> Tensor:
    """Mean weighted squared error of denoising clean `[B, C, H, W]` under noise of levels `[B]` (equation 8); about 1 before training."""
    weight = (sigma.square() + 1) / sigma.square()
    error = denoiser(clean + noise * sigma[:, None, None, None], sigma) - clean
    return (error.square().mean((1, 2, 3)) * weight).mean()
