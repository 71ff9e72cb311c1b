"""Panels of a picture: what their colours mean, and where their words stand."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from monitor.panel import LOUDNESS, Mark, decibels, frame, label, panel


def test_natural_logarithms_are_told_in_decibels() -> None:
    """The loudest is at 0, a tenth of its power 10 dB below."""
    assert [0, -10, -20] == pytest.approx(decibels(np.log([5, 0.5, 0.05]), float(np.log(5))))


def test_words_hide_nothing_of_what_is_framed() -> None:
    """The label stands above the panel and beside its title, however high the band lies and however long the stream's name is."""
    figure = Figure(figsize=(8, 3.4), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axis = figure.subplots()
    title = f"{'a' * 32} · 2026-01-02 03:04:05 +0000 · score 123.4"
    panel(axis, np.linspace(0, 8, 9), [40, 400, 8000], np.zeros((2, 8)), title=title, colours="magma", span=(-40, 0), unit=LOUDNESS)
    mark = Mark(0.0, 8.0, 40.0, 8000.0, "event")
    frame(axis, mark)
    label(axis, mark)
    canvas.draw()
    words = axis.get_legend().get_window_extent()
    assert words.y0 >= axis.get_window_extent().y1
    assert words.x0 > axis._left_title.get_window_extent().x1
