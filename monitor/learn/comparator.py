"""The classical detector beside which ours is printed: how far a second's log-mel statistics lie from normal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.errors import DiffmonError, SourceError
from monitor.learn.protocol import RATE_HZ, Clip

BANDS = 64
FRAME = 1024
HOP = 250
"""Samples between frames: 64 frames a second."""
LOWEST_HZ = 30.0
SECOND = 64
"""Frames of one judged second; the next begins half a second later."""
SHORTEST = 4 * RATE_HZ
"""Samples to which a shorter clip is padded with silence."""
POWER_FLOOR = 1e-6
"""Added to the mel power before the logarithm."""
SPREAD_FLOOR = 0.05
"""Added to the deviation of each statistic, so that one that hardly varies does not rule the distance."""

Statistics = NDArray[np.float64]
"""`[seconds, 128]`: mean, then deviation, of each log-mel band in half-overlapping seconds."""


def statistics(clip: Clip) -> Statistics:
    """Means and deviations of 64 log-mel bands over half-overlapping seconds of a clip `[n]`."""
    import librosa

    clip = np.pad(clip, (0, max(0, SHORTEST - len(clip))))
    mel = librosa.feature.melspectrogram(y=clip, sr=RATE_HZ, n_fft=FRAME, hop_length=HOP, n_mels=BANDS, fmin=LOWEST_HZ)
    log_mel = np.log(mel + POWER_FLOOR)
    seconds = np.lib.stride_tricks.sliding_window_view(log_mel, SECOND, axis=1)[:, :: SECOND // 2]  # [bands, seconds, frames]
    return np.concatenate([seconds.mean(-1), seconds.std(-1)]).T.astype(np.float64)


class LogMelMahalanobis:
    """Mahalanobis distance, with Ledoit and Wolf's shrunken covariance, of a clip's seconds from the normal ones."""

    def __init__(self, mean: NDArray[np.float64], spread: NDArray[np.float64], covariance: Any) -> None:
        self._mean = mean
        self._spread = spread
        self._covariance = covariance

    @classmethod
    def fit(cls, clips: Sequence[Statistics]) -> LogMelMahalanobis:
        """The detector that takes these clips as normal. Raises SourceError without clips, DiffmonError without scikit-learn."""
        if not clips:
            raise SourceError("no training clip for the log-mel comparator, expected at least one")
        try:
            from sklearn.covariance import LedoitWolf
        except ImportError:
            raise DiffmonError("scikit-learn is missing: pip install 'diffmon[bench]'") from None
        normal = np.concatenate(clips)
        mean, spread = normal.mean(0), normal.std(0) + SPREAD_FLOOR
        return cls(mean, spread, LedoitWolf().fit((normal - mean) / spread))

    def distances(self, clip: Statistics) -> NDArray[np.float64]:
        """Squared distance `[seconds]` of each half-overlapping second of a clip; larger is stranger."""
        squared: NDArray[np.float64] = self._covariance.mahalanobis((clip - self._mean) / self._spread)
        return squared
