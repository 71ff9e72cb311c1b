"""p-values: a count within the held-out scores, a tail beyond them, and the way back."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor
from torch.testing import assert_close

from models.calibrate import GRID, fit_tail, p_value, quantile_grid, score_at

general = settings(deadline=None, derandomize=True, max_examples=50)


def seeded(seed: int) -> Generator:
    """A generator of its own."""
    return Generator().manual_seed(seed)


def p_of(scores: Tensor, normal: Tensor) -> Tensor:
    """p-values of scores `[n]`, given those of normal."""
    return p_value(scores, quantile_grid(normal).expand(len(scores), -1), fit_tail(normal).expand(len(scores), -1))


@general
@given(
    st.lists(st.floats(-1e6, 1e6, width=32) | st.just(math.inf), min_size=2, max_size=20),
    st.sampled_from([1, 2, 12, 60, 400]),
    st.integers(0, 100),
)
def test_a_p_value_falls_as_the_score_grows(scores: list[float], count: int, seed: int) -> None:
    """Whatever was held out: every p-value is in (0, 1], and a larger score never has a larger one."""
    p = p_of(torch.tensor(sorted(scores)), torch.randn(count, generator=seeded(seed)))
    assert ((p > 0) & (p <= 1)).all()
    assert (p[1:] <= p[:-1]).all()


@pytest.mark.parametrize("count", [200, 1000, 5000])
def test_counts_and_tail_meet(count: int) -> None:
    """At the threshold the p-value goes on without a jump, and beyond it falls smoothly."""
    normal = torch.randn(count, generator=seeded(count))
    threshold = float(fit_tail(normal)[0])
    at, above = p_of(torch.tensor([threshold, threshold + 1e-4]), normal).tolist()
    assert 0.1 == pytest.approx(above, rel=0.01)
    assert at == pytest.approx(above, abs=0.01)
    p = p_of(torch.linspace(threshold + 1e-3, threshold + 10, 2000), normal)
    assert (p[1:] < p[:-1]).all()
    assert float((p[1:] / p[:-1]).min()) > 0.9


def test_p_values_of_normal_are_uniform() -> None:
    """Fresh scores of the same kind have p-values that are spread evenly over (0, 1]."""
    p = p_of(torch.randn(4000, generator=seeded(2)), torch.randn(2000, generator=seeded(1))).sort().values
    assert_close(p.float(), torch.linspace(0, 1, 4000), rtol=0, atol=0.04)


def test_an_exponential_tail_is_carried_on() -> None:
    """From 2000 scores ~ Exp(1), of which none comes near 12, p at 12 is right within a factor of 5 in most draws, of 50 in all."""
    ratios = []
    for seed in range(25):
        normal = torch.empty(2000).exponential_(generator=seeded(seed))
        ratios.append(float(p_of(torch.tensor([12.0]), normal)) / np.exp(-12))
    low, middle, high = np.quantile(ratios, [0.25, 0.5, 0.75])
    assert 0.2 < low < middle < high < 5
    assert 1 / 50 < min(ratios) < max(ratios) < 50


@pytest.mark.parametrize(("above", "light"), [(3.5, 2.5), (4.0, 5.0)])
def test_a_light_tail_is_not_taken_for_a_heavier_one(above: float, light: float) -> None:
    """From 4000 normal scores, what 1 in 4300 (1 in 32,000) reaches has that p-value, within the factor, in the middle draw."""
    ratios = []
    for seed in range(25):
        normal = torch.randn(4000, generator=seeded(seed))
        ratios.append(float(p_of(torch.tensor([above]), normal)) / (0.5 * math.erfc(above / 2**0.5)))
    assert 1 / light < np.median(ratios) < light


def test_no_tail_ends() -> None:
    """Scores that have a highest value: far above it a p-value is small, and still smaller further on, by a steady factor."""
    normal = 10 * torch.rand(3000, generator=seeded(1))
    assert float(fit_tail(normal)[3]) < -0.2
    p = p_of(torch.linspace(11, 15, 11), normal)
    assert 0 < float(p[-1]) < float(p[0]) < 1e-3
    falls = p[1:] / p[:-1]
    assert_close(falls, falls[:1].expand(10), rtol=1e-3, atol=0)


@pytest.mark.parametrize("p", [0.9, 0.5, 0.2, 0.05, 1e-3, 1e-6, 1e-12])
@pytest.mark.parametrize("count", [12, 300, 3000])
@pytest.mark.parametrize("shaped", [torch.erf, torch.clone, torch.sinh])
def test_score_at_is_the_inverse(p: float, count: int, shaped: Callable[[Tensor], Tensor]) -> None:
    """The score that has a p-value has it, for ending, light and heavy tails; among the counts, to within a rank."""
    normal = shaped(torch.randn(count, generator=seeded(1)))
    found = score_at(p, quantile_grid(normal), fit_tail(normal))
    back = float(p_of(torch.tensor([found]), normal))
    assert p == pytest.approx(back, rel=1e-3 if p < 0.09 else 0, abs=0 if p < 0.09 else 2 / GRID + 1 / count)


@pytest.mark.parametrize("count", [1, 2, 12])
def test_few_scores_do_not_make_rare_what_is_near(count: int) -> None:
    """However little was held out, and however alike, a score one deviation above it is not one in a thousand, one far above is."""
    normal = torch.linspace(0.0, 1e-3, count)
    near, far = p_of(torch.tensor([1.0, 20.0]), normal).tolist()
    assert near > 1e-3
    assert far < 1e-3
