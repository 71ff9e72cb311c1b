"""The picture of an event: what was heard, over seconds and Hz, the event marked."""

from __future__ import annotations

from datetime import datetime
from io import BytesIO

import numpy as np

from monitor.evidence.spectrogram import Spectrogram
from monitor.panel import Mark, frame, label, panel
from monitor.records import Event

_SPAN_DB = 30.0, 80.0  # at least, so that noise is no pattern; at most, so that a gap does not take all the colours
_FAINT_DB = -90.0  # silence is dark


def draw(spectrogram: Spectrogram, seconds: float, event: Event, start_s: float) -> bytes:
    """A PNG. One thread draws at a time.

    Args:
        spectrogram: of the clip.
        seconds: that it lasts.
        event: the last that was told of it.
        start_s: where in the clip the event begins.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.4), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    values = spectrogram.decibels()
    low, high = np.quantile(values, [0.05, 0.999]).tolist()
    high = max(high, _FAINT_DB)
    edges_s = np.linspace(0, seconds, values.shape[1] + 1)
    panel(
        axis,
        edges_s,
        spectrogram.edges_hz,
        values,
        title=_title(event),
        colours="magma",
        span=(high - min(max(high - low, _SPAN_DB[0]), _SPAN_DB[1]), high),
        unit="dB",
    )
    axis.set_xlim(0, seconds)
    axis.set_xlabel("seconds")
    mark = _mark(event, start_s, seconds, spectrogram.edges_hz[-1])
    frame(axis, mark)
    label(axis, mark)
    png = BytesIO()
    figure.savefig(png, format="png")
    return png.getvalue()


def _title(event: Event) -> str:
    began = datetime.fromisoformat(event.start)
    return f"{event.stream} · {began:%Y-%m-%d %H:%M:%S %z} · score {event.peak_score:.1f}"


def _mark(event: Event, start_s: float, seconds: float, top_hz: float) -> Mark:
    end_s = min(start_s + event.end_unix - event.start_unix, seconds)
    return Mark(start_s, end_s, event.where.get("low_hz", 0.0), event.where.get("high_hz", top_hz), "event")
