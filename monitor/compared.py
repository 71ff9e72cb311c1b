"""Explanations of consecutive windows as three pictures of one stretch: what was there, what normal would have been, where they differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.records import Explanation


@dataclass(frozen=True, slots=True)
class Compared:
    """Planes `[C, H, W]` side by side, and the spans of value that colours are to show."""

    shown: NDArray[np.float32]
    normal: NDArray[np.float32]
    deviations: NDArray[np.float32]
    """`[H, W]`, from 0 on."""
    level_span: tuple[float, float]
    """Of the first plane."""
    deviations_span: tuple[float, float]


def compared(explanations: Sequence[Explanation]) -> Compared:
    """The pictures of windows that follow on each other column by column."""
    shown, normal = (np.concatenate([getattr(e, name) for e in explanations], 2) for name in ("shown", "normal"))
    heat = np.concatenate([e.heat for e in explanations], 1)
    low, high = np.quantile(shown[0], [0.01, 0.995]).tolist()
    return Compared(shown, normal, np.sqrt(heat), (low, high), (0.0, float(np.quantile(heat, 0.999)) ** 0.5))
