"""Wavelets as batched torch convolutions: packets of a signal, and one level of a picture.

The packets equal `pywt.WaveletPacket(mode="periodization")` in frequency order; the picture's transform is orthonormal
(Haar), so it keeps energy and inverts exactly.
"""

from __future__ import annotations

import pywt
import torch
from torch import Tensor
from torch.nn import functional as F


def analysis_filters(wavelet: str, levels: int = 1) -> Tensor:
    """Filters of an orthogonal wavelet's packets after so many levels, as columns `[taps, 2**levels]`, time-reversed for correlation.

    Lowest frequency first; after one level the low- and the high-pass filter.
    """
    bank = pywt.Wavelet(wavelet)
    pair = torch.tensor([bank.dec_lo[::-1], bank.dec_hi[::-1]], dtype=torch.float64)
    filters = torch.ones(1, 1, dtype=torch.float64)  # [nodes, taps]
    for level in range(levels):
        # A level's filters see every 2**level-th sample. A high-pass branch mirrors its spectrum, as in `packets`.
        apart = pair.new_zeros(2, (pair.shape[1] - 1 << level) + 1)
        apart[:, :: 1 << level] = pair
        children = F.conv1d(filters[:, None], apart.flip(1)[:, None], padding=apart.shape[1] - 1)  # [nodes, 2, taps]
        children[1::2] = children[1::2].flip(1)
        filters = children.flatten(0, 1)
    return filters.T.float().contiguous()


def packets(x: Tensor, filters: Tensor, depth: int) -> Tensor:
    """Wavelet-packet coefficients of x `[B, n]`, `[B, 2**depth, n / 2**depth]`, lowest frequency first.

    n is a multiple of 2**depth, depth one of the levels that the filters take at once; the signal is taken as periodic. A high-pass
    branch mirrors its spectrum (Mallat, *A Wavelet Tour of Signal Processing*, section 8.1.2), so the children of every odd node
    come in reverse.

    >>> packets(torch.ones(1, 64), analysis_filters("db1"), 3).shape
    torch.Size([1, 8, 8])
    """
    taps, stride = filters.shape
    # Each level begins half a filter, less one tap, before its first sample.
    before = ((taps - 1) // (stride - 1) - 1) // 2 * (stride - 1)
    nodes = x[:, None]  # [B, nodes, n]
    while nodes.shape[1] < 1 << depth:
        around = wrapped(nodes, before, taps - stride - before)
        children = F.conv1d(around.flatten(0, 1)[:, None], filters.T[:, None], stride=stride).unflatten(0, nodes.shape[:2])
        children[:, 1::2] = children[:, 1::2].flip(2)
        nodes = children.flatten(1, 2)
    return nodes


def wrapped(x: Tensor, before: int, after: int) -> Tensor:
    """A periodic signal `[..., n]` continued at both sides, by more than its own length if need be."""
    index = torch.arange(-before, x.shape[-1] + after, device=x.device) % x.shape[-1]
    return x[..., index]


def split(x: Tensor) -> Tensor:
    """One level of the 2-D Haar transform: `[..., C, H, W]` to `[..., 4C, H/2, W/2]`, sub-bands LL, LH, HL, HH in turn.

    >>> split(torch.ones(1, 3, 4, 6)).shape
    torch.Size([1, 12, 2, 3])
    """
    a, b = x[..., 0::2, 0::2], x[..., 0::2, 1::2]
    c, d = x[..., 1::2, 0::2], x[..., 1::2, 1::2]
    return torch.cat([a + b + c + d, a - b + c - d, a + b - c - d, a - b - c + d], -3) / 2


def haar(x: Tensor, levels: int) -> Tensor:
    """So many levels of `split`, each of all sub-bands: `[..., C, H, W]` to `[..., 4**k C, H / 2**k, W / 2**k]`."""
    for _ in range(levels):
        x = split(x)
    return x


def unhaar(y: Tensor, levels: int) -> Tensor:
    """The inverse of `haar`."""
    for _ in range(levels):
        y = merge(y)
    return y


def merge(y: Tensor) -> Tensor:
    """The inverse of `split`: `[..., 4C, H/2, W/2]` to `[..., C, H, W]`."""
    ll, lh, hl, hh = y.chunk(4, -3)
    top = torch.stack([ll + lh + hl + hh, ll - lh + hl - hh], -1).flatten(-2)
    bottom = torch.stack([ll + lh - hl - hh, ll - lh - hl + hh], -1).flatten(-2)
    return torch.stack([top, bottom], -2).flatten(-3, -2) / 2
