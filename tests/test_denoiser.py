"""The network, its preconditioning, reconstruction and training, against closed forms and slow versions."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice, pairwise
from math import prod
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor, nn
from torch.testing import assert_close

import models.train as training
from models.denoiser import Denoiser, loss, preconditioned
from models.noise import Noise
from models.pooling import sound
from models.reconstruct import reconstruct
from models.representation.audio import RECIPE
from models.schedule import descent, training_sigmas
from models.train import follow, learning_rate, train, twin
from models.unet import Attention, Encoded, UNet, UNetSettings

SMALL = UNetSettings(4, (8, 16, 24))
PLAIN = Noise((1, 16, 16), (0,), RECIPE.sides)
JUDGED = RECIPE.judged

sigmas = st.floats(0.01, 100.0)
general = settings(deadline=None, derandomize=True, max_examples=50)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """The same initial weights for every test."""
    torch.manual_seed(0)


def seeded(seed: int) -> Generator:
    """A generator of its own."""
    return Generator().manual_seed(seed)


def gaussian(*shape: int, seed: int = 0) -> Tensor:
    """Data N(0, 1)."""
    return torch.randn(*shape, generator=seeded(seed))


@pytest.mark.parametrize(
    ("network", "size"), [(SMALL, (4, 4)), (SMALL, (8, 20)), (UNetSettings(12), (32, 16)), (UNetSettings(3, (16, 16, 48)), (64, 64))]
)
def test_the_network_keeps_the_shape(network: UNetSettings, size: tuple[int, int]) -> None:
    """Any rows and columns that are multiples of four come out as they went in, seen at three scales."""
    net = UNet(network)
    x = gaussian(2, network.channels, *size)
    assert x.shape == net(x, torch.zeros(2)).shape
    seen = net.encode(x, net.label(torch.zeros(2)))
    assert [(2, w, size[0] >> i, size[1] >> i) for i, w in enumerate(network.widths)] == [tuple(s.shape) for s in seen]


def test_attention_equals_its_definition() -> None:
    """Every position of every head is the mean of all values, weighted by the softmax of the scaled products."""
    attention = Attention(48)
    nn.init.normal_(attention.out.weight)
    x = gaussian(2, 48, 3, 5)
    q, k, v = attention.qkv(attention.norm(x)).flatten(2).chunk(3, 1)  # [B, width, positions]
    heads = []
    for head in range(2):
        own = slice(24 * head, 24 * (head + 1))
        weight = torch.softmax(torch.einsum("bfi,bfj->bij", q[:, own], k[:, own]) / 24**0.5, -1)
        heads.append(torch.einsum("bij,bfj->bfi", weight, v[:, own]))
    assert 2 == attention.heads
    assert_close(attention(x), x + attention.out(torch.cat(heads, 1).reshape(x.shape)), rtol=1e-4, atol=1e-4)


@general
@given(sigmas)
def test_preconditioning_is_that_of_edm(sigma: float) -> None:
    """Network input and target have unit variance, and the skip makes the network's share of the output least."""
    one, level = torch.ones(1, 1, 1, 1, dtype=torch.float64), torch.tensor([sigma], dtype=torch.float64)
    skip, out, inp = (float(c) for c in preconditioned(one, level, None))
    assert 1 == pytest.approx(inp**2 * (sigma**2 + 1))
    assert out**2 == pytest.approx((1 - skip) ** 2 + (skip * sigma) ** 2)
    assert sigma**2 / (1 + sigma**2) == pytest.approx(out**2)  # the least there is, over all skips


def test_an_untrained_denoiser_is_ideal_for_gaussian_data() -> None:
    """Its last layer is zero, so it answers x / (1 + sigma^2), each input by its own noise level."""
    x, sigma = gaussian(3, 4, 8, 8), torch.tensor([0.1, 1.0, 8.0])
    assert_close(Denoiser(SMALL)(x, sigma), x / (1 + sigma.square())[:, None, None, None])


def test_the_loss_is_one_before_training() -> None:
    """Whatever the noise level, the weighted error of the ideal denoiser on Gaussian data is 1."""
    with torch.no_grad():
        value = float(
            loss(Denoiser(SMALL), gaussian(64, 4, 8, 8), gaussian(64, 4, 8, 8, seed=1), training_sigmas(64, *RECIPE.trained, seeded(1)))
        )
    assert 1 == pytest.approx(value, abs=0.02)


def closed_form(ladder: list[float]) -> float:
    """What the ideal denoiser for Gaussian data leaves of an input, Euler step by Euler step."""
    return prod((1 + now * later) / (1 + now * now) for now, later in pairwise(ladder))


