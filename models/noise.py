"""Noise that hides every scale alike.

White noise hides single cells and leaves every mean over many of them legible: a denoiser then reads off whatever is long
or broad, strange or not, and gives it back. So white noise is mixed with noise that is constant over longer and broader
blocks, each size with the same power (coarse noise: Kascenas et al. 2023, *The role of noise in denoising models for
anomaly detection in medical images*).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from models.representation.wavelet import haar


@dataclass(frozen=True, slots=True)
class Noise:
    """Noise for the network's inputs, of zero mean and unit deviation a sub-band."""

    shape: tuple[int, int, int]
    """Planes, rows and columns of a window: `(C, H, W)`."""
    kin: Sequence[int]
    """For each plane, the first plane that shows the same thing: blocks are common to both, or one would betray the other."""
    sides: Sequence[int]
    """Of a block, in rows and in columns; 1 alone is white noise."""
    levels: int = 1
    """Haar levels."""

    def draw(self, count: int, generator: Generator) -> Tensor:
        """Samples `[count, 4C, H/2, W/2]`, or finer bands of more levels.

        >>> Noise((3, 64, 32), (0, 1, 0), (1, 4, 16)).draw(2, torch.Generator()).shape
        torch.Size([2, 12, 32, 16])
        """
        total = torch.zeros(count, *self.shape)
        for height, width in self._sizes:
            total += self._blocks(count, height, width, generator)
        return haar(total, self.levels) / self._deviation()

    def bank(self, generator: Generator, pairs: int = 1) -> Tensor:
        """Antithetic pairs `[2 * pairs, 4C, H/2, W/2]`, to be the same for every window: a score depends on nothing but its input."""
        half = self.draw(pairs, generator)
        return torch.cat([half, -half])

    @property
    def _sizes(self) -> list[tuple[int, int]]:
        return [(height, width) for height in self.sides for width in self.sides]

    def _blocks(self, count: int, height: int, width: int, generator: Generator) -> Tensor:
        """White noise on a grid of blocks `[count, C, H, W]`, the grid shifted at random."""
        planes, rows, columns = self.shape
        coarse = torch.randn(count, planes, -(-rows // height) + 1, -(-columns // width) + 1, generator=generator)
        if height * width > 1:
            coarse = coarse[:, list(self.kin)]
        top, left = (int(torch.randint(side, (1,), generator=generator)) for side in (height, width))
        fine = coarse[:, :, :, None, :, None].expand(-1, -1, -1, height, -1, width).flatten(2, 3).flatten(3, 4)
        return fine[:, :, top : top + rows, left : left + columns]

    def _deviation(self) -> Tensor:
        """Of each sub-band of the blocks' sum, `[4C, 1, 1]`: of two neighbouring cells, 1 - 1 / side lie in one block."""
        if list(self.sides) == [1]:
            return torch.ones(1, 1, 1)
        if self.levels != 1:
            raise ValueError(f"blocks of {self.sides} cells at {self.levels} levels, expected one level")
        variance = torch.zeros(4)
        for height, width in self._sizes:
            down, along = 1 - 1 / height, 1 - 1 / width
            variance += torch.tensor([(1 + down * v) * (1 + along * h) for v in (1, -1) for h in (1, -1)])
        return variance.sqrt().repeat_interleave(self.shape[0])[:, None, None]
