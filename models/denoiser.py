"""The denoiser: preconditioning around the network, and the loss beside it (Karras et al. 2022, EDM, section 5)."""

from __future__ import annotations

from copy import copy

import torch
from torch import Tensor, nn

from models.prior import Gaussian
from models.unet import Encoded, UNet, UNetSettings

_FARTHEST = 100.0  # an outlier that the Gaussian has never seen must not lead a step


class Denoiser(nn.Module):
    """What is left of a noisy input once the noise is taken out: D(x; sigma), for data of unit deviation.

    With a Gaussian inside, the network sees what that makes of its input, and corrects it.

    >>> from torch import ones, zeros
    >>> Denoiser(UNetSettings(12))(zeros(2, 12, 32, 16), ones(2)).shape
    torch.Size([2, 12, 32, 16])
    """

    def __init__(self, settings: UNetSettings, prior: Gaussian | None = None) -> None:
        super().__init__()
        self.settings = settings
        self.prior = prior
        # Convolutions on a CPU are quicker so.
        self.net: UNet = UNet(settings).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        """The denoised `[B, C, H, W]` of x at noise level sigma `[B]` (equation 7)."""
        mean, scale, seen = preconditioned(x, sigma, self.prior)
        return mean + scale * self.net(seen, sigma.log() / 4)

    def within(self, prior: Gaussian) -> Denoiser:
        """The same network around another Gaussian."""
        other = copy(self)
        other._modules = {**self._modules, "prior": prior}
        return other

    def features(self, x: Tensor, sigma: Tensor) -> Encoded:
        """What the network sees in x at noise level sigma `[B]`; a third of the cost of denoising."""
        _, _, seen = preconditioned(x, sigma, self.prior)
        return self.net.encode(seen, self.net.label(sigma.log() / 4))


def preconditioned(x: Tensor, sigma: Tensor, prior: Gaussian | None) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and deviation of clean data as the Gaussian has it, and what the network is to see of x `[B, C, H, W]`.

    With white data these are c_skip x, c_out and c_in x (table 1).
    """
    s = sigma[:, None, None, None]
    if prior is None:
        total = s.square() + 1
        return x / total, s * total.rsqrt(), x * total.rsqrt()
    mean, deviation = prior.denoised(x, sigma)
    return mean, deviation, torch.cat([(x - mean) / (prior.rest + s.square()).sqrt(), mean], 1)


def loss(denoiser: Denoiser, clean: Tensor, noise: Tensor, sigma: Tensor) -> Tensor:
    """Mean squared error of denoising clean `[B, C, H, W]` under noise of levels `[B]`, in units of the Gaussian's deviation (equation 8).

    About 1 before training.
    """
    noisy = clean + noise * sigma[:, None, None, None]
    mean, scale, seen = preconditioned(noisy, sigma, denoiser.prior)
    return ((mean - clean) / scale + denoiser.net(seen, sigma.log() / 4)).square().clamp_max(_FARTHEST).mean()
