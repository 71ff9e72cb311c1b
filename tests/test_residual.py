"""What a reconstruction leaves over, in a few numbers: what they keep, and what they do not see."""

from __future__ import annotations

import torch
from torch import Generator, Tensor
from torch.testing import assert_close

from models.pooling.sound import courses, energies, excess
from models.pooling.typical import untypical

LEVELS, PLANES, ROWS, COLUMNS = 2, 3, 8, 32


def residual(seed: int = 0) -> Tensor:
    """Residuals `[4, L, C, H, W]` of nothing but noise."""
    return torch.randn(4, LEVELS, PLANES, ROWS, COLUMNS, generator=Generator().manual_seed(seed))


def test_excess_sees_the_worst_cells_alone() -> None:
    """A twentieth of the cells, all at 3, make an excess of log 9, whatever the rest; what is missing does not count."""
    quiet = torch.zeros(1, LEVELS, PLANES, ROWS, COLUMNS)
    hot = quiet.clone()
    hot[..., :2] = 3.0  # 48 of 768 cells
    usual = torch.ones(1, LEVELS, PLANES, ROWS, 1)
    assert_close(excess(hot, usual), torch.full((1, LEVELS), 9.0).log())
    assert_close(excess(-hot, usual), excess(quiet, usual))
    assert_close(excess(hot, 3 * usual), torch.zeros(1, LEVELS), rtol=0, atol=1e-5)


def test_courses_do_not_see_what_lasts() -> None:
    """A level that is the same all window long changes nothing; one that lasts half a second does."""
    base = residual()
    assert (4, LEVELS, 13, 2 * ROWS) == courses(base).shape
    assert_close(courses(base + 5), courses(base), rtol=0, atol=1e-4)
    moved = base.clone()
    moved[..., 8:16] += 5
    assert float((courses(moved) - courses(base))[:, :, 4, :ROWS].min()) > 2


def test_energies_are_of_the_least_noisy_level() -> None:
    """Ten times the residual is log 100 more in every band; other levels do not count."""
    base = residual()
    assert (4, PLANES, ROWS) == energies(base).shape
    assert_close(energies(10 * base) - energies(base), torch.full((4, PLANES, ROWS), 100.0).log(), rtol=0, atol=0.1)
    other = base.clone()
    other[:, 1] *= 10
    assert torch.equal(energies(other), energies(base))


def test_too_quiet_is_as_untypical_as_too_loud() -> None:
    """Energies as usual are typical; a quarter of the residual is as untypical as four times it."""
    base = residual()
    location, scale = energies(base), torch.full((PLANES, ROWS), 0.5)
    usual, quiet, loud = (untypical(energies(factor * base), location, scale) for factor in (1, 0.25, 4))
    assert float(usual.max()) < -10
    assert_close(quiet, loud, rtol=0, atol=0.3)
    assert_close(loud, torch.full((4,), 3.42), rtol=0, atol=0.3)  # log of (log 16 / 0.5) squared
