"""The demo's picture: the stretch of the recording around one event."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.representation.audio import AudioRepresentation
from monitor.config import Config
from monitor.engine import pick_device
from monitor.opened import engines, opened_streams
from monitor.panel import Mark
from monitor.picture import draw
from monitor.records import Window
from monitor.source.sound import SoundFiles

_WINDOWS = 4
_LEAD_S = 2.5


def draw_event(out: Path, recording: Path, config: Config, event: Mapping[str, Any], title: str) -> None:
    """Writes the picture of one event of a recording, the event marked."""
    name = config.stream[0].name
    opened = opened_streams(config)
    engine = engines(opened, pick_device("cpu"))[name]
    sense = opened[name].representation
    assert isinstance(sense, AudioRepresentation)  # noqa: S101 - the demo is about sound
    first, after = sense.span((0, sense.shape[2]))
    step = after - first
    begin_s = max(0.0, event["start_index"] / sense.rate_hz - _LEAD_S)
    seconds = ((_WINDOWS - 1) * step + sense.length) / sense.rate_hz
    items = SoundFiles(round(sense.rate_hz)).read(recording, start_s=begin_s, seconds=seconds)
    windows = [Window(name, i * step, items[i * step : i * step + sense.length], 0) for i in range(_WINDOWS)]
    where = event["where"]
    offset_s = event["start_index"] / sense.rate_hz - begin_s - first / sense.rate_hz
    mark = Mark(
        offset_s,
        offset_s + (event["end_index"] - event["start_index"]) / sense.rate_hz,
        where["low_hz"],
        where["high_hz"],
        f"event, score {event['peak_score']:.0f}",
    )
    draw(out, engine.explain(windows), sense.edges_hz, _WINDOWS * step / sense.rate_hz, mark, title)