@pytest.mark.parametrize("steps", [1, 2, 5, 18])
def test_reconstruction_has_its_closed_form(steps: int) -> None:
    """With antithetic noise and the ideal denoiser a reconstruction is the input, scaled down by each step; the noise cancels."""
    x = gaussian(2, 4, 8, 8)
    restored = reconstruct(Denoiser(SMALL), x, JUDGED, PLAIN.bank(seeded(1)), steps)
    factors = torch.tensor([closed_form(descent(sigma, steps)) for sigma in JUDGED])
    assert_close(restored, x[:, None] * factors[:, None, None, None], rtol=0, atol=1e-5)


def test_one_noise_does_not_cancel() -> None:
    """A bank of one noise leaves its share in the reconstruction: (x + sigma n) / (1 + sigma^2)."""
    x, bank = gaussian(1, 4, 8, 8), PLAIN.bank(seeded(1))[:1]
    assert_close(reconstruct(Denoiser(SMALL), x, (2.0,), bank)[:, 0], (x + 2 * bank) / 5)


def test_many_steps_follow_the_flow() -> None:
    """With ever more steps a reconstruction comes to x / sqrt(1 + sigma^2), the exact path for Gaussian data."""
    far = [abs(closed_form(descent(4.0, steps)) * 17**0.5 - 1) for steps in (4, 16, 64, 256)]
    assert sorted(far, reverse=True) == far
    assert far[-1] < 0.02


@general
@given(sigmas.filter(lambda s: s > 0.1), st.integers(1, 40))
def test_levels_descend_to_zero(sigma: float, steps: int) -> None:
    """Whatever the start: steps + 1 levels, from it down to 0, each below the last."""
    ladder = descent(sigma, steps)
    assert (steps + 1, sigma, 0.0) == (len(ladder), ladder[0], ladder[-1])
    assert all(now > later for now, later in pairwise(ladder))


def test_reconstruction_of_a_window_is_its_own() -> None:
    """Levels, noises and windows share a batch, and none sees another."""
    denoiser = Denoiser(SMALL)
    for weight in denoiser.net.leave.parameters():
        nn.init.normal_(weight, std=0.1)
    x, bank = gaussian(3, 4, 8, 8), PLAIN.bank(seeded(1))
    together = reconstruct(denoiser, x, JUDGED, bank, 2)
    for i, sigma in enumerate(JUDGED):
        assert_close(reconstruct(denoiser, x[1:2], (sigma,), bank, 2)[:, 0], together[1:2, i], rtol=1e-4, atol=1e-5)


def test_training_levels_lie_about_those_judged() -> None:
    """Half of the noise levels in training are above 1.5, and they are drawn by the generator alone."""
    drawn = training_sigmas(20_000, *RECIPE.trained, seeded(1))
    assert 0.4 == pytest.approx(float(drawn.log().mean()), abs=0.03)
    assert 1.0 == pytest.approx(float(drawn.log().std()), abs=0.03)
    assert torch.equal(drawn, training_sigmas(20_000, *RECIPE.trained, seeded(1)))


def stripes(count: int) -> Tensor:
    """Unit-variance pictures `[count, 4, 8, 8]` that follow a rule: one of two patterns, with either sign."""
    rows = torch.tensor([1.0, -1.0]).repeat(4)
    patterns = torch.stack([rows[:, None].expand(8, 8), rows[None].expand(8, 8)])
    sign = torch.randn(count, generator=seeded(2)).sign()
    return patterns[torch.arange(count) % 2][:, None].expand(-1, 4, -1, -1) * sign[:, None, None, None]


def trained(seed: int, steps: int = 8) -> Denoiser:
    """The average that is left of a short training, from the same initial weights."""
    torch.manual_seed(0)
    denoiser = Denoiser(SMALL)
    average = twin(denoiser)
    assert list(range(1, steps + 1)) == [
        step.number for step in train(denoiser, average, stripes(16), PLAIN, replace(RECIPE, batch=8), folded=None, steps=steps, seed=seed)
    ]
    return average


def test_training_learns_a_rule() -> None:
    """Pictures that follow a rule are denoised better after a few dozen steps, by the average as well."""
    denoiser = Denoiser(SMALL)
    average = twin(denoiser)
    for _ in train(denoiser, average, stripes(64), PLAIN, replace(RECIPE, batch=16), folded=None, steps=60, seed=1):
        pass
    with torch.no_grad():
        assert [True, True] == [
            float(loss(net, stripes(64), PLAIN.draw(64, seeded(5)), training_sigmas(64, *RECIPE.trained, seeded(6)))) < 0.75
            for net in (denoiser, average)
        ]


