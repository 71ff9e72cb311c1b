"""Noise part of the way, and a few deterministic steps back: what the input would have been, were it normal."""

from __future__ import annotations

import torch
from torch import Tensor

from models.denoiser import Denoiser
from models.schedule import descent


def reconstruct(denoiser: Denoiser, x: Tensor, sigmas: tuple[float, ...], bank: Tensor, steps: int = 1) -> Tensor:
    """Reconstructions `[B, L, C, H, W]` of x `[B, C, H, W]`, one a noise level, each the mean over the bank `[P, C, H, W]`.

    All levels and noises of all inputs run as one batch of B * L * P.
    """
    batch, levels, noises = len(x), len(sigmas), len(bank)
    # Filled in where x is: what is brought there is waited for.
    ladder = torch.stack([torch.stack([x.new_full((), sigma) for sigma in descent(s, steps)]) for s in sigmas])  # [L, steps + 1]
    ladder = ladder[None, :, None].expand(batch, levels, noises, -1).flatten(0, 2)  # [B * L * P, steps + 1]
    noisy = x[:, None, None] + ladder[:, 0].view(batch, levels, noises, 1, 1, 1) * bank
    restored = descend(denoiser, noisy.flatten(0, 2), ladder)
    return restored.unflatten(0, (batch, levels, noises)).mean(2)


def descend(denoiser: Denoiser, x: Tensor, ladder: Tensor) -> Tensor:
    """The clean end of the deterministic path from x `[B, C, H, W]` down the levels `[B, steps + 1]` (Euler; EDM, algorithm 1)."""
    for now, later in zip(ladder.unbind(1)[:-1], ladder.unbind(1)[1:], strict=True):
        clean = denoiser(x, now)
        x = clean + (x - clean) * (later / now)[:, None, None, None]
    return x
