"""What is usual at a place, and whether it has something of its own."""

from __future__ import annotations

import pytest
import torch
from torch import Generator, Tensor
from torch.testing import assert_close

from models.places import near, place_mean, place_variance


def noise(seed: int, count: int = 40, side: int = 12) -> Tensor:
    """Of two planes, `[count, 2, side, side]`."""
    return torch.randn(count, 2, side, side, generator=Generator().manual_seed(seed))


def flat(usual: Tensor) -> Tensor:
    """How far the places of each plane lie apart."""
    return usual.amax((-2, -1)) - usual.amin((-2, -1))


def test_a_mean_of_its_own_only_where_that_pays() -> None:
    """A plane whose parts lie alike has a mean for every place; one that is different every time has one for all."""
    part = torch.zeros(2, 12, 12)
    part[0, 2:5, 2:5] = 3.0
    usual = place_mean(part + 0.1 * noise(0))
    assert_close(usual[0], part[0], rtol=0, atol=0.1)
    assert_close(flat(usual)[1], torch.tensor(0.0))


def test_a_variance_of_its_own_only_where_that_pays() -> None:
    """A plane that is restless at one side has a variance for every place, near what it is there; an even one has one for all."""
    restless = noise(1)
    restless[:, 0, :, 6:] *= 3.0
    variance = place_variance(restless.square())
    assert_close(variance[0, :, :3].mean(), 0.8 * torch.tensor(1.0) + 0.2 * 5.0, rtol=0.1, atol=0)
    assert_close(variance[0, :, 9:].mean(), 0.8 * torch.tensor(9.0) + 0.2 * 5.0, rtol=0.1, atol=0)
    assert_close(flat(variance)[1], torch.tensor(0.0))


def test_what_was_so_only_in_what_is_learned_from_is_not_kept() -> None:
    """A place that was strange in the first three quarters alone tells nothing of others."""
    once = noise(2)
    once[:30, 0, 5, 5] += 0.4
    once[30:, 0, 5, 5] -= 0.4
    assert_close(flat(place_mean(once))[0], torch.tensor(0.0))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_pictures_have_finite_sizes(count: int) -> None:
    """Of one picture nothing can be held against another: all places are alike."""
    few = noise(3, count)
    assert place_mean(few).isfinite().all()
    assert (place_variance(few.square()) > 0).all()
    assert_close(flat(place_mean(noise(3, 1))), torch.zeros(2))


def test_nearness_ends_at_the_rim() -> None:
    """Means over 5 x 5 places leave out what lies beyond the rim."""
    assert_close(near(torch.ones(1, 6, 6)), torch.ones(1, 6, 6))
