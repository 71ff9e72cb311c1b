"""The network in half precision, where a GPU computes with that many times as fast and its memory is what it waits for.

Float16 and not bfloat16, which has as many bits but three fewer to tell neighbours apart: p-values then moved by three times as
much as they may (docs/gpu-box.md).
"""

from __future__ import annotations

from copy import copy, deepcopy

from torch import Tensor, nn

from models.denoiser import Denoiser
from models.unet import Encoded, UNet

_FARTHEST = 1000.0  # of an input, in deviations: float16 ends at 65504, and a sum over what a convolution sees must not get there


class Halved(nn.Module):
    """The same answers to float32 inputs, and features, in float32; only what lies between is float16.

    >>> from torch import zeros
    >>> from models.unet import UNetSettings
    >>> Halved(UNet(UNetSettings(12)))(zeros(2, 12, 32, 16), zeros(2)).dtype
    torch.float32
    """

    def __init__(self, net: UNet) -> None:
        super().__init__()
        self.label = net.label  # of large angles, once a batch
        self._net = deepcopy(net).half()

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """The network's answer, in the shape of x."""
        told = self.label(noise).half()
        return self._net.decode(self._net.encode(bounded(x), told), told).float()

    def encode(self, x: Tensor, told: Tensor) -> Encoded:
        """Features of x at three scales, for the embedded noise label."""
        return Encoded(*(each.float() for each in self._net.encode(bounded(x), told.half())))


def bounded(x: Tensor) -> Tensor:
    """In float16."""
    return x.clamp(-_FARTHEST, _FARTHEST).half()


def halved(denoiser: Denoiser) -> Denoiser:
    """The same denoiser with its network in half precision; all else of it stays in float32."""
    other = copy(denoiser)
    other._modules = {**denoiser._modules, "net": Halved(denoiser.net)}
    return other
