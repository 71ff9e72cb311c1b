"""Scores, profiles and places: the same whatever else is in the batch, about 0 on normal, large on what is strange."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor
from torch.testing import assert_close

from models.calibrate import p_value
from models.denoiser import Denoiser
from models.fit import fit_profile, with_p_values
from models.locate import extent
from models.noise import Noise
from models.normalise import Normal, fit_normal, standardise
from models.profile import Profile, of_tensors, stack
from models.recipe import Observed
from models.representation.audio import RECIPE, AudioRepresentation, AudioSettings
from models.score import PARTS, Score, observe, score
from models.train import train, twin
from models.unet import UNetSettings

SOUND = AudioRepresentation(AudioSettings())
HIDDEN = Noise(SOUND.shape, SOUND.kin, RECIPE.sides)

general = settings(deadline=None, derandomize=True, max_examples=50)


def seeded(seed: int) -> Generator:
    """A generator of its own."""
    return Generator().manual_seed(seed)


def noise(count: int, seed: int) -> Tensor:
    """Windows of quiet white noise, `[count, length, 1]`."""
    return 0.1 * torch.randn(count, SOUND.length, 1, generator=seeded(seed))


@dataclass(frozen=True, slots=True)
class Stream:
    """A small network, and what it knows of white noise."""

    denoiser: Denoiser
    bank: Tensor
    normal: Normal
    observed: Observed
    profile: Profile
    scores: Tensor
    """Crosswise, of the stream's own normal."""

    def score(self, items: Tensor) -> Score:
        """The score of windows `[B, length, 1]`."""
        x = standardise(SOUND.planes(items), self.profile)
        return score(observe(self.denoiser, x, self.profile, self.bank, RECIPE), self.profile, RECIPE.pooling)


@pytest.fixture(scope="module")
def stream() -> Stream:
    """White noise, learnt for a few steps and calibrated."""
    torch.manual_seed(0)
    learner = Denoiser(UNetSettings(12, (8, 16, 24)))
    denoiser, bank = twin(learner), HIDDEN.bank(seeded(1))
    planes = SOUND.planes(noise(60, seed=2))
    normal = fit_normal(planes, RECIPE)
    x = standardise(planes, normal)
    for _ in train(learner, denoiser, x, HIDDEN, replace(RECIPE, batch=8), folded=None, steps=12, seed=3):
        pass
    observed = observe(denoiser, x, normal, bank, RECIPE)
    profile, scores = fit_profile(normal, observed, overlap=0, pooling=RECIPE.pooling)
    profile = with_p_values(profile, scores[30:])
    return Stream(denoiser, bank, normal, observed, profile, scores)


@pytest.fixture(scope="module")
def strange(stream: Stream) -> dict[str, Score]:
    """Scores of noise with something in it, and of noise that was never seen."""
    cycles = torch.arange(SOUND.length) * 1000 / SOUND.rate_hz
    tone, click = noise(4, seed=4), noise(4, seed=5)
    tone += 0.05 * torch.sin(2 * torch.pi * cycles)[:, None]
    click[:, 16_000:16_032] += 0.9
    return {name: stream.score(items) for name, items in (("tone", tone), ("click", click), ("fresh", noise(24, seed=6)))}


@pytest.mark.parametrize("factor", [-3.0, 3.0])
def test_an_unusual_texture_is_untypical(stream: Stream, factor: float) -> None:
    """T rises when the texture alone is unlike normal's, to either side, and R and S stay as they were."""
    texture = stream.observed["texture"]
    moved = {**stream.observed, "texture": texture + factor * texture.std(0)}
    usual, unusual = (score(each, stream.profile, RECIPE.pooling).parts for each in (stream.observed, moved))
    assert torch.equal(usual[:, :2], unusual[:, :2])
    assert float((unusual - usual)[:, 2].min()) > 1


@pytest.mark.parametrize("batch", [[0], [0, 1, 2], [2, 0, 1], [1, 1, 0, 2, 2, 1, 0]])
def test_a_score_does_not_depend_on_its_batch(stream: Stream, batch: list[int]) -> None:
    """A window scores the same alone, among others, and in any order."""
    items = torch.cat([noise(2, seed=7), 2 * noise(1, seed=8)])
    alone = torch.cat([stream.score(items[i : i + 1]).value for i in range(3)])
    together = stream.score(items[batch])
    assert_close(together.value, alone[batch], rtol=1e-5, atol=1e-5)
    assert_close(together.heat[-1:], stream.score(items[batch[-1:]]).heat, rtol=1e-4, atol=1e-4)


