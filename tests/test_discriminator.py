"""D: a network that is taught on made anomalies, and what it says in a score."""

from __future__ import annotations

from collections.abc import Generator as Steps
from dataclasses import asdict, replace
from pathlib import Path
from typing import TypeVar

import pytest
import torch
from torch import Generator, Tensor

from models.checkpoint import Model, load_model, save_model
from models.denoiser import Denoiser
from models.discriminator import Discriminator
from models.examples import PER_WINDOW, references
from models.normalise import Normal, fit_normal, standardise
from models.pooling.discriminating import DiscriminatingPooling
from models.pooling.sound import usual
from models.recipe import Discriminating
from models.representation.audio import AudioRepresentation, AudioSettings
from models.score import observe, score
from models.synthetic.sound import made
from models.teach import BATCH
from models.unet import UNetSettings
from monitor.learn.fitting import Pieces, fitted, joined, observed, sizes
from monitor.learn.network import trained
from monitor.learn.optimise import noise
from monitor.learn.teaching import taught, windows_for
from monitor.records import Progress

SOUND = AudioRepresentation(AudioSettings())
REPEATED = 32
T = TypeVar("T")
DISCRIMINATING = Discriminating(made, usual, DiscriminatingPooling)


def hiss(count: int, seed: int) -> Tensor:
    """Windows of quiet white noise, `[count, length, 1]`."""
    return 0.05 * torch.randn(count, SOUND.length, 1, generator=Generator().manual_seed(seed))


def beeped(windows: Tensor) -> Tensor:
    """The same with a beep of half a second, 10 dB below."""
    time_s = torch.arange(8000) / 16_000
    strange = windows.clone()
    strange[:, 12_000:20_000, 0] += 0.022 * torch.sin(2 * torch.pi * 1700 * time_s)
    return strange


