"""Sound: rows are bands, columns time, and noise-like cells are judged in stretches of time, never alone."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from models.pooling.whiten import whitener
from models.unet import Encoded

_HALF = 8  # cells of 64 ms
_QUIET = 0.01  # the least mean square that counts; the usual one is some tenths
_TOP = 0.05  # share of the cells that make up the worst of a window
_ROWS = 4  # stretches of the rows that are looked at apart: a low sound is not a high one
_COLUMNS = 4  # of the middle scale, 1 s of sound


class SoundPooling:
    """Of planes of bands by cells of 64 ms."""

    def cells(self, residual: Tensor) -> Tensor:
        """Residuals `[B, L, C, H, W]` as they are."""
        return residual

    def excess(self, cells: Tensor, usual: Tensor) -> Tensor:
        """Log mean square of the worst cells of each level, `[B, L]`, in units of the usual `[B, L, C, H, 1]`.

        Only what is more than was expected counts: the logarithm of a level falls far and often, and rises rarely.
        """
        squared = (cells.clamp_min(0) / usual).square().flatten(2)
        count = max(1, int(_TOP * squared.shape[-1]))
        return squared.topk(count, -1).values.mean(-1).add(1e-6).log()

    def courses(self, residual: Tensor) -> Tensor:
        """Mean and deviation of the first plane's rows over overlapping half seconds, contrasted: `[B, L, T, 2H]`."""
        halves = residual[:, :, 0].unfold(-1, _HALF, _HALF // 4)  # [B, L, H, T, 8]
        told = torch.cat([halves.mean(-1), halves.std(-1, correction=0)], 2).transpose(-1, -2)
        return contrast(told.flatten(0, 1)).unflatten(0, told.shape[:2])

    def energies(self, cells: Tensor) -> Tensor:
        """Log mean square of every plane's rows over the window, at the least noisy level: `[B, C, H]`."""
        return cells[:, 0].square().mean(-1).add(_QUIET).log()

    def places(self, seen: Encoded) -> Tensor:
        """Means `[B, T, K]` of the middle scale `[B, width, h, w]` over a quarter of its rows and overlapping seconds, contrasted."""
        return contrast(quarters(seen.middle).unfold(-1, _COLUMNS, 1).mean(-1).transpose(1, 2))

    def usual(self, cells: Tensor) -> Tensor:
        """Root mean square a level, plane and row, `[L, C, H, 1]`, shrunk a little towards the plane's."""
        square = cells.square().mean((0, 4))[..., None]
        return (0.95 * square + 0.05 * square.mean(2, keepdim=True)).clamp_min(1e-6).sqrt()

    def whitener(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """Mean `[1, K]` and whitening matrix `[1, K, K]` of `[n, T, K]`: one second is like any other."""
        mean, matrix = whitener(places.flatten(0, 1))
        return mean[None], matrix[None]

    def farthest(self, distances: Tensor) -> Tensor:
        """Log of the largest `[B, ...]` of the places' `[B, ..., T]`."""
        return distances.amax(-1).add(1e-6).log()

    def texture(self, seen: Encoded) -> Tensor:
        """Mean and deviation over time of every feature in a quarter of its rows, at all scales: `[B, F]`.

        What makes rain sound like rain whenever one listens (McDermott and Simoncelli 2011, *Sound texture perception via
        statistics of the auditory periphery*).
        """
        scales = [quarters(scale) for scale in seen]
        return torch.cat([moment for each in scales for moment in (each.mean(-1), each.std(-1, correction=0))], 1)

    def heat(self, cells: Tensor, usual: Tensor) -> Tensor:
        """Mean squared scaled residual over levels and planes, less the usual 1, smoothed over 3 x 3 cells: `[B, H, W]`.

        What is usual is not heat, or a quiet minute would outweigh the second that matters.
        """
        squared = (cells / usual).square().mean((1, 2))
        return F.avg_pool2d(squared[:, None], 3, 1, 1, count_include_pad=False)[:, 0].sub(1).clamp_min(0)


def quarters(seen: Tensor) -> Tensor:
    """Means `[B, 4 * width, w]` of features `[B, width, h, w]` over a quarter of their rows."""
    return F.adaptive_avg_pool2d(seen, (_ROWS, seen.shape[-1])).flatten(1, 2)


def contrast(places: Tensor) -> Tensor:
    """What sets each place `[B, T, K]` apart from the window as a whole: a room's slow drift is in all of them alike."""
    return places - places.mean(1, keepdim=True)
