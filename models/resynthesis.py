"""Sound again from planes of sound: what a reconstruction would be to the ear.

The planes do not hold the phase, and of the fine frames in a cell only mean and deviation. So the fine frames are drawn anew (a cell
of noise is speckle, and smooth it would not sound like noise), mel bands are spread over bins by least squares, and the phase is found
by Griffin and Lim (1984), *Signal estimation from modified short-time Fourier transform*.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchaudio.functional import griffinlim
from torchaudio.transforms import InverseMelScale

from models.representation.audio import CELL, FFT, FRAME, TEXTURE_FLOOR

_ROUNDS = 32


def sound(planes: NDArray[np.float32], rate_hz: int, *, seed: int = 0) -> NDArray[np.float32]:
    """Mono sound `[n]` whose planes are about these `[3, bands, columns]`; the same seed gives the same sound."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        power = fine(torch.from_numpy(planes)).exp()
        bins: Tensor = InverseMelScale(FFT // 2 + 1, len(power), rate_hz, norm="slaney", mel_scale="slaney", driver="gelsd")(power)
        window = torch.hann_window(FFT)
        # With frames about their middles; the first one of a window begins with it, so its middle is half a frame in.
        wave: Tensor = griffinlim(bins, window, FFT, FRAME, FFT, power=2.0, n_iter=_ROUNDS, momentum=0.99, length=None, rand_init=True)
    return np.pad(wave.numpy(), FFT // 2)


def fine(planes: Tensor) -> Tensor:
    """Log-mel of fine frames `[bands, frames]`, drawn about the means of planes `[3, bands, columns]` with their deviations."""
    mean, deviation = planes[0], (planes[1].exp() - TEXTURE_FLOOR).clamp_min(0)
    mean, deviation = (each.repeat_interleave(CELL, 1) for each in (mean, deviation))
    return mean + deviation * torch.randn(mean.shape)