@pytest.fixture(scope="module")
def untaught() -> Model:
    """A small network of random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        denoiser = Denoiser(UNetSettings(12, (8, 8, 8))).requires_grad_(False).eval()
    return Model("audio", asdict(AudioSettings()), denoiser, noise(SOUND).bank(Generator().manual_seed(0)))


def learn(model: Model, count: int, repeated: int) -> tuple[list[Progress], Model]:
    """What came of teaching on so many windows of white noise."""
    return ended(taught(model, SOUND, [lambda: hiss(count, seed=1)], seed=0, repeated=repeated))


def ended(steps: Steps[Progress, None, T]) -> tuple[list[Progress], T]:
    """What was told on the way, and what came of it."""
    told: list[Progress] = []
    while True:
        try:
            told.append(next(steps))
        except StopIteration as end:
            return told, end.value


@pytest.fixture(scope="module")
def lesson(untaught: Model) -> tuple[list[Progress], Model]:
    """What came of teaching it for a while."""
    return learn(untaught, 24, REPEATED)


@pytest.fixture(scope="module")
def model(lesson: tuple[list[Progress], Model]) -> Model:
    """The same with a discriminator."""
    return lesson[1]


def profiled(model: Model) -> tuple[Normal, list[Tensor], object]:
    """Moments, crosswise scores and profile of white noise."""
    planes = SOUND.planes(hiss(32, seed=2))
    normal = fit_normal(planes, SOUND.recipe)
    profile, scores = sizes(model, SOUND, Pieces([], [planes]), normal, joined(list(observed(model, SOUND, planes, normal))))
    return normal, scores, profile


def test_it_tells_a_beep_that_it_never_heard(model: Model) -> None:
    """Taught for a few steps, D is far out on a beep and near 0 on new noise; it is the fourth part of the score."""
    normal, _, profile = profiled(model)
    recipe = model.follows(SOUND.recipe)

    def parts(windows: Tensor) -> Tensor:
        seen = observe(model.denoiser, standardise(SOUND.planes(windows), normal), normal, model.bank, recipe)
        return score(seen, profile, recipe.pooling).parts  # type: ignore[arg-type]

    usual, strange = parts(hiss(8, seed=3)), parts(beeped(hiss(8, seed=3)))
    assert (8, 4) == usual.shape
    assert usual[:, 3].mean().abs() < 1.5
    assert strange[:, 3].min() > usual[:, 3].max()


def test_teaching_is_shown(lesson: tuple[list[Progress], Model]) -> None:
    """Anomalies are made, then the loss falls."""
    told, _ = lesson
    assert ["making anomalies", "teaching"] == list(dict.fromkeys(each.stage for each in told))
    losses = [each.loss for each in told if each.loss is not None]
    assert round(REPEATED * 24 * PER_WINDOW / BATCH) == len(losses)
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.usefixtures("briefly")
def test_teaching_can_be_repeated(untaught: Model) -> None:
    """The same seed teaches the same network."""
    (_, one), (_, again) = (learn(untaught, 4, 8) for _ in range(2))
    assert one.hash == again.hash != untaught.hash


def test_where_nothing_can_be_learned_there_is_none(untaught: Model) -> None:
    """A sense that makes no anomalies leaves the network as it was; so do no normal, and anomalies that changed nothing."""
    for windows, discriminating in (
        (hiss(8, seed=1), None),
        (hiss(0, seed=1), SOUND.recipe.discriminating),
        (hiss(4, seed=1), replace(DISCRIMINATING, make=lambda windows, rate_hz, generator: windows)),
    ):
        sense = AudioRepresentation(AudioSettings())
        sense.recipe = replace(sense.recipe, discriminating=discriminating)
        steps = taught(untaught, sense, [lambda windows=windows: windows], seed=0)  # type: ignore[misc]
        assert untaught is ended(steps)[1]


def test_training_goes_on_without_it(model: Model) -> None:
    """A discriminator knows what the network left over as it was: one that is trained further has none until one is taught anew."""
    inputs = standardise(SOUND.planes(hiss(8, seed=1)), fit_normal(SOUND.planes(hiss(8, seed=1)), SOUND.recipe))
    steps = trained(model, SOUND, [inputs], budget_s=0.1, seed=0)
    assert [None] == [each.discriminator for each in ended(steps)[1].models]
    assert model.discriminator is ended(trained(model, SOUND, [inputs], budget_s=0.0, seed=0))[1].models[0].discriminator


def test_it_is_kept_with_its_network(model: Model, tmp_path: Path) -> None:
    """A checkpoint brings it back: the same hash, the same answers, and the profile with four parts."""
    _, scores, profile = profiled(model)
    path = tmp_path / "hall.safetensors"
    save_model(path, model, fitted(SOUND, profile, scores, seed=0), {})  # type: ignore[arg-type]
    loaded, kept = load_model(path)
    assert model.hash == loaded.hash
    assert (5,) == kept.profile.mean_scale.shape
    residual, planes = torch.randn(2, 3, 3, 64, 32), torch.randn(2, 3, 64, 32)
    assert isinstance(loaded.discriminator, Discriminator)
    assert isinstance(model.discriminator, Discriminator)
    for ours, theirs in zip(model.discriminator(residual, planes), loaded.discriminator(residual, planes), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 40])
def test_normal_is_judged_by_other_normal(count: int) -> None:
    """Every window is looked at twice, never by what was fitted on itself unless there is no other."""
    looked = list(references(count, Generator().manual_seed(0)))
    assert sorted([*range(count)] * 2) == sorted(torch.cat([own for own, _ in looked]).tolist())
    for own, others in looked:
        assert count == 1 or not {*own.tolist()} & {*others.tolist()}
        assert len(others)


def test_a_longer_budget_shows_more() -> None:
    """Windows grow with the budget, up to what memory allows."""
    counts = [windows_for(seconds) for seconds in (0.0, 20.0, 180.0, 600.0, 1e6)]
    assert sorted(counts) == counts
    assert counts[0] >= 4
    assert counts[-1] * PER_WINDOW <= 8192
