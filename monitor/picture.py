"""Why a stretch of a recording is not normal, as a picture: what was heard, what normal would have been, where they differ."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from monitor.compared import compared
from monitor.panel import DIFFERENCE, LOUDNESS, Mark, decibels, frame, label, panel
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
    found = compared(explanations)
    edges_s = np.linspace(0, seconds, found.deviations.shape[1] + 1)
    loudest = float(found.shown[0].max())
    shown, normal, (low, high) = (decibels(np.asarray(each), loudest) for each in (found.shown[0], found.normal[0], found.level_span))
    power: dict[str, Any] = {"colours": "magma", "span": (low, high), "unit": LOUDNESS}
    differ: dict[str, Any] = {"colours": "inferno", "span": found.deviations_span, "unit": DIFFERENCE}
    panel(axes[0], edges_s, edges_hz, shown, title="what was heard", **power)
    panel(axes[1], edges_s, edges_hz, normal, title="what normal would have been (reconstruction)", **power)
    panel(axes[2], edges_s, edges_hz, found.deviations, title="where they differ", **differ)
    for axis in axes:
        frame(axis, mark)
    label(axes[0], mark)
    axes[2].set_xlabel("seconds")
    figure.suptitle(title)
    figure.savefig(out)
