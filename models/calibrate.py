"""From a score to a p-value: the share of normal windows that score at least as high.

Within the held-out normal it is a count; beyond, a generalised Pareto tail (Pickands 1975) carries it on, smoothly. A tail
that is lighter than exponential would end somewhere, and what lies beyond would be impossible: it is followed only as far as
scores can show it, and goes on from there as an exponential of the slope that it has come to.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

GRID = 257
"""Ranks that a profile keeps of its held-out scores."""

_TAIL = 0.1  # share of the scores that the tail is fitted to
_LEAST = 10  # ... but no fewer than these
_PRIOR = 50  # exceedances' worth of trust in an exponential tail
_LIGHTEST, _HEAVIEST = -0.3, 0.4  # shapes
_FOLLOWED = 0.01  # share of what exceeds the threshold down to which a light tail is followed
_STRAIGHT = 1e-6  # a shape nearer to 0 is taken for this one
_FARTHEST = 1e12  # above the threshold; an infinite score is taken for this one
_FINEST = 0.25  # mean excess at least: scores deviate by about 1, and the few that lie closer together do so by chance


def quantile_grid(scores: Tensor) -> Tensor:
    """Scores `[GRID]` at even ranks from lowest to highest, of `[n]`."""
    return torch.quantile(scores, torch.linspace(0, 1, GRID))


def fit_tail(scores: Tensor) -> Tensor:
    """Threshold, share above it, scale and shape `[4]` of the upper tail of `[n]` scores.

    Probability-weighted moments (Hosking and Wallis 1987, equations 7 and 8), the shape shrunk towards 0, an exponential
    tail, by so much as few exceedances leave unknown.
    """
    ordered = scores.sort().values
    count = min(len(scores), max(_LEAST, int(_TAIL * len(scores))))
    threshold = ordered[-count] if count == len(scores) else (ordered[-count] + ordered[-count - 1]) / 2
    excess = (ordered[-count:] - threshold).double().clamp_min(0)
    above = 1 - (torch.arange(count, dtype=torch.float64) + 0.65) / count  # 1 - plotting position
    a0, a1 = excess.mean(), (above * excess).mean()
    shape = 2 - a0 / (a0 - 2 * a1).clamp_min(1e-6)
    shape = (shape * count / (count + _PRIOR)).clamp(_LIGHTEST, _HEAVIEST)
    scale = a0.clamp_min(_FINEST) * (1 - shape)  # keeps the mean excess
    return torch.stack([threshold.double(), torch.tensor(count / len(scores)).double(), scale, shape]).float()


def p_value(scores: Tensor, quantiles: Tensor, tail: Tensor) -> Tensor:
    """p-value `[B]` in (0, 1] of scores `[B]`, given each one's grid `[B, GRID]` and tail `[B, 4]`; falls as the score grows."""
    threshold, share, scale, shape = tail.double().unbind(-1)
    shape = torch.where(shape.abs() < _STRAIGHT, _STRAIGHT, shape)
    excess = (scores.double() - threshold).clamp(0, _FARTHEST) / scale
    bent = excess.minimum(torch.where(shape < 0, (_FOLLOWED**-shape - 1) / shape, torch.inf))
    beyond = share * torch.exp(-torch.log1p(shape * bent) / shape - (excess - bent) / (1 + shape * bent))
    rank = torch.searchsorted(quantiles.contiguous(), scores[:, None].contiguous())[:, 0] / quantiles.shape[-1]
    body = torch.maximum(1 - rank.double(), share)
    return torch.where(scores > threshold, beyond, body).clamp_min(1e-300)


def score_at(p: float, quantiles: Tensor, tail: Tensor) -> float:
    """The score that has p-value p, of one grid `[GRID]` and tail `[4]`: the inverse of `p_value`."""
    threshold, share, scale, shape = tail.double().tolist()
    if p >= share:
        return float(torch.quantile(quantiles.double(), 1 - p))
    shape = _STRAIGHT if abs(shape) < _STRAIGHT else shape
    left = p / share
    followed = max(left, _FOLLOWED) if shape < 0 else left
    bent = (followed**-shape - 1) / shape
    return float(threshold + scale * (bent + (1 + shape * bent) * math.log(followed / left)))
