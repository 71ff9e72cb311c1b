"""Why a stretch of a recording is not normal, as a picture: what was heard, what normal would have been, where they differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.engine import Explanation


@dataclass(frozen=True, slots=True)
class Mark:
    """An event to be marked, in the picture's own seconds."""

    start_s: float
    end_s: float
    low_hz: float
    high_hz: float
    label: str


def draw(out: Path, explanations: Sequence[Explanation], edges_hz: Sequence[float], seconds: float, mark: Mark, title: str) -> None:
    """Writes a PNG of consecutive windows: input, reconstruction and heat map over the same time and frequency axes.

    Args:
        out: file to write.
        explanations: of windows that follow on each other column by column.
        edges_hz: where the rows meet, one more than there are rows.
        seconds: that the windows last together.
        mark: the event.
        title: above the picture.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 7.5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(3, 1, sharex=True)
    shown, normal, heat = (np.concatenate([getattr(e, name) for e in explanations], 1) for name in ("shown", "normal", "heat"))
    low, high = np.quantile(shown, [0.01, 0.995]).tolist()
    top = float(np.quantile(heat, 0.999))
    edges_s = np.linspace(0, seconds, shown.shape[1] + 1)
    power: dict[str, Any] = {"colours": "magma", "span": (low, high), "unit": "log power"}
    deviations: dict[str, Any] = {"colours": "inferno", "span": (0.0, top**0.5), "unit": "deviations"}
    panel(axes[0], edges_s, edges_hz, shown, title="what was heard", **power)
    panel(axes[1], edges_s, edges_hz, normal, title="what normal would have been (reconstruction)", **power)
    panel(axes[2], edges_s, edges_hz, np.sqrt(heat), title="where they differ", **deviations)
    for axis in axes:
        _frame(axis, mark)
    _label(axes[0], mark)
    axes[2].set_xlabel("seconds")
    figure.suptitle(title)
    figure.savefig(out)


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


def _frame(axis: Any, mark: Mark) -> None:
    from matplotlib.patches import Rectangle

    low = max(mark.low_hz, 41.0)
    axis.add_patch(
        Rectangle((mark.start_s, low), mark.end_s - mark.start_s, mark.high_hz - low, fill=False, edgecolor="cyan", linewidth=1.5)
    )


def _label(axis: Any, mark: Mark) -> None:
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
