"""Values over time and frequency, as one panel of a picture, and an event marked in it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LOUDNESS = "dB (loudest: 0)"
DIFFERENCE = "times the usual difference"

_LINE: dict[str, Any] = {"edgecolor": "cyan", "linewidth": 1.5}


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
    axis.set_title(title, loc="left", fontsize=9)
    beside = {"ax": axis, "pad": 0.01} if bar is None else {"cax": bar}
    axis.figure.colorbar(mesh, label=unit, **beside)


def decibels(log_power: NDArray[Any], loudest: float) -> NDArray[Any]:
    """Natural logarithms of power, as dB of the loudest of them."""
    return 10 / math.log(10) * (log_power - loudest)


def frame(axis: Any, mark: Mark) -> None:
    """Draws the event's time and band."""
    from matplotlib.patches import Rectangle

    low = max(mark.low_hz, 41.0)
    axis.add_patch(Rectangle((mark.start_s, low), mark.end_s - mark.start_s, mark.high_hz - low, fill=False, **_LINE))


def label(axis: Any, mark: Mark) -> None:
    """Says above the panel what its frame is: words within would hide what is framed."""
    from matplotlib.patches import Rectangle

    sample = Rectangle((0, 0), 1, 1, facecolor="black", **_LINE)
    above = {"loc": "lower right", "bbox_to_anchor": (1, 1), "borderaxespad": 0.3, "borderpad": 0}
    axis.legend([sample], [mark.label], frameon=False, fontsize=9, handlelength=1.5, **above)
