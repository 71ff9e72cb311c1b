"""Noise: as strong at every scale, common to planes that show the same, and the same for the same seed."""

from __future__ import annotations

import pytest
import torch
from torch import Generator, Tensor
from torch.nn import functional as F
from torch.testing import assert_close

from models.noise import Noise
from models.representation.wavelet import merge

SHAPE = (3, 32, 48)
APART, KIN = (Noise(SHAPE, kin, (1, 4, 16)) for kin in ((0, 1, 2), (0, 1, 0)))


def drawn(noise: Noise, count: int = 300, seed: int = 0) -> Tensor:
    """Samples of many calls: a call shifts all of its samples alike."""
    generator = Generator().manual_seed(seed)
    return torch.cat([noise.draw(1, generator) for _ in range(count)])


def test_noise_has_unit_deviation_a_sub_band() -> None:
    """Every one of the network's inputs sees noise of mean 0 and deviation 1."""
    noise = drawn(APART)
    assert (300, 12, 16, 24) == noise.shape
    assert_close(noise.mean((0, 2, 3)), torch.zeros(12), rtol=0, atol=0.1)
    assert_close(noise.std((0, 2, 3)), torch.ones(12), rtol=0.05, atol=0)


@pytest.mark.parametrize("side", [2, 4, 8])
def test_means_over_blocks_stay_strong(side: int) -> None:
    """In the coarse sub-band the mean over a block keeps well more of a cell's deviation than the 1 / side of white noise."""
    coarse = drawn(APART)[:, :3]
    assert float(F.avg_pool2d(coarse, side).std()) > 1.5 / side


def test_planes_that_show_the_same_share_all_but_the_finest_noise() -> None:
    """Averaged over blocks, noise of kindred planes is nearly one; that of others has nothing in common."""
    pooled = F.avg_pool2d(merge(drawn(KIN)), 4).transpose(0, 1).flatten(1)
    together = torch.corrcoef(pooled)
    assert float(together[0, 2]) > 0.95
    assert abs(float(together[0, 1])) < 0.1


def test_the_bank_is_antithetic_and_seeded() -> None:
    """Noises come in pairs that cancel, the same for the same seed."""
    bank = KIN.bank(Generator().manual_seed(3), pairs=2)
    assert (4, 12, 16, 24) == bank.shape
    assert torch.equal(bank[:2], -bank[2:])
    assert torch.equal(bank, KIN.bank(Generator().manual_seed(3), pairs=2))
    assert not torch.equal(bank, KIN.bank(Generator().manual_seed(4), pairs=2))
