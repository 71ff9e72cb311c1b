"""What is usual at every place of a plane: of its own where held-out normal says so, else the same everywhere.

Parts that lie alike have edges that always leave more than flat ground does; of a surface that is another every time, what one
place has more than another is chance.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_HELD = 4  # one in so many, the last, is held out
_NEAR = 5  # places, in rows and columns, over which variances are smoothed: a place has few pictures
_OWN = 0.8  # of a place's variance, that is its neighbourhood's; the rest is that of all places
_LEAST = 1e-6
_ALL = 0, -2, -1  # normal, rows and columns


def place_mean(values: Tensor) -> Tensor:
    """Mean `[..., h, w]` of normal `[B, ..., h, w]`: plane by plane, of each place if others vary less about it, else of all."""
    learned, tested = _split(values)
    own, shared = learned.mean(0), learned.mean(_ALL, keepdim=True)[0]
    pays = (tested - own).square().mean(_ALL, keepdim=True)[0] < (tested - shared).square().mean(_ALL, keepdim=True)[0]
    return torch.where(pays, values.mean(0), values.mean(_ALL, keepdim=True)[0])


def place_variance(squares: Tensor) -> Tensor:
    """Variance `[..., h, w]` of squared distances `[B, ..., h, w]`: plane by plane, of each place's neighbourhood, or of all.

    It is that by which others are likelier, were they Gaussian; each square may be the mean of several.
    """
    learned, tested = _split(squares)
    pays = _unlikely(tested, _own(learned)) < _unlikely(tested, _shared(learned))
    return torch.where(pays, _own(squares), _shared(squares))


def near(values: Tensor) -> Tensor:
    """Means over 5 x 5 places, `[..., h, w]`."""
    return F.avg_pool2d(values, _NEAR, 1, _NEAR // 2, count_include_pad=False)


def _own(squares: Tensor) -> Tensor:
    """Variance of each place's neighbourhood, and by a fifth of all."""
    return _OWN * near(squares.mean(0)) + (1 - _OWN) * _shared(squares)


def _shared(squares: Tensor) -> Tensor:
    """Variance of all places, `[..., 1, 1]`."""
    return squares.mean(_ALL, keepdim=True)[0] + _LEAST


def _unlikely(squares: Tensor, variance: Tensor) -> Tensor:
    """Mean negative log likelihood of each plane, doubled, but for a constant."""
    return (squares / variance + variance.log()).mean(_ALL, keepdim=True)[0]


def _split(values: Tensor) -> tuple[Tensor, Tensor]:
    """All but the last quarter, and that; of one alone, nothing and that: no comparison with nothing comes out in its favour."""
    held = max(1, len(values) // _HELD)
    return values[:-held], values[-held:]