def test_the_same_seed_gives_the_same_weights() -> None:
    """From one beginning, training is determined by its seed, bit for bit; another seed gives other weights."""
    first, again, other = (trained(seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_the_loss_shown_begins_at_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The running mean starts from what an untrained network has, and every step moves it a twentieth of the way."""
    seen: list[float] = []

    def kept(*arguments: Any) -> Tensor:
        value = 20 * loss(*arguments)
        seen.append(value.item())
        return value

    monkeypatch.setattr(training, "loss", kept)
    denoiser = Denoiser(SMALL)
    first, second = islice(
        train(denoiser, twin(denoiser), gaussian(8, 4, 8, 8), PLAIN, replace(RECIPE, batch=8), folded=None, steps=50, seed=1), 2
    )
    assert seen[0] > 10
    assert 0.95 + 0.05 * seen[0] == pytest.approx(first.loss)
    assert 0.95 * first.loss + 0.05 * seen[1] == pytest.approx(second.loss)


def test_the_rate_warms_up_and_comes_to_rest() -> None:
    """The learning rate rises to the full one, falls ever after, and ends at nothing."""
    assert [0.5, 1.0, 0.5, 0.0] == pytest.approx([learning_rate(p) for p in (0.025, 0.05, 0.525, 1.0)], abs=1e-9)
    falling = [learning_rate(p / 100) for p in range(5, 101)]
    assert sorted(falling, reverse=True) == falling


def test_the_average_follows_the_weights() -> None:
    """At first the average moves most of the way, later ever less, and never stops."""
    denoiser = Denoiser(SMALL)
    average = twin(denoiser)
    start = average.net.enter.weight.clone()
    with torch.no_grad():
        denoiser.net.enter.weight.add_(1.0)
    follow(average, denoiser, 1)
    assert_close(average.net.enter.weight, start + 0.9)
    follow(average, denoiser, 1_000_000)
    assert_close(average.net.enter.weight, start + 0.9 + 0.1 * 0.005)


def test_a_twin_is_not_trained() -> None:
    """A twin has weights of its own, equal at first, without gradients."""
    denoiser = Denoiser(SMALL)
    copy = twin(denoiser)
    assert not any(p.requires_grad for p in copy.parameters())
    assert all(p.requires_grad for p in denoiser.parameters())
    assert copy.net.enter.weight.data_ptr() != denoiser.net.enter.weight.data_ptr()


def places(middle: Tensor) -> Tensor:
    """The places of what is seen at the middle scale."""
    return sound.places(Encoded(middle, middle, middle))


def test_features_are_means_over_quarters_of_the_rows() -> None:
    """A quarter of the rows and four columns make a place; places differ from the window's mean, and nothing else is told."""
    seen = gaussian(2, 5, 16, 8)
    features = places(seen)
    means = torch.stack([seen[..., t : t + 4].unflatten(2, (4, 4)).mean((3, 4)).flatten(1) for t in range(5)], 1)
    assert (2, 5, 20) == features.shape
    assert_close(features, means - means.mean(1, keepdim=True))
    assert_close(places(seen + 3), features, rtol=0, atol=1e-5)


def test_features_of_an_input_are_its_own() -> None:
    """What the network sees of an input does not depend on the others in its batch."""
    denoiser, x = Denoiser(SMALL), gaussian(3, 4, 16, 16)
    level = torch.full((3,), 0.5)
    for alone, among in zip(denoiser.features(x[2:], level[2:]), denoiser.features(x, level), strict=True):
        assert_close(alone, among[2:], rtol=1e-5, atol=1e-5)


def test_a_texture_does_not_depend_on_when() -> None:
    """Mean and deviation of every feature in a quarter of the rows, at all scales; the order of the columns does not count."""
    seen = Encoded(*(gaussian(2, width, side, side, seed=width) for width, side in ((2, 16), (3, 8), (5, 4))))
    told = sound.texture(seen)
    assert (2, 2 * 4 * (2 + 3 + 5)) == told.shape
    assert_close(sound.texture(Encoded(*(scale.flip(-1) for scale in seen))), told)
    quarters = [scale.unflatten(2, (4, -1)).mean(3).flatten(1, 2) for scale in seen]
    assert_close(told, torch.cat([f(each) for each in quarters for f in (lambda q: q.mean(-1), lambda q: q.std(-1, correction=0))], 1))