def test_a_score_does_not_depend_on_other_streams(stream: Stream) -> None:
    """A window scores the same by its own profile as by that profile stacked beside others."""
    loud = stream.profile.mean + 2.0
    sizes = {**stream.profile.sizes, "residual": 2 * stream.profile.sizes["residual"]}
    other = replace(stream.profile, mean=loud, location=stream.profile.location + 1, sizes=sizes)
    items = noise(4, seed=9)
    rows = torch.tensor([1, 0, 2, 1])
    profile = stack([other, stream.profile, other]).gather(rows)
    mixed = score(
        observe(stream.denoiser, standardise(SOUND.planes(items), profile), profile, stream.bank, RECIPE), profile, RECIPE.pooling
    )
    own = stream.score(items)
    assert_close(mixed.value[rows == 1], own.value[rows == 1], rtol=1e-5, atol=1e-5)
    assert_close(mixed.heat[rows == 1], own.heat[rows == 1], rtol=1e-4, atol=1e-4)
    assert not torch.isclose(mixed.value[rows != 1], own.value[rows != 1], atol=0.1).any()


def test_stacked_profiles_come_back_by_gathering(stream: Stream) -> None:
    """Row i of a stack is profile i, in every tensor, in any order and as often as asked; and after it was replaced, the other."""
    profiles = [stream.profile.each(lambda tensor, i=i: tensor + i) for i in range(3)]  # type: ignore[misc]
    stacked = stack(profiles)
    for name, gathered in stacked.gather(torch.tensor([2, 0, 2])).tensors().items():
        assert torch.equal(torch.stack([profiles[i].tensors()[name] for i in (2, 0, 2)]), gathered)
    stacked.put(1, profiles[2])
    for name, row in stacked.gather(torch.tensor(1)).tensors().items():
        assert torch.equal(profiles[2].tensors()[name], row)


def test_a_profile_without_one_of_its_tensors_is_refused(stream: Stream) -> None:
    """What is missing is named."""
    tensors = stream.profile.tensors()
    del tensors["location"]
    with pytest.raises(KeyError, match="location"):
        of_tensors(tensors)


def test_normal_scores_about_nought(stream: Stream) -> None:
    """Judged crosswise, normal scores about 0 with a deviation of about 1, and so do windows never seen."""
    fresh = stream.score(noise(24, seed=6)).value
    for scores in (stream.scores, fresh):
        assert 0 == pytest.approx(float(scores.mean()), abs=0.5)
        assert 1 == pytest.approx(float(scores.std()), abs=0.5)


@pytest.mark.parametrize(("kind", "seen_by"), [("tone", "RT"), ("click", "RST")])
def test_what_is_strange_scores_far_above_normal(stream: Stream, strange: dict[str, Score], kind: str, seen_by: str) -> None:
    """A tone 9 dB below the noise, and a click of 2 ms, score above all normal by several deviations; S sees what comes or goes."""
    assert float(strange[kind].value.min()) > float(stream.scores.max()) + 3
    parts = dict(zip(PARTS, strange[kind].parts.mean(0).tolist(), strict=False))  # this network has no discriminator
    assert all(parts[name] > 1 for name in seen_by)
    p = p_value(strange[kind].value, stream.profile.quantiles.expand(4, -1), stream.profile.tail.expand(4, -1))
    assert float(p.max()) < 1e-3


def test_all_of_a_score_is_finite(strange: dict[str, Score]) -> None:
    """Values, parts and heat are finite."""
    for result in strange.values():
        assert (len(result.value), len(RECIPE.pooling.counts)) == result.parts.shape
        assert all(tensor.isfinite().all() for tensor in result)


def test_normal_is_hardly_hot(strange: dict[str, Score]) -> None:
    """On windows of normal there is little heat, in no row much more than in the others; a tone or a click is far hotter."""
    heat = strange["fresh"].heat
    assert SOUND.shape[1:] == heat.shape[1:]
    assert 0 <= float(heat.min())
    assert 0.05 < float(heat.mean()) < 0.3
    assert float(heat.mean((0, 2)).max()) < 0.5
    assert min(float(strange[kind].heat.amax((1, 2)).min()) for kind in ("tone", "click")) > 2 * float(heat.max())


