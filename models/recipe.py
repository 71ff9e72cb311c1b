"""What a sense fixes of the method: how its planes are standardised, noised, judged and pooled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from models.unet import Encoded


class Pooling(Protocol):
    """How residuals and features become statistics that can be compared with normal."""

    def cells(self, residual: Tensor) -> Tensor:
        """What is kept of residuals `[B, L, C, H, W]`: `[B, L, C, h, w]`."""

    def excess(self, cells: Tensor, usual: Tensor) -> Tensor:
        """Log mean square `[B, L]` of the worst cells, in units of the usual `[B, L, C, ...]`."""

    def courses(self, residual: Tensor) -> Tensor:
        """What each of T places looks like in residuals `[B, L, C, H, W]`: `[B, L, T, K]`."""

    def energies(self, cells: Tensor) -> Tensor:
        """Log energies of a window as a whole, `[B, ...]`."""

    def places(self, seen: Encoded) -> Tensor:
        """What the network sees at each of T places, `[B, T, K]`."""

    def usual(self, cells: Tensor) -> Tensor:
        """Root mean square of normal cells `[n, L, C, h, w]`, to be broadcast to one of them."""

    def whitener(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """Mean `[T, K]` and whitening matrix `[T, K, K]` of normal places `[n, T, K]`; T may become 1 where places are alike."""

    def farthest(self, distances: Tensor) -> Tensor:
        """How far the farthest of the places lie, `[B, ...]`, of distances `[B, ..., T]`; a logarithm."""

    def texture(self, seen: Encoded) -> Tensor:
        """What it sees in a window as a whole, `[B, F]`."""

    def heat(self, cells: Tensor, usual: Tensor) -> Tensor:
        """Where a window is not as normal would be, `[B, H, W]`, smoothed; usual cells `[B, L, C, ...]`."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One sense's."""

    adapts_to: int
    """Windows of normal that the representation learns from before any network does; 0 if it has nothing to learn."""
    levels: int
    """Haar levels before the network."""
    by_row: bool
    """Whether planes are standardised row by row, as bands of sound are; else place by place, with one deviation a plane."""
    sides: tuple[int, ...]
    """Of the blocks of noise, in cells."""
    judged: tuple[float, ...]
    """Noise levels from which an input is reconstructed."""
    trained: tuple[float, float]
    """Mean and deviation of the log noise level in training."""
    seen_at: float
    """Noise level that the network is told when its features are taken; little is expected, so that it looks at detail."""
    widths: tuple[int, int, int]
    """Features of a fresh network."""
    rank: int
    """Directions of the Gaussian inside the denoiser; 0 for white."""
    batch: int
    """Inputs in a step of training."""
    pooling: Pooling
