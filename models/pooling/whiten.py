"""Mean and whitening matrix of features."""

from __future__ import annotations

import torch
from torch import Tensor

_STILL = 0.05  # deviation at least: what never moves must not make its rounding noise an alarm
_LEAST = 0.01  # of the variance, that every direction has


def whitener(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean `[K]` and whitening matrix `[K, K]` of features `[n, K]`; covariance shrunk by OAS (Chen et al. 2010, equation 23)."""
    n, k = features.shape
    mean, deviation = features.mean(0), features.std(0, correction=0) + _STILL
    z = ((features - mean) / deviation).double()
    covariance = z.mT @ z / n
    trace, square = covariance.trace(), covariance.square().sum()
    rho = ((1 - 2 / k) * square + trace**2) / ((n + 1 - 2 / k) * (square - trace**2 / k)).clamp_min(1e-12)
    rho = rho.clamp(0.01, 1)
    shrunk = (1 - rho) * covariance + (rho * trace / k).clamp_min(_LEAST) * torch.eye(k, dtype=z.dtype)
    root = torch.linalg.inv(torch.linalg.cholesky(shrunk))
    return mean, root.float() / deviation


def distance(features: Tensor, mean: Tensor, whitener: Tensor) -> Tensor:
    """Squared Mahalanobis distance a number, `[..., T]`, of features `[..., T, K]`; the others as broadcast."""
    return ((features - mean) @ whitener.mT).square().mean(-1)
