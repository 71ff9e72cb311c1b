"""Pictures: every place has neighbours, and where parts lie alike a normal of its own."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from models.pooling.whiten import whitener_by_place
from models.unet import Encoded

_CELL = 4  # pixels whose squares are kept as one
_SPOT = 2  # cells of what is judged: the mean over 8 pixels
_PLACE = 8  # pixels whose residuals are taken together with their signs
_TOP = 0.002  # share of the spots that make up the worst of a picture
_MOST = 0.9  # quantile of a picture's spots that is taken for its own level
_QUIET = 0.01  # the least mean square that counts
_SMOOTH = 3  # cells over which heat is a mean


class PicturePooling:
    """Of planes of colour by pixels."""

    def cells(self, residual: Tensor) -> Tensor:
        """Root mean square of residuals over cells of 4 pixels, `[B, L, C, H / 4, W / 4]`."""
        squared = F.avg_pool2d(residual.square().flatten(0, 1), _CELL)
        return squared.sqrt().unflatten(0, residual.shape[:2])

    def excess(self, cells: Tensor, usual: Tensor) -> Tensor:
        """Log mean square of the worst spots of 8 pixels at each level, `[B, L]`, in units of the usual `[B, L, C, 1, 1]`."""
        squared = (cells / usual).square().mean(2)
        return worst(F.avg_pool2d(squared, _SPOT, 1).flatten(2)).add(1e-6).log()

    def courses(self, residual: Tensor) -> Tensor:
        """Mean residual of each colour over places of 8 pixels, `[B, L, T, C]`, its sign kept."""
        return F.avg_pool2d(residual.flatten(0, 1), _PLACE).unflatten(0, residual.shape[:2]).flatten(3).transpose(-1, -2)

    def energies(self, cells: Tensor) -> Tensor:
        """Log mean square of each colour at each level over the picture, `[B, L, C]`."""
        return cells.square().mean((3, 4)).add(_QUIET).log()

    def places(self, seen: Encoded) -> Tensor:
        """The middle scale's features at every place, `[B, T, width]`."""
        return seen.middle.flatten(2).transpose(1, 2)

    def usual(self, cells: Tensor) -> Tensor:
        """Root mean square a level and colour, `[L, C, 1, 1]`: what is unpredictable stays so at every place."""
        return cells.square().mean((0, 3, 4)).clamp_min(1e-6).sqrt()[..., None, None]

    def whitener(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """Mean `[T, K]` and whitening matrix `[T, K, K]` of `[n, T, K]`, of each place where that pays."""
        return whitener_by_place(places)

    def farthest(self, distances: Tensor) -> Tensor:
        """Log of the mean `[B, ...]` of the largest of the places' `[B, ..., T]`."""
        return worst(distances).add(1e-6).log()

    def texture(self, seen: Encoded) -> Tensor:
        """Mean and deviation of every feature over the picture, at all scales: `[B, F]`."""
        return torch.cat([moment for each in seen for moment in (each.mean((2, 3)), each.std((2, 3), correction=0))], 1)

    def heat(self, cells: Tensor, usual: Tensor) -> Tensor:
        """Mean squared scaled residual over levels and colours, smoothed over 12 pixels: `[B, H, W]`."""
        squared = (cells / usual).square().mean((1, 2))[:, None]
        smooth = F.avg_pool2d(squared, _SMOOTH, 1, _SMOOTH // 2, count_include_pad=False)
        return F.interpolate(smooth, scale_factor=_CELL, mode="bilinear", align_corners=False)[:, 0]


def worst(spots: Tensor) -> Tensor:
    """Mean `[...]` of the highest of `[..., n]`, over the root of what most of the picture's own stay below.

    A picture that is rougher as a whole is so everywhere; half of that, on a log scale, is forgiven.
    """
    count = max(1, int(_TOP * spots.shape[-1]))
    most = spots.quantile(_MOST, -1)
    return spots.topk(count, -1).values.mean(-1) / (most + _QUIET).sqrt()
