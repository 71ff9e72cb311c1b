"""How much noise. Data have unit deviation."""

from __future__ import annotations

import torch
from torch import Generator, Tensor


def training_sigmas(count: int, mean: float, deviation: float, generator: Generator) -> Tensor:
    """Noise levels `[count]` for training: log-normal (Karras et al. 2022, table 1)."""
    return (torch.randn(count, generator=generator) * deviation + mean).exp()


def descent(sigma: float, steps: int) -> list[float]:
    """Levels from sigma down to 0, `steps + 1` of them, dense at the low end (Karras et al. 2022, equation 5, rho = 7).

    >>> descent(4.0, 1)
    [4.0, 0.0]
    """
    low, rho = 0.05, 7
    ramp = [i / (steps - 1) for i in range(1, steps)]
    return [sigma, *((sigma ** (1 / rho) + t * (low ** (1 / rho) - sigma ** (1 / rho))) ** rho for t in ramp), 0.0]
