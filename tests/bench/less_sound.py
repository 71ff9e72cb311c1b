"""Sound that is missing: what to mix into a clip so that a second of it, or a band of that second, grows quieter.

The tables can only add, so the negative of what is to be lost is added. Exactly that much must be, whatever the clip's
level is. The protocol brings an event to an SNR by its level, but counts a level below `QUIET` as `QUIET`: of a file
weaker than that, the amount mixed in is in proportion to the file. So the file is made that weak, and the `snr_db` that
goes with it can be how much quieter the second gets, under which name the scores are then summed up.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from monitor.learn.protocol import EVENT, QUIET, RATE_HZ, Clip

LOSSES_DB = (6, 12, 24)
LONGEST = 16 * EVENT
"""Samples of a clip up to which every loss, though all of the clip's energy were lost with it, fits below `QUIET`."""
FADE = RATE_HZ // 50
"""Samples in which the loss comes, and in which it goes: 20 ms, lest it be a click that is noticed."""
LOWEST_HZ = 50.0
"""The band that goes missing has its centre above this."""

Doubles = NDArray[np.float64]


def less(clip: Clip, part: Doubles, start: int, loss_db: float) -> Clip:
    """The event `[EVENT]` that takes so much of a part of the clip away, from `start` on, if mixed in at `snr_db = loss_db`.

    `part` is `[n]` as the clip is, which has no more than `LONGEST` samples.
    """
    lost = (1 - 10 ** (-loss_db / 20)) * in_force() * part[start : start + EVENT]
    level = max(float(np.sqrt(np.mean(np.square(clip, dtype=np.float64)))), QUIET)
    event: Clip = (-lost * QUIET / (level * 10 ** (loss_db / 20))).astype(np.float32)
    return event


def in_force() -> Doubles:
    """How much of the loss there is at each sample of its second, `[EVENT]` in [0, 1]."""
    rise = np.sin(np.pi / 2 * (np.arange(FADE) + 0.5) / FADE) ** 2
    return np.concatenate([rise, np.ones(EVENT - 2 * FADE), rise[::-1]])


def band(clip: Clip, rng: Generator) -> Doubles:
    """Two octaves of a clip that is not silent, `[n]`, centred where it has sound: drawn in proportion to its spectrum."""
    spectrum = np.fft.rfft(clip.astype(np.float64))
    hz = np.fft.rfftfreq(len(clip), 1 / RATE_HZ)
    weight = np.abs(spectrum) * (hz > LOWEST_HZ)
    centre_hz = rng.choice(hz, p=weight / weight.sum())
    spectrum[(hz < centre_hz / 2) | (hz > centre_hz * 2)] = 0
    return np.fft.irfft(spectrum, len(clip))
