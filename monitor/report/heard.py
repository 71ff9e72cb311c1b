"""An event of sound, closely: spectra one below the other, the clip, and what normal would have sounded like."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from models.representation.audio import AudioRepresentation
from models.resynthesis import sound
from monitor.compared import compared
from monitor.errors import SourceError
from monitor.evidence.image import strangest
from monitor.evidence.overlay import Pixels, rounded
from monitor.flac import encoded
from monitor.offline import Judging
from monitor.recording import Recording
from monitor.records import Box, Event, Items, Window
from monitor.report.closeup import Closeup, Picture, Sound
from monitor.report.timeline import seconds
from monitor.window import fill

_WINDOWS = 4
"""Of how many windows a closeup is at most: some eight seconds, so that a dozen make a file that can be sent by mail."""
_LEAD_S = 2.0
_MARKS_HZ = (300, 1000, 3000, 8000, 16000)
_FAINT_DB, _CLEAR_DB = -20.0, -3.0
"""What is nowhere louder than the first is played so that its loudest is at the second."""


def closeup(event: Event, recording: Recording, end: int, by: Judging) -> Closeup:
    """Of one event of a recording that was judged up to an index. Raises SourceError, OutOfMemoryError."""
    sense = by.opened.representation
    assert isinstance(sense, AudioRepresentation)  # noqa: S101 - chosen by the model's kind
    lead, after = sense.span((0, sense.shape[2]))
    step = after - lead
    beyond = sense.length - step
    """Items of a window that none of its columns shows, on both sides."""
    windows = min(_WINDOWS, max(1, (end - beyond) // step))
    length = windows * step + beyond
    begin = _begin(event, length, sense.rate_hz, last=max(0, end - length))
    items = _read(recording, by, begin, length)
    explained = by.engine.explain([Window(event.stream, begin + i, items[i : i + sense.length], 0) for i in range(0, windows * step, step)])
    found = compared(explained)
    shown = slice(lead, lead + windows * step)
    first = begin + lead
    pair, louder = sounds(items[shown], sound(found.normal, round(sense.rate_hz))[shown, None], round(sense.rate_hz))
    return Closeup(
        pictures=(
            Picture("what was heard", coloured(found.shown[0], found.level_span, "magma")),
            Picture("what normal would have been", coloured(found.normal[0], found.level_span, "magma")),
            Picture("where they differ", coloured(found.deviations, found.deviations_span, "inferno")),
        ),
        box=_box(event, sense, first, windows * step),
        upward=tuple(
            (f"{hz:g} Hz" if hz < 1000 else f"{hz / 1000:g} kHz", _share(hz, sense)) for hz in _MARKS_HZ if hz <= sense.rate_hz / 2
        ),
        along=seconds(first / sense.rate_hz, windows * step / sense.rate_hz),
        sounds=pair,
        seconds=windows * step / sense.rate_hz,
        notes=louder,
    )


def coloured(values: NDArray[np.float32], span: tuple[float, float], colours: str) -> Pixels:
    """Values `[H, W]`, lowest row first, as a picture whose lowest row is at the bottom."""
    from matplotlib import colormaps

    shares = (values[::-1] - span[0]) / max(span[1] - span[0], 1e-6)
    return rounded(255 * colormaps[colours](shares.clip(0, 1))[..., :3])


def _begin(event: Event, length: int, rate_hz: float, *, last: int) -> int:
    """Where a closeup of so many items begins: before the event, or where there is no room for all of it before its strangest part."""
    lead = round(_LEAD_S * rate_hz)
    fits = event.end_index - event.start_index + lead <= length
    begin = (event.start_index if fits else strangest(event.start_index, event.where, rate_hz)) - lead
    return min(max(begin, event.start_index - lead, 0), last)


def _read(recording: Recording, by: Judging, begin: int, length: int) -> Items:
    """Items `[length, 1]` of a recording, as it was judged. Raises SourceError."""
    rate_hz = by.reads.rate_hz
    if recording.short:
        return fill(by.reads.read(recording.path), length)
    items = by.reads.read(recording.path, start_s=begin / rate_hz, seconds=length / rate_hz)
    if len(items) < length:
        raise SourceError(f"{recording.path}: cannot be read again from {begin / rate_hz:.2f} s on")
    return items


def sounds(heard: Items, normal: Items, rate_hz: int) -> tuple[tuple[Sound, ...], tuple[str, ...]]:
    """Both, and what was done to them: as loud as each other, and loud enough to be heard."""
    peak_db = 20 * math.log10(max(float(np.abs(heard).max()), float(np.abs(normal).max()), 1e-6))
    gain_db = _CLEAR_DB - peak_db if peak_db < _FAINT_DB else 0.0
    gain = 10 ** (gain_db / 20)
    pair = (("what was heard", heard), ("what normal would have sounded like", normal))
    played = tuple(Sound(title, encoded((gain * items).clip(-1, 1), rate_hz)) for title, items in pair)
    return played, (f"Both are played {gain_db:.0f} dB louder than they were recorded.",) if gain_db else ()


def _box(event: Event, sense: AudioRepresentation, first: int, length: int) -> Box:
    """The event's seconds and band in the picture."""
    left, right = (min(max((index - first) / length, 0.0), 1.0) for index in (event.start_index, event.end_index))
    bottom, top = (_share(event.where[name], sense) for name in ("low_hz", "high_hz"))
    return left, 1 - top, right - left, top - bottom


def _share(hz: float, sense: AudioRepresentation) -> float:
    """How far up a frequency lies; every band is as high as the next."""
    return float(np.interp(hz, sense.edges_hz, np.linspace(0, 1, len(sense.edges_hz))))
