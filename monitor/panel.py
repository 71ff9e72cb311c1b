"""Values over time and frequency, as one panel of a picture, and an event marked in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Mark:
    """An event to be marked, in the picture's own seconds."""

    start_s: float
    end_s: float
    low_hz: float
    high_hz: float
    label: str


def panel(
    axis: Any,
    edges_s: NDArray[Any],
    edges_hz: Sequence[float],
    values: NDArray[Any],
    *,
    title: str,
    colours: str,
    span: tuple[float, float],
    unit: str,
    bar: Any = None,
) -> None:
    """Draws values `[H, W]` over seconds and Hz, the colours explained in axes of their own or, if there are none, beside it."""
    mesh = axis.pcolormesh(edges_s, np.maximum(edges_hz, 20.0), values, cmap=colours, vmin=span[0], vmax=span[1], rasterized=True)
    axis.set_yscale("log")
    axis.set_ylim(40, edges_hz[-1])
    axis.set_yticks([100, 300, 1000, 3000, 8000], ["100", "300", "1k", "3k", "8k"])
    axis.minorticks_off()
    axis.set_ylabel("Hz")
    axis.set_title(title, loc="left", fontsize=10)
    beside = {"ax": axis, "pad": 0.01} if bar is None else {"cax": bar}
    axis.figure.colorbar(mesh, label=unit, **beside)


def frame(axis: Any, mark: Mark) -> None:
    """Draws the event's time and band."""
    from matplotlib.patches import Rectangle

    low = max(mark.low_hz, 41.0)
    axis.add_patch(
        Rectangle((mark.start_s, low), mark.end_s - mark.start_s, mark.high_hz - low, fill=False, edgecolor="cyan", linewidth=1.5)
    )


def label(axis: Any, mark: Mark) -> None:
    """The event's label, inside its frame so that it is seen wherever the band lies."""
    axis.annotate(
        mark.label,
        (mark.start_s, mark.high_hz),
        (4, -13),
        textcoords="offset points",
        color="white",
        fontsize=8,
        bbox={"facecolor": "black", "alpha": 0.6, "pad": 1.5, "linewidth": 0},
    )
