"""The label of an event in a picture."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from monitor.panel import Mark, frame, label, panel

TOP_HZ = 8000.0


@pytest.mark.parametrize(
    ("low_hz", "high_hz", "where"), [(302.0, 487.0, "above"), (4200.0, TOP_HZ, "below"), (20.0, 90.0, "above"), (20.0, TOP_HZ, "inside")]
)
def test_a_label_hides_nothing_of_its_event(low_hz: float, high_hz: float, where: str) -> None:
    """It stands above the frame, below one that reaches the top, and inside only one that leaves no room; always in the panel."""
    figure = Figure(figsize=(8, 3), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axis, mark = figure.subplots(), Mark(3.0, 6.0, low_hz, high_hz, "event, score 116")
    edges_hz = np.geomspace(30, TOP_HZ, 33).tolist()
    panel(axis, np.linspace(0, 10, 11), edges_hz, np.zeros((32, 10)), title="", colours="magma", span=(0, 1), unit="dB")
    frame(axis, mark)
    label(axis, mark)
    canvas.draw()
    words, box = (each.get_window_extent(canvas.get_renderer()) for each in (axis.texts[0], axis.patches[0]))
    found = "above" if words.y0 >= box.y1 else "below" if words.y1 <= box.y0 else "inside"
    assert where == found
    assert axis.bbox.y0 <= words.y0 < words.y1 <= axis.bbox.y1
