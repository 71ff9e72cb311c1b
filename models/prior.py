"""A Gaussian of low rank inside the denoiser: what is normal to second order need not be learned by steps.

EDM's preconditioning (Karras et al. 2022, section 5) is the exact denoiser of white data, with the network for the rest. Here data
are Gaussian along a few directions of their own and nearly white beside them; the exact denoiser of that takes its place. Without a
direction, and with a rest of one, it is EDM's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_FOLDS = 5
_NEAR = 5  # positions over which the rest is smoothed
_SHARED = 0.2  # of the rest, that is its channel's
_LEAST = 1e-3


class Gaussian(nn.Module):
    """Data of zero mean: variances along orthonormal directions, and of what is left at every position."""

    directions: Tensor
    """`[K, C * H * W]`."""
    variances: Tensor
    """`[K]`."""
    rest: Tensor
    """`[C, H, W]`."""

    def __init__(self, directions: Tensor, variances: Tensor, rest: Tensor) -> None:
        super().__init__()
        for name, value in (("directions", directions), ("variances", variances), ("rest", rest)):
            self.register_buffer(name, value)

    def denoised(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and deviation `[B, C, H, W]` of clean data, given x with noise of level sigma `[B]`."""
        s = sigma[:, None, None, None]
        along = x.flatten(1) @ self.directions.mT
        inside = (along @ self.directions).view_as(x)
        kept = self.rest / (self.rest + s.square())
        shrunk = along * self.variances / (self.variances + sigma[:, None].square())
        return (shrunk @ self.directions).view_as(x) + kept * (x - inside), kept.sqrt() * s


@dataclass(frozen=True, slots=True)
class Folded:
    """A Gaussian of all inputs, and for each fold of them one that was fitted on the others."""

    whole: Gaussian
    folds: Sequence[Gaussian]
    """Of equal stretches of the inputs, in their order."""

    def stretches(self, count: int) -> list[Tensor]:
        """The indices of each fold's inputs, of so many."""
        return list(torch.arange(count).chunk(len(self.folds)))


def fit_gaussian(inputs: Tensor, rank: int) -> Folded:
    """The Gaussian of inputs `[N, C, H, W]`; its variances and rest are those of inputs that directions were not fitted on."""
    rank = min(rank, len(inputs) // 3)
    stretches = torch.arange(len(inputs)).chunk(_FOLDS)
    others = [torch.cat([s for s in stretches if s is not own]) for own in stretches] if len(stretches) > 1 else [stretches[0]]
    directions = [_directions(inputs[index], rank) for index in others]
    along, left = [], []
    for own, found in zip(stretches, directions, strict=True):
        flat = inputs[own].flatten(1).float()
        along.append(flat @ found.mT)
        left.append((flat - along[-1] @ found).square().sum(0))
    variances = torch.cat(along).square().mean(0)
    rest = _smoothed((torch.stack(left).sum(0) / len(inputs)).view(inputs.shape[1:]))
    return Folded(Gaussian(_directions(inputs, rank), variances, rest), [Gaussian(each, variances, rest) for each in directions])


def _directions(inputs: Tensor, rank: int) -> Tensor:
    """Leading principal directions `[K, D]` of inputs `[n, ...]` about zero, the strongest first."""
    flat = inputs.flatten(1).float()
    values, vectors = torch.linalg.eigh((flat @ flat.mT).double())
    top = vectors[:, -rank:].flip(-1) / values[-rank:].flip(-1).clamp_min(1e-9).sqrt() if rank else vectors[:, :0]
    return top.float().mT @ flat


def _smoothed(rest: Tensor) -> Tensor:
    near = F.avg_pool2d(rest, _NEAR, 1, _NEAR // 2, count_include_pad=False)
    return (1 - _SHARED) * near + _SHARED * rest.mean((1, 2), keepdim=True) + _LEAST
