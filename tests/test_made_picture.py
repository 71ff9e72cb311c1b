"""Anomalies that are made of normal pictures."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from tests.bench.made_picture import KINDS, made, shapes

SIDE = 64


def pictures(count: int, contrast: float = 0.1) -> Tensor:
    """Grey noise, `[count, 3, SIDE, SIDE]` in [0, 1]."""
    return (0.5 + contrast * torch.randn(count, 3, SIDE, SIDE, generator=Generator().manual_seed(9))).clamp(0, 1)


@settings(deadline=None, derandomize=True, max_examples=15)
@given(seed=st.integers(0, 10_000), contrast=st.sampled_from([0.0, 0.01, 0.1, 5.0]))
def test_anomalies_are_pictures(seed: int, contrast: float) -> None:
    """Whatever is drawn, of even, black and white pictures too: in range, the same from the same seed, as it was outside of the mask."""
    normal = pictures(6, contrast)
    before = normal.clone()
    strange, mask = made(normal, Generator().manual_seed(seed))
    again, _ = made(normal, Generator().manual_seed(seed))
    assert torch.equal(strange, again)
    assert torch.equal(before, normal)
    assert (strange.amin(), strange.amax()) >= (0, 0)
    assert strange.isfinite().all()
    assert strange.amax() <= 1
    outside = (mask == 0)[:, None].expand_as(strange)
    assert torch.equal(strange[outside], normal[outside])


def test_places_are_small_and_large_and_there() -> None:
    """Nearly every shape covers something, from some pixels to a good part of the picture."""
    share = shapes(200, SIDE, Generator().manual_seed(0)).mean((1, 2))
    assert (share > 0).float().mean() > 0.95
    assert share.median() < 0.02
    assert 0.1 < share.amax() < 0.8


@pytest.mark.parametrize("make", KINDS, ids=lambda each: each.__name__)
def test_every_kind_changes_what_is_inside(make: object) -> None:
    """Of each, all pictures differ in their middle."""
    normal = pictures(8)
    mask = torch.zeros(8, SIDE, SIDE)
    mask[:, 16:48, 16:48] = 1
    strange = make(normal, normal, mask, Generator().manual_seed(1))  # type: ignore[operator]
    assert ((strange - normal).abs().amax(1)[:, 24:40, 24:40] > 0.02).flatten(1).any(1).all()
