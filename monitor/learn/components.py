"""The classical detector beside which ours is printed for pictures: what principal components of normal pictures leave over."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.errors import DiffmonError

SIDE = 128
"""Of the pictures, as it looks at them."""
COMPONENTS = 64
SMOOTHING = 2.0
"""Deviation of the Gaussian that smooths squared errors (pixels)."""
SPREAD_FLOOR = 1e-4
"""Added to the deviation at each place."""

Pictures = NDArray[np.uint8]
Maps = NDArray[np.float32]


class PositionalComponents:
    """Squared error of a reconstruction from 64 principal components, as z-scores of each place on normal.

    Pictures are `[n, 128, 128, 3]` uint8. Raises DiffmonError without scikit-learn and SciPy.
    """

    def __init__(self, normal: Pictures, *, seed: int = 0) -> None:
        try:
            import scipy.ndimage  # noqa: F401
            from sklearn.decomposition import PCA
        except ImportError as error:
            raise DiffmonError(f"{error.name} is missing: pip install 'diffmon[bench]'") from None
        flat = _flat(normal)
        self._components: Any = PCA(min(COMPONENTS, max(1, len(flat) // 2)), svd_solver="randomized", random_state=seed).fit(flat)
        errors = self._errors(normal)
        self._mean, self._spread = errors.mean(0), errors.std(0) + SPREAD_FLOOR

    def maps(self, pictures: Pictures) -> Maps:
        """How strange each place is, `[n, 128, 128]`."""
        strange: Maps = (self._errors(pictures) - self._mean) / self._spread
        return strange

    def _errors(self, pictures: Pictures) -> Maps:
        from scipy.ndimage import gaussian_filter

        flat = _flat(pictures)
        left = flat - self._components.inverse_transform(self._components.transform(flat))
        squared = np.square(left).reshape(pictures.shape).mean(-1)
        return np.stack([gaussian_filter(each, SMOOTHING) for each in squared]).astype(np.float32)


def _flat(pictures: Pictures) -> Maps:
    flat: Maps = pictures.reshape(len(pictures), -1).astype(np.float32) / np.float32(255)
    return flat
