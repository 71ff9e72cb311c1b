"""What a profile is fitted with: the normaliser, the whitener, robust spread, and blocks of time."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator
from torch.testing import assert_close

from models.fit import blocks, robust
from models.normalise import fit_normal, standardise, unsplit
from models.pooling.typical import reach
from models.pooling.whiten import distance, whitener
from models.representation.audio import RECIPE

general = settings(deadline=None, derandomize=True, max_examples=50)


def seeded(seed: int) -> Generator:
    """A generator of its own."""
    return Generator().manual_seed(seed)


def test_normal_planes_become_standard() -> None:
    """Every row has mean 0 and deviation 1, and every sub-band of the network's input deviation 1."""
    planes = 5 + 3 * torch.randn(20, 3, 16, 8, generator=seeded(1)) * torch.linspace(0.5, 2, 16)[:, None]
    normal = fit_normal(planes, RECIPE)
    rows = (planes - normal.mean) / normal.deviation
    assert_close(rows.mean((0, 3)), torch.zeros(3, 16), rtol=0, atol=1e-4)
    assert_close(rows.std((0, 3), correction=0), torch.ones(3, 16), rtol=1e-4, atol=0)
    assert_close(standardise(planes, normal).std((0, 2, 3), correction=0), torch.ones(12), rtol=1e-4, atol=0)


def test_a_band_that_never_moves_is_not_blown_up() -> None:
    """Rounding noise of a constant band stays small after standardising."""
    planes = 2 + 1e-4 * torch.randn(8, 3, 8, 8, generator=seeded(1))
    assert float(standardise(planes, fit_normal(planes, RECIPE)).abs().max()) < 1


def test_unsplit_undoes_the_standardising_of_sub_bands() -> None:
    """What the network works on, put together again, is the planes standardised by row."""
    planes = torch.randn(5, 3, 16, 8, generator=seeded(1)).cumsum(-1)
    normal = fit_normal(planes, RECIPE)
    back = unsplit(standardise(planes, normal)[:, None], normal)[:, 0]
    assert_close(back, (planes - normal.mean) / normal.deviation, rtol=1e-4, atol=1e-4)


def test_whitened_features_are_white() -> None:
    """With many features the whitener leaves mean 0 and covariance 1, however unlike their scales."""
    mixing = (torch.eye(6) + 0.2 * torch.randn(6, 6, generator=seeded(1))) * torch.tensor([3.0, 1.0, 1.0, 10.0, 100.0, 1.0])
    features = torch.randn(4000, 6, generator=seeded(2)) @ mixing + 3
    mean, matrix = whitener(features)
    white = (features - mean) @ matrix.mT
    assert_close(white.mean(0), torch.zeros(6), rtol=0, atol=1e-2)
    assert_close(white.mT @ white / 4000, torch.eye(6), rtol=0, atol=0.15)


def test_a_whitener_of_few_features_holds() -> None:
    """Fewer features than dimensions, and dimensions that never move, still give a finite distance, about 1 on average."""
    features = torch.randn(12, 40, generator=seeded(1))
    features[:, 5] = 2.0
    mean, matrix = whitener(features)
    assert matrix.isfinite().all()
    fresh = torch.randn(500, 40, generator=seeded(2))
    fresh[..., 5] = 2.0
    assert 1 == pytest.approx(float(distance(fresh, mean, matrix).mean()), abs=0.5)


def test_robust_spread_ignores_outliers() -> None:
    """Median and deviation of many values are those of their bulk; of few, the deviation leans on the usual one."""
    values = 3 + 2 * torch.randn(2000, 1, generator=seeded(1))
    values[:100] = 1e6
    middle, spread = robust(values, 1.0, 8)
    assert [3, 2] == pytest.approx([float(middle), float(spread)], abs=0.3)
    middle, spread = robust(torch.tensor([[5.0]]), 0.25, 8)
    assert 5 == float(middle)
    assert (8 / 9 * 0.25**2) ** 0.5 == pytest.approx(float(spread))


def test_the_reach_covers_every_lump() -> None:
    """A recording that gives a tenth of the windows counts as normal as the one that gives the others; a lone window does not."""
    lumps = torch.cat([torch.linspace(-0.1, 0.1, 90), torch.linspace(3.9, 4.1, 10), torch.tensor([40.0])])[:, None, None]
    middle, deviation = reach(lumps, 0.2)
    assert 2 == pytest.approx(middle.item(), abs=0.1)
    assert 1 == pytest.approx(deviation.item(), abs=0.1)
    assert 0.2 == pytest.approx(reach(torch.ones(1, 1, 1), 0.2)[1].item())


@general
@given(st.integers(1, 200), st.integers(0, 8))
def test_a_block_is_never_judged_by_what_it_shares_items_with(count: int, overlap: int) -> None:
    """Blocks cover all windows once, in order; the others of each lie farther away than windows overlap, unless none would be left."""
    pairs = list(blocks(count, overlap))
    assert list(range(count)) == torch.cat([block for block, _ in pairs]).tolist()
    for block, others in pairs:
        nearest = (block[:, None] - others).abs().min()
        assert nearest > overlap or len(others) == count
        assert len(others) < count or count <= 5 * (overlap + 2)
