"""The Gaussian inside the denoiser, against the closed form of Gaussian data."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor
from torch.testing import assert_close

from models.denoiser import Denoiser, loss, preconditioned
from models.prior import Gaussian, fit_gaussian
from models.unet import UNetSettings

SHAPE = (2, 4, 4)
SIZE = 32


def seeded(seed: int) -> Generator:
    """A generator of its own."""
    return Generator().manual_seed(seed)


def gaussian(rank: int, seed: int = 0, rest: float = 0.3) -> Gaussian:
    """One with random directions, of variances that fall, and the same rest everywhere."""
    directions = torch.linalg.qr(torch.randn(SIZE, rank, generator=seeded(seed))).Q.mT.contiguous()
    return Gaussian(directions, 4.0 / torch.arange(1, rank + 1), torch.full(SHAPE, rest))


def drawn(prior: Gaussian, count: int, seed: int = 1) -> Tensor:
    """Data of that Gaussian: along its directions, and the rest beside them."""
    along = torch.randn(count, len(prior.variances), generator=seeded(seed)) * prior.variances.sqrt()
    beside = torch.randn(count, SIZE, generator=seeded(seed + 1)) * prior.rest.flatten().sqrt()
    beside -= beside @ prior.directions.mT @ prior.directions
    return (along @ prior.directions + beside).unflatten(1, SHAPE)


@settings(deadline=None, derandomize=True, max_examples=20)
@given(st.floats(0.05, 20.0))
def test_it_denoises_as_the_closed_form_does(sigma: float) -> None:
    """With an even rest the mean given a noisy input is C (C + sigma^2)^-1 x, C the covariance of the data."""
    prior, x = gaussian(5), torch.randn(3, *SHAPE, generator=seeded(2))
    beside = torch.eye(SIZE) - prior.directions.mT @ prior.directions
    covariance = prior.directions.mT @ torch.diag(prior.variances) @ prior.directions + 0.3 * beside
    exact = x.flatten(1) @ torch.linalg.solve(covariance + sigma**2 * torch.eye(SIZE), covariance)
    mean, _ = prior.denoised(x, torch.full((3,), sigma))
    assert_close(mean.flatten(1), exact, rtol=1e-3, atol=1e-3)


def test_without_a_direction_it_is_that_of_edm() -> None:
    """White data of unit variance: the mean and scale are EDM's skip and output."""
    white = Gaussian(torch.zeros(0, SIZE), torch.zeros(0), torch.ones(SHAPE))
    x, sigma = torch.randn(3, *SHAPE, generator=seeded(3)), torch.tensor([0.1, 1.0, 8.0])
    mean, scale, _ = preconditioned(x, sigma, None)
    found, deviation = white.denoised(x, sigma)
    assert_close(found, mean)
    assert_close(deviation, scale.expand_as(deviation))


def test_what_is_fitted_is_found_again() -> None:
    """Of enough inputs the directions are the data's, and variances and rest are those of inputs not fitted on."""
    truth = gaussian(4)
    folded = fit_gaussian(drawn(truth, 600), 4)
    assert 5 == len(folded.folds)
    for found in (folded.whole, *folded.folds):
        inside = (found.directions @ truth.directions.mT).square().sum() / 4
        assert inside > 0.97
    assert_close(folded.whole.variances, truth.variances, rtol=0.25, atol=0)
    assert_close(folded.whole.rest.mean(), torch.tensor(0.3 * 28 / 32), rtol=0.1, atol=0)


def test_few_inputs_have_few_directions() -> None:
    """A third of the inputs at most; one input has none, and is still denoised."""
    assert (3, SIZE) == tuple(fit_gaussian(torch.randn(9, *SHAPE, generator=seeded(4)), 48).whole.directions.shape)
    alone = fit_gaussian(torch.randn(1, *SHAPE, generator=seeded(5)), 48).whole
    assert alone.denoised(torch.ones(1, *SHAPE), torch.ones(1))[0].isfinite().all()


def test_a_fold_has_not_seen_its_own() -> None:
    """An input that is like no other lies in the Gaussian of all, and not in that of the folds without it."""
    inputs = 0.1 * torch.randn(20, *SHAPE, generator=seeded(6))
    inputs[0] = 30.0
    folded = fit_gaussian(inputs, 2)
    outlier = inputs[0].flatten() / inputs[0].norm()
    own = next(fold for fold, index in zip(folded.folds, folded.stretches(20), strict=True) if 0 in index)
    assert (folded.whole.directions @ outlier).square().sum() > 0.99
    assert (own.directions @ outlier).square().sum() < 0.9


def test_the_loss_is_one_before_training_of_what_is_gaussian() -> None:
    """With the truth inside, a network that answers nothing errs by its deviation."""
    truth = gaussian(4)
    denoiser = Denoiser(UNetSettings(2, (8, 8, 8), 2), truth)
    sigma = torch.full((512,), 0.7)
    with torch.no_grad():
        value = loss(denoiser, drawn(truth, 512), torch.randn(512, *SHAPE, generator=seeded(7)), sigma)
    assert_close(value, torch.tensor(1.0), rtol=0.25, atol=0)


def test_another_gaussian_leaves_the_denoiser_as_it_was() -> None:
    """The same network around another: both share weights, and neither changes the other."""
    denoiser = Denoiser(UNetSettings(2, (8, 8, 8), 2), gaussian(4))
    other = denoiser.within(gaussian(4, seed=9))
    x, sigma = torch.randn(2, *SHAPE, generator=seeded(8)), torch.ones(2)
    before = denoiser(x, sigma)
    assert not torch.allclose(before, other(x, sigma))
    assert torch.equal(before, denoiser(x, sigma))
    assert other.net is denoiser.net
