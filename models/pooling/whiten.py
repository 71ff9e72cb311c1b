"""Mean and whitening matrix of features: of all places alike, or of each with its neighbours."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

_STILL = 0.05  # deviation at least: what never moves must not make its rounding noise an alarm
_LEAST = 0.01  # of the variance, that every direction has
_NEAR = 5  # places, in rows and columns, whose covariance is taken together
_OWN = 0.8  # of the covariance at a place, that is its neighbourhood's; the rest is that of all places
_RIDGE = 1e-3  # of the mean variance, in every direction


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


def whitener_by_place(places: Tensor) -> tuple[Tensor, Tensor]:
    """Mean `[T, K]` and whitening matrix `[T, K, K]` of features `[n, T, K]` on a square grid of T places.

    A place has a mean and covariance of its own if that makes features of normal that it was not fitted on vary less.
    """
    own = _pays(places)
    mean = places.mean(0) if own else places.mean((0, 1)).expand(places.shape[1:])
    covariance = _covariances(places - mean)
    shared = covariance.mean(0)
    k = shared.shape[-1]
    near = _OWN * _near(covariance) + (1 - _OWN) * shared if own else shared[None]
    loaded = near + (_RIDGE * shared.trace() / k).clamp_min(1e-9) * torch.eye(k)
    matrix = torch.linalg.inv(torch.linalg.cholesky(loaded))
    return mean.contiguous(), matrix.expand(places.shape[1], -1, -1).contiguous()


def _pays(places: Tensor) -> bool:
    """Whether the last quarter varies less about each place's mean over the others than about the mean of all places."""
    held = max(1, len(places) // 4)
    learned, tested = places[:-held], places[-held:]
    if not len(learned):
        return False
    own = (tested - learned.mean(0)).square().mean((0, 1))
    alike = (tested - learned.mean((0, 1))).square().mean((0, 1)).clamp_min(1e-12)
    return bool((own / alike).mean() < 1)


def _covariances(apart: Tensor) -> Tensor:
    """`[T, K, K]` of centred features `[n, T, K]`."""
    by_place = apart.transpose(0, 1)  # [T, n, K]
    return by_place.mT @ by_place / len(apart)


def _near(covariance: Tensor) -> Tensor:
    """Covariances `[T, K, K]`, each the mean over its neighbourhood on the square grid."""
    side = math.isqrt(len(covariance))
    grid = covariance.flatten(1).mT.unflatten(1, (side, side))  # [K * K, side, side]
    mean = F.avg_pool2d(grid, _NEAR, 1, _NEAR // 2, count_include_pad=False)
    return mean.flatten(1).mT.unflatten(1, covariance.shape[1:])
