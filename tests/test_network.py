"""The networks of an evaluation: the untrained control, and what one costs."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from models.checkpoint import Model
from models.normalise import fit_normal
from models.representation.audio import AudioRepresentation, AudioSettings
from models.train import twin
from monitor.learn.fitting import observed
from monitor.learn.network import gflop, untrained
from monitor.learn.optimise import fresh

SENSE = AudioRepresentation(AudioSettings())


@pytest.fixture(scope="module")
def start() -> Model:
    """A fresh network."""
    return fresh("audio", {}, SENSE, seed=0)


def test_untrained_control(start: Model) -> None:
    """The control answers with more than zeros, is the same for the same seed, and leaves torch's own generator alone."""
    x, label = torch.randn(1, 12, 32, 16, generator=torch.Generator().manual_seed(0)), torch.zeros(1)
    before = torch.get_rng_state()
    control = untrained(start, seed=1)
    assert torch.equal(before, torch.get_rng_state())
    assert not start.denoiser.net(x, label).any()
    assert control.denoiser.net(x, label).std() > 0.01
    assert control.hash == untrained(start, seed=1).hash
    assert control.hash != untrained(start, seed=2).hash


def test_cost(start: Model) -> None:
    """What a window costs stays below 1 GFLOP, whatever the weights and however they lie, and holds each noise of each level."""
    cost = gflop(start, SENSE)
    assert 0.1 < cost <= 1.0
    assert cost == gflop(untrained(start, seed=1), SENSE)
    flat = replace(start, denoiser=twin(start.denoiser))
    flat.denoiser.to(memory_format=torch.contiguous_format)
    assert cost == gflop(flat, SENSE)
    x = torch.zeros(1, 12, 32, 16)
    with FlopCounterMode(display=False) as counter:
        start.denoiser(x, torch.ones(1))
    assert cost > 3 * len(start.bank) * counter.get_total_flops() / 1e9


def test_nothing_decoded_is_nothing_observed(start: Model) -> None:
    """A stretch of which no window could be read costs no call of the network."""
    planes = torch.zeros(0, *SENSE.shape)
    assert [] == list(observed(start, SENSE, planes, fit_normal(torch.zeros(1, *SENSE.shape), SENSE.recipe)))