def test_the_heat_shows_where(strange: dict[str, Score]) -> None:
    """The hottest rows are those of the tone, the hottest columns those of the click."""
    rows, _ = extent(strange["tone"].heat)
    for first, after in rows.tolist():
        place = SOUND.place((first, after), (0, 32))
        assert place["low_hz"] < 1000 < place["high_hz"]
        assert after - first < 8
    _, columns = extent(strange["click"].heat)
    for first, after in columns.tolist():
        begin, end = SOUND.span((first, after))
        assert begin < 16_032
        assert end > 16_000
        assert after - first < 8


def test_silence_can_be_learnt() -> None:
    """A stream of digital silence has a finite profile, by which silence is normal."""
    torch.manual_seed(0)
    denoiser, bank = Denoiser(UNetSettings(12, (8, 16, 24))).requires_grad_(False), HIDDEN.bank(seeded(1))
    planes = SOUND.planes(torch.zeros(4, SOUND.length, 1))
    normal = fit_normal(planes, RECIPE)
    observed = observe(denoiser, standardise(planes, normal), normal, bank, RECIPE)
    profile, scores = fit_profile(normal, observed, overlap=1, pooling=RECIPE.pooling)
    profile = with_p_values(profile, scores[3:])
    assert all(tensor.isfinite().all() for tensor in profile.tensors().values())
    assert torch.cat([scores, score(observed, profile, RECIPE.pooling).value]).abs().max() < 4


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_a_profile_of_few_windows_is_finite(stream: Stream, count: int) -> None:
    """Even a single window gives a profile, by which the score of any other is finite."""
    few = {name: part[:count] for name, part in stream.observed.items()}
    profile, scores = fit_profile(stream.normal, few, overlap=4, pooling=RECIPE.pooling)
    profile = with_p_values(profile, scores[-1:])
    assert (count,) == scores.shape
    assert all(tensor.isfinite().all() for tensor in profile.tensors().values())
    assert score(stream.observed, profile, RECIPE.pooling).value.isfinite().all()


def test_a_profile_knows_the_size_of_residuals(stream: Stream) -> None:
    """Divided by the profile's sizes, residuals of normal have a mean square of 1 at every level, and so have their excesses."""
    sizes = RECIPE.pooling.fit(stream.observed)
    residual, ones = stream.observed["cells"], torch.ones(3, 3)
    assert_close((residual / sizes["residual"]).square().mean((0, 3, 4)), ones, rtol=0.02, atol=0)
    assert_close((residual.clamp_min(0) / sizes["excess"]).square().mean((0, 3, 4)), ones, rtol=0.02, atol=0)


def test_whitened_normal_is_white(stream: Stream) -> None:
    """By the profile's whiteners, what normal shows at its places has mean 0 and a mean square below 1: covariances are shrunk."""
    sizes = RECIPE.pooling.fit(stream.observed)
    told = stream.observed["courses"][:, 1].flatten(0, 1)
    white = (told - sizes["course_mean"][1]) @ sizes["course_whitener"][1].mT
    assert_close(white.mean(0), torch.zeros(128), rtol=0, atol=1e-3)
    assert 0.3 < float(white.square().mean()) <= 1.05


def test_extent_is_the_unbroken_range_about_the_peak() -> None:
    """Rows and columns around the peak that hold a quarter of it; a second hot place apart does not count."""
    heat = torch.zeros(2, 8, 10)
    heat[0, 2:5, 3:7] = 2.0
    heat[0, 3, 5] = 4.0
    heat[0, 3, 9] = 3.9
    heat[1, 7, 0] = 1.0
    heat[1, 6, 0] = 0.2
    rows, columns = extent(heat)
    assert [[2, 5], [7, 8]] == rows.tolist()
    assert [[3, 7], [0, 1]] == columns.tolist()


def test_extent_may_be_everything() -> None:
    """A flat map has no place: all of it is."""
    rows, columns = extent(torch.ones(1, 4, 6))
    assert ([[0, 4]], [[0, 6]]) == (rows.tolist(), columns.tolist())


@general
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 1000))
def test_extent_contains_the_peak(height: int, width: int, seed: int) -> None:
    """Whatever the map: the ranges lie within it and contain its peak."""
    heat = torch.rand(3, height, width, generator=seeded(seed))
    rows, columns = extent(heat)
    peak = heat.flatten(1).argmax(1)
    for ranges, at, size in ((rows, peak // width, height), (columns, peak % width, width)):
        assert ((0 <= ranges[:, 0]) & (ranges[:, 0] <= at) & (at < ranges[:, 1]) & (ranges[:, 1] <= size)).all()
