"""Why a stretch of a recording is not normal, as a picture: what was heard, what normal would have been, where they differ."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from monitor.panel import Mark, frame, label, panel
from monitor.records import Explanation


def draw(out: Path, explanations: Sequence[Explanation], edges_hz: Sequence[float], seconds: float, mark: Mark, title: str) -> None:
    """Writes a PNG of consecutive windows: input, reconstruction (first plane) and heat map over the same axes.

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
    shown, normal = (np.concatenate([getattr(e, name)[0] for e in explanations], 1) for name in ("shown", "normal"))
    heat = np.concatenate([e.heat for e in explanations], 1)
    low, high = np.quantile(shown, [0.01, 0.995]).tolist()
    top = float(np.quantile(heat, 0.999))
    edges_s = np.linspace(0, seconds, shown.shape[1] + 1)
    power: dict[str, Any] = {"colours": "magma", "span": (low, high), "unit": "log power"}
    deviations: dict[str, Any] = {"colours": "inferno", "span": (0.0, top**0.5), "unit": "deviations"}
    panel(axes[0], edges_s, edges_hz, shown, title="what was heard", **power)
    panel(axes[1], edges_s, edges_hz, normal, title="what normal would have been (reconstruction)", **power)
    panel(axes[2], edges_s, edges_hz, np.sqrt(heat), title="where they differ", **deviations)
    for axis in axes:
        frame(axis, mark)
    label(axes[0], mark)
    axes[2].set_xlabel("seconds")
    figure.suptitle(title)
    figure.savefig(out)
