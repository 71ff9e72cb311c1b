"""How loud which band was when, of sound that comes piece by piece."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitor.records import Items

_FFT = 1024
HOP = 512
"""Items from one column to the next."""
_BANDS = 96
_FLOOR = 1e-12
_MOST_COLUMNS = 800  # about what the picture has room for


class Spectrogram:
    """Power in decibels of a band `[bands, columns]`; bands are evenly spaced in mel. Bounded by the sound it is given."""

    def __init__(self, rate_hz: float) -> None:
        self._rate_hz = rate_hz
        self._bins = band_bins(rate_hz)
        self._window = np.hanning(_FFT + 1)[:-1].astype(np.float32)
        self._rest = np.zeros(_FFT // 2, np.float32)  # so that the first column is centred on the first item
        self._columns: list[NDArray[np.float32]] = []

    @property
    def edges_hz(self) -> list[float]:
        """Where the bands meet, one more than there are bands."""
        inner = (self._bins[1:] - 0.5) * self._rate_hz / _FFT
        return [0.0, *inner.tolist(), self._rate_hz / 2]

    def add(self, items: Items) -> None:
        """Takes items `[n, 1]` in."""
        sound = np.concatenate([self._rest, items[:, 0]])
        count = max(0, (len(sound) - _FFT) // HOP + 1)
        if count:
            frames = np.lib.stride_tricks.sliding_window_view(sound, _FFT)[::HOP][:count]
            power = np.abs(np.fft.rfft(frames * self._window)) ** 2 / self._window.sum() ** 2
            widths = np.diff([*self._bins, power.shape[1]])
            self._columns.append((np.add.reduceat(power, self._bins, axis=1) / widths).T.astype(np.float32))
        self._rest = sound[count * HOP :]

    def decibels(self) -> NDArray[np.float32]:
        """`[bands, columns]`, at least one column; where there are too many to be seen, the loudest of several."""
        columns = np.concatenate([*self._columns, np.zeros((len(self._bins), 0 if self._columns else 1), np.float32)], 1)
        return _decibels(columns, step=-(-columns.shape[1] // _MOST_COLUMNS))

    def taken(self, step: int) -> NDArray[np.float32]:
        """Decibels `[bands, columns]` of what came since it was last asked, the loudest of every `step`; the rest waits for more."""
        columns = np.concatenate([*self._columns, np.zeros((len(self._bins), 0), np.float32)], 1)
        whole = columns.shape[1] // step * step
        self._columns = [columns[:, whole:]]
        return _decibels(columns[:, :whole], step)


def _decibels(columns: NDArray[np.float32], step: int) -> NDArray[np.float32]:
    """The loudest of every `step` columns."""
    loudest = np.maximum.reduceat(columns, np.arange(0, columns.shape[1], step), axis=1) if columns.size else columns
    decibels: NDArray[np.float32] = 10 * np.log10(np.maximum(loudest, _FLOOR))
    return decibels


def band_bins(rate_hz: float) -> NDArray[np.intp]:
    """First bin of each band, all different; low bands are no narrower than a bin."""
    mel = np.linspace(0, 2595 * np.log10(1 + rate_hz / 2 / 700), _BANDS + 1)[:-1]
    hz = 700 * (10 ** (mel / 2595) - 1)
    return np.unique(np.round(hz / rate_hz * _FFT).astype(np.intp))
