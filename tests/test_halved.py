"""A network in half precision, as a GPU computes it, on the CPU: what it says is what it says in float32, as far as is stated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from models.halved import halved
from monitor.demo.fault import Planted
from monitor.engine import Engine, pick_device
from monitor.opened import Opened, open_for
from monitor.records import Window
from monitor.synth.wave import RATE_HZ, Floats

CPU = pick_device("cpu")


@pytest.fixture(scope="module")
def opened(model: Path) -> Opened:
    """A room's model, with a discriminator."""
    return open_for(model, None, kind="audio")


@pytest.fixture(scope="module")
def half(opened: Opened) -> Engine:
    """An engine whose network computes as on a GPU."""
    return engine(replace(opened, model=replace(opened.model, denoiser=halved(opened.model.denoiser))))


def engine(opened: Opened) -> Engine:
    """For one stream."""
    return Engine(opened.model, opened.representation, {"a": opened.fitted.profile}, device=CPU)


def windows(sound: Floats, length: int, seconds: Sequence[float]) -> list[Window]:
    """Of a sound `[n, 1]`, from those times on."""
    return [Window("a", start, sound[start : start + length], 0) for start in (round(each * RATE_HZ) for each in seconds)]


def test_it_says_the_same_within_what_is_stated(opened: Opened, half: Engine, faulty: tuple[Path, list[Planted]]) -> None:
    """Of normal and of faults: p to a hundredth, scores to a few thousandths, alone and together to a ten-thousandth."""
    samples, _ = soundfile.read(faulty[0], dtype="float32", always_2d=True)
    cut = windows(samples, opened.representation.length, [*(planted.onset_s for planted in faulty[1]), *range(0, 70, 10)])
    exact, rounded = engine(opened).judge(cut), half.judge(cut)
    assert [j.p_value for j in exact] == pytest.approx([j.p_value for j in rounded], abs=1e-2)
    assert [j.score for j in exact] == pytest.approx([j.score for j in rounded], rel=5e-3, abs=5e-3)
    assert 30 < max(j.score for j in exact)
    alone = [half.judge([window])[0].score for window in cut[:4]]
    assert alone == pytest.approx([j.score for j in rounded[:4]], rel=1e-4, abs=1e-4)


def test_nothing_is_too_loud_for_it(opened: Opened, half: Engine) -> None:
    """Silence, full scale and a single click of it have a score, as in float32, and so has what lies beyond float16."""
    length = opened.representation.length
    rng = np.random.default_rng(0)
    click = np.zeros((length, 1), np.float32)
    click[length // 2] = 1.0
    square = np.sign(np.sin(np.arange(length) / 3.0))[:, None].astype(np.float32)
    sounds = [np.zeros_like(click), np.ones_like(click), click, square, rng.uniform(-1, 1, (length, 1)).astype(np.float32)]
    cut = [Window("a", 0, sound, 0) for sound in sounds]
    assert [j.score for j in engine(opened).judge(cut)] == pytest.approx([j.score for j in half.judge(cut)], rel=1e-2)
    x = torch.full((2, *opened.model.bank.shape[1:]), 1e6)
    assert halved(opened.model.denoiser)(x, torch.ones(2)).isfinite().all()


def test_nothing_is_too_bright_for_it(gate: Path) -> None:
    """Black, white, one colour and noise, where grey was normal."""
    opened = open_for(gate / "gate.model", None, kind="image")
    half = replace(opened, model=replace(opened.model, denoiser=halved(opened.model.denoiser)))
    shape = (1, *opened.representation.item)
    rng = np.random.default_rng(0)
    red = np.zeros(shape, np.uint8)
    red[..., : shape[2] // 2, 0] = 255
    pictures = [np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8), red, rng.integers(0, 256, shape, np.uint8)]
    cut = [Window("a", i, picture, 0) for i, picture in enumerate(pictures)]
    assert [j.score for j in engine(opened).judge(cut)] == pytest.approx([j.score for j in engine(half).judge(cut)], rel=1e-2)
