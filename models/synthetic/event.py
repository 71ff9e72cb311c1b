"""Sounds that are made from nothing: a source (tones, noise, both), how it comes and goes, and what lies behind it.

Each choice is drawn by itself, so that what comes of them is many more sounds than there are kinds: steady tones, voices, chirps,
clicks, hisses, flutter, calls, thuds, rattles, and what has no name.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from models.synthetic.draw import chance, choice, log_uniform, uniform

_PARTIALS = 20
_HIGHEST = 0.49  # of the rate: no partial lies above
_PULSES = 6
_KNOTS = 9  # of a spectrum that is drawn
_GATE_S = 0.025
_LEAST = 1e-9


def events(count: int, length: int, rate_hz: float, generator: Generator) -> Tensor:
    """Sounds `[count, length]` of unit mean square."""
    tonal, noisy = tones(count, length, rate_hz, generator), band_noise(count, length, rate_hz, generator)
    # Of tones alone, of noise alone, of both.
    share = torch.tensor([1.0, 0.0, -1.0])[choice(generator, (4, 4, 2), count)]
    share = torch.where(share < 0, uniform(generator, 0.1, 0.9, count), share)[:, None]
    return unit((share * tonal + (1 - share) * noisy) * envelopes(count, length, rate_hz, generator))


def tones(count: int, length: int, rate_hz: float, generator: Generator) -> Tensor:
    """Harmonics of a pitch that stays, glides or wavers, `[count, length]` of unit mean square."""
    time_s = torch.arange(length) / rate_hz
    octaves = uniform(generator, -1.7, 1.7, count, 1) * chance(generator, 0.4, count, 1)
    depth = uniform(generator, 0.0, 0.08, count, 1) * chance(generator, 0.4, count, 1)
    waver = torch.sin(2 * torch.pi * (log_uniform(generator, 2, 12, count, 1) * time_s + uniform(generator, 0, 1, count, 1)))
    simple = chance(generator, 0.3, count, 1)
    lowest = torch.where(simple, log_uniform(generator, 150, 6000, count, 1), log_uniform(generator, 80, 1200, count, 1))
    hz = lowest * (octaves * time_s + depth * waver).exp2()
    phase = 2 * torch.pi / rate_hz * hz.cumsum(1)
    turn = torch.polar(torch.ones_like(phase), phase)
    partials = torch.where(simple, 1, torch.randint(2, _PARTIALS + 1, (count, 1), generator=generator))
    tilt = uniform(generator, 0.0, 2.0, count, 1)
    at, total = torch.ones_like(turn), torch.zeros_like(phase)
    for k in range(1, _PARTIALS + 1):
        at = at * turn
        heard = (k <= partials) & (k * hz < _HIGHEST * rate_hz)
        beginning = 2 * torch.pi * torch.rand(count, 1, generator=generator)
        total += heard * k**-tilt * (at * torch.polar(torch.ones_like(beginning), beginning)).imag
    return unit(total)


def band_noise(count: int, length: int, rate_hz: float, generator: Generator) -> Tensor:
    """Noise in a band of 0.4 octaves or more, or of a spectrum that is drawn, `[count, length]` of unit mean square."""
    hz = torch.fft.rfftfreq(length, 1 / rate_hz)
    low = log_uniform(generator, 50, 0.3 * rate_hz, count, 1)
    band = ((hz > low) & (hz < low * log_uniform(generator, 1.3, 12, count, 1))).float()
    shape = torch.where(chance(generator, 0.7, count, 1), band, spectra(count, hz, rate_hz, generator))
    return shaped(shape, length, generator)


def spectra(count: int, hz: Tensor, rate_hz: float, generator: Generator) -> Tensor:
    """Smooth amplitude spectra `[count, F]` over frequencies `[F]`: decibels drawn at knots an octave apart, and a slope."""
    octave = (hz.clamp_min(1) / (rate_hz / 2)).log2().clamp(1 - _KNOTS, 0) + _KNOTS - 1  # [0, KNOTS - 1]
    knots = 8 * torch.randn(count, _KNOTS, generator=generator)
    knots += uniform(generator, -9, 3, count, 1) * torch.arange(_KNOTS)
    low = octave.long().clamp_max(_KNOTS - 2)
    level_db = knots[:, low].lerp(knots[:, low + 1], octave - low)
    return 10 ** ((level_db - level_db.amax(1, keepdim=True)) / 20)


def shaped(spectrum: Tensor, length: int, generator: Generator) -> Tensor:
    """Noise of amplitude spectra `[count, F]`, `[count, length]` of unit mean square."""
    white = torch.randn(len(spectrum), length, generator=generator)
    return unit(torch.fft.irfft(torch.fft.rfft(white) * spectrum, length))


def envelopes(count: int, length: int, rate_hz: float, generator: Generator) -> Tensor:
    """How sounds come and go, `[count, length]` in [0, 1]: steadily, once, in pulses, in waves, at random."""
    time_s = torch.arange(length) / rate_hz
    steady = torch.ones(count, length)
    once = swell(time_s, log_uniform(generator, 0.004, 0.5, count, 1), log_uniform(generator, 0.03, 3, count, 1))
    waves = 0.5 + 0.5 * torch.sin(2 * torch.pi * (log_uniform(generator, 0.7, 30, count, 1) * time_s + uniform(generator, 0, 1, count, 1)))
    gates = chance(generator, 0.4, count, -(-length // round(_GATE_S * rate_hz))).float()
    gated = gates.repeat_interleave(round(_GATE_S * rate_hz), 1)[:, :length]
    every = torch.stack([steady, once, pulses(count, time_s, generator), waves, gated])
    kind = choice(generator, (2, 3, 4, 2, 1), count)
    return every[kind, torch.arange(count)]


def pulses(count: int, time_s: Tensor, generator: Generator) -> Tensor:
    """One to six pulses at random times, `[count, length]` in [0, 1]; those of a sound are of one shape."""
    number = torch.randint(1, _PULSES + 1, (count, 1), generator=generator)
    rise_s, fall_s = log_uniform(generator, 0.002, 0.05, count, 1), log_uniform(generator, 0.005, 0.2, count, 1)
    total = torch.zeros(count, len(time_s))
    for k in range(_PULSES):
        after_s = time_s - uniform(generator, 0.0, float(time_s[-1]), count, 1)
        loud = uniform(generator, 0.3, 1.0, count, 1) * (k < number)
        total = torch.maximum(total, loud * swell(after_s, rise_s, fall_s))
    return total


def swell(after_s: Tensor, rise_s: Tensor, fall_s: Tensor) -> Tensor:
    """Rises to 1 in a line, and falls exponentially from there; 0 before it begins."""
    return (after_s / rise_s).clamp(0, 1) * (-(after_s - rise_s).clamp_min(0) / fall_s).exp()


def unit(sound: Tensor) -> Tensor:
    """The same, of unit mean square."""
    return sound * (sound.square().mean(-1, keepdim=True) + _LEAST).rsqrt()
