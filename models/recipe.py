"""What a sense fixes of the method: how its planes are standardised, noised, judged and pooled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from torch import Generator, Tensor

from models.discriminator import Discriminator
from models.unet import Encoded

Observed: TypeAlias = Mapping[str, Tensor]
"""What the network makes of a batch, before anything is compared with normal but its first moments; `[B, ...]` each."""
Sizes: TypeAlias = Mapping[str, Tensor]
"""What its pooling keeps of a stream's normal, by name."""


class Pooling(Protocol):
    """How residuals and features become statistics that can be compared with normal, and what is kept of normal for it."""

    @property
    def counts(self) -> tuple[int, ...]:
        """Statistics in each part of the score: R, S, T, and D where there is one."""

    def observe(self, planes: Callable[[], Tensor], residual: Tensor, seen: Encoded) -> Observed:
        """What is kept of standardised planes `[B, C, H, W]`, made when asked for, of their residuals `[B, L, C, H, W]` and features."""

    def fit(self, normal: Observed) -> Sizes:
        """How large all of it is in normal."""

    def statistics(self, observed: Observed, sizes: Sizes) -> Tensor:
        """Every statistic `[B, N]`, part by part, logarithms; each size may have a leading axis `[B, ...]`, one for each input."""

    def heat(self, observed: Observed, sizes: Sizes) -> Tensor:
        """Where an input is not as normal would be, `[B, H, W]`, smoothed; sizes likewise."""


@dataclass(frozen=True, slots=True)
class Discriminating:
    """What a sense needs for a discriminator."""

    make: Callable[[Tensor, float, Generator], Tensor]
    """Makes anomalies `[B, length, *item]` of normal windows of one stream, given items a second."""
    usual: Callable[[Tensor], Tensor]
    """How large residuals `[B, L, C, H, W]` of normal are."""
    pooling: Callable[[Discriminator], Pooling]
    """The pooling with what a discriminator says as a fourth part of the score."""


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
    discriminating: Discriminating | None = None
    """How D comes into it; none of a sense for which that does not pay."""
