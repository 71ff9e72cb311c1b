"""The camera demo's picture: one frame of the video, what normal would have been, and where they differ."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from monitor.config import Config
from monitor.demo.conveyor import SIDE
from monitor.engine import pick_device
from monitor.evidence.image import in_item, strangest
from monitor.evidence.overlay import overlay, reconstruction
from monitor.opened import engines, medium, opened_streams
from monitor.records import Window

_TITLES = ("what was seen", "what normal would have been (reconstruction)", "where they differ")


def draw_event(out: Path, recording: Path, config: Config, event: Mapping[str, Any], title: str) -> None:
    """Writes the picture of one event of a video."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    stream = config.stream[0]
    opened = opened_streams(config)
    sense = opened[stream.name].representation
    index = strangest(event["start_index"], event["where"], sense.rate_hz)
    block = medium(stream.kind, sense).read(recording, start_s=index / sense.rate_hz, seconds=1 / sense.rate_hz)
    found = engines(opened, pick_device("cpu"))[stream.name].explain([Window(stream.name, index, block, 0)])[0]
    figure = Figure(figsize=(12, 4.4), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    shown = (block[0], reconstruction(block[0], found), overlay(block[0], found.heat, in_item(event["where"], (0, 0, SIDE, SIDE), block)))
    for axis, picture, heading in zip(figure.subplots(1, 3), shown, _TITLES, strict=True):
        axis.imshow(np.asarray(picture), interpolation="nearest")
        axis.set_title(heading, loc="left", fontsize=10)
        axis.set_axis_off()
    figure.suptitle(f"{title}, score {event['peak_score']:.0f}")
    figure.savefig(out)
