"""Made anomalies of sound: something is heard that does not belong, or what belongs is missing, stuck or elsewhere."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from models.synthetic.draw import chance, choice, log_uniform, uniform
from models.synthetic.event import events, shaped, spectra

_EVENT_S = 1.0
_SNR_DB = -15.0, 3.0
_SECOND_DB = -12.0, 0.0  # of a second sound, under the first
_BEHIND_DB = -20.0, 3.0  # of what is heard with it, under it
_QUIETEST = 1e-4  # mean square root of a window that is taken for silence
_FADE_S = 0.005


def added(windows: Tensor, rate_hz: float, generator: Generator) -> Tensor:
    """Windows `[B, n]` with a second of something else in each, down to what can barely be heard; it may hang over an edge."""
    count, length = windows.shape
    event = round(_EVENT_S * rate_hz)
    return windows + level(windows) * placed(foreign(count, event, rate_hz, generator), length, generator)


def foreign(count: int, length: int, rate_hz: float, generator: Generator) -> Tensor:
    """Sounds `[count, length]` as a microphone would hear them: mostly with another, or with the noise of their own place behind."""
    sound = events(count, length, rate_hz, generator)
    second = chance(generator, 0.3, count, 1) * decibels(generator, *_SECOND_DB, count)
    sound = sound + second * events(count, length, rate_hz, generator)
    hz = torch.fft.rfftfreq(length, 1 / rate_hz)
    behind = chance(generator, 0.8, count, 1) * decibels(generator, *_BEHIND_DB, count)
    sound = sound + behind * shaped(spectra(count, hz, rate_hz, generator), length, generator)
    return sound * sound.square().mean(1, keepdim=True).rsqrt() * decibels(generator, *_SNR_DB, count)


def moved(windows: Tensor, rate_hz: float, generator: Generator) -> Tensor:
    """Windows `[B, n]` with a second of another of them in each, played faster or slower, and so elsewhere in frequency."""
    count, length = windows.shape
    others = windows.roll(1, 0)
    speed = torch.where(chance(generator, 0.5, count), log_uniform(generator, 0.5, 0.8, count), log_uniform(generator, 1.25, 2.0, count))
    event = min(round(_EVENT_S * rate_hz), int(length / 2))
    start = uniform(generator, 0, 1, count) * (length - event * speed - 2)
    at = start[:, None] + speed[:, None] * torch.arange(event)
    low = at.long()
    piece = others.gather(1, low).lerp(others.gather(1, low + 1), at - low)
    piece = piece / level(piece) * level(windows) * decibels(generator, *_SNR_DB, count)
    return windows + placed(piece, length, generator)


def changed(windows: Tensor, rate_hz: float, generator: Generator) -> Tensor:
    """Windows `[B, n]` in each of which a while is louder or quieter, all of it or a band."""
    count, length = windows.shape
    hz = torch.fft.rfftfreq(length, 1 / rate_hz)
    low = log_uniform(generator, 50, 0.2 * rate_hz, count, 1)
    band = (hz > low) & (hz < low * log_uniform(generator, 1.5, 16, count, 1))
    part = torch.where(chance(generator, 0.5, count, 1), torch.fft.irfft(torch.fft.rfft(windows) * band, length), windows)
    gain = torch.where(chance(generator, 0.3, count, 1), decibels(generator, 3, 12, count), decibels(generator, -40, -3, count))
    return windows + (gain - 1) * part * while_(count, length, rate_hz, generator)


def stuck(windows: Tensor, rate_hz: float, generator: Generator) -> Tensor:
    """Windows `[B, n]` in each of which a short frame is repeated for a while."""
    count, length = windows.shape
    frame = log_uniform(generator, 0.01, 0.2, count, 1) * rate_hz
    on = while_(count, length, rate_hz, generator)
    begin = (on > 0).float().argmax(1, keepdim=True)
    since = (torch.arange(length) - begin).clamp_min(0)
    again = windows.gather(1, (begin + torch.remainder(since, frame).long()).clamp_max(length - 1))
    return windows.lerp(again, on)


KINDS: dict[Callable[[Tensor, float, Generator], Tensor], int] = {added: 14, moved: 2, changed: 3, stuck: 1}
"""Each with how often it is drawn, of twenty."""


def made(windows: Tensor, rate_hz: float, generator: Generator) -> Tensor:
    """Anomalies `[B, length, 1]` of normal windows `[B, length, 1]` in [-1, 1] of one stream, each of a kind that is drawn."""
    kind = choice(generator, [*KINDS.values()], len(windows))
    strange = windows[..., 0].clone()
    for i, make in enumerate(KINDS):
        mine = kind == i
        if mine.any():
            strange[mine] = make(strange[mine], rate_hz, generator)
    return strange.clamp(-1, 1)[..., None]


def placed(sounds: Tensor, length: int, generator: Generator) -> Tensor:
    """Sounds `[B, k]` anywhere in silence `[B, length]`, at least half of each."""
    count, k = sounds.shape
    start = torch.randint(-k // 2, length - k // 2, (count, 1), generator=generator)
    at = torch.arange(length) - start
    inside = (at >= 0) & (at < k)
    return sounds.gather(1, at.clamp(0, k - 1)) * inside


def while_(count: int, length: int, rate_hz: float, generator: Generator) -> Tensor:
    """Stretches of 50 ms and more, `[count, length]`: 1 inside, 0 outside, faded between."""
    lasts = log_uniform(generator, 0.05, 2, count, 1) * rate_hz
    begin = uniform(generator, -0.2, 1, count, 1) * (length - 0.05 * rate_hz)
    at = torch.arange(length)
    fade = _FADE_S * rate_hz
    return torch.minimum((at - begin) / fade, (begin + lasts - at) / fade).clamp(0, 1)


def level(sounds: Tensor) -> Tensor:
    """Root mean square `[B, 1]` of `[B, n]`, or what is taken for silence."""
    return sounds.square().mean(1, keepdim=True).sqrt().clamp_min(_QUIETEST)


def decibels(generator: Generator, low: float, high: float, count: int) -> Tensor:
    """Gains `[count, 1]`, uniform in decibels."""
    return 10 ** (uniform(generator, low, high, count, 1) / 20)
