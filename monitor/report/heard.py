"""An event of sound, closely: spectra one below the other, the clip, and what normal would have sounded like."""

from __future__ import annotations

import math
from dataclasses import dataclass

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
"""Of how many windows a closeup is at most: some eight seconds, so that several go into a file that can be sent by mail."""
_LEAD_S = 2.0
_MARKS_HZ = (300, 1000, 3000, 8000, 16000)
_FAINT_DB, _CLEAR_DB = -20.0, -3.0
"""What is nowhere louder than the first is played so that its loudest is at the second."""


@dataclass(frozen=True, slots=True)
class _Stretch:
    """The items that a closeup is of: windows whose columns follow on each other."""

    begin: int
    """Absolute index of the first item of the first window."""
    starts: range
    """Where the windows start, from there."""
    lead: int
    """Items of a window before the first that its columns show."""
    length: int
    """Items of all windows together."""

    @property
    def shown(self) -> slice:
        """Which of the items the columns show."""
        return slice(self.lead, self.lead + self.starts.stop)

    @property
    def first(self) -> int:
        """Absolute index of the first of those."""
        return self.begin + self.lead


def closeup(event: Event, recording: Recording, end: int, by: Judging) -> Closeup:
    """Of one event of a recording that was judged up to an index. Raises SourceError, OutOfMemoryError."""
    sense = by.opened.representation
    assert isinstance(sense, AudioRepresentation)  # noqa: S101 - chosen by the model's kind
    rate_hz = round(sense.rate_hz)
    stretch = _stretch(event, end, sense)
    items = _read(recording, by, stretch)
    explained = by.engine.explain([Window(event.stream, stretch.begin + i, items[i : i + sense.length], 0) for i in stretch.starts])
    found = compared(explained)
    pair, louder = sounds(items[stretch.shown], sound(found.normal, rate_hz)[stretch.shown, None], rate_hz)
    return Closeup(
        pictures=(
            Picture("what was heard", coloured(found.shown[0], found.level_span, "magma")),
            Picture("what normal would have been", coloured(found.normal[0], found.level_span, "magma")),
            Picture("where they differ", coloured(found.deviations, found.deviations_span, "inferno")),
        ),
        box=_box(event, sense, stretch),
        upward=tuple((_hertz(hz), _share(hz, sense)) for hz in _MARKS_HZ if hz <= rate_hz / 2),
        along=seconds(stretch.first / rate_hz, stretch.starts.stop / rate_hz),
        sounds=pair,
        notes=(*_cut(event, stretch, rate_hz), *louder),
    )


def coloured(values: NDArray[np.float32], span: tuple[float, float], colours: str) -> Pixels:
    """Values `[H, W]`, lowest row first, as a picture whose lowest row is at the bottom."""
    from matplotlib import colormaps

    shares = (values[::-1] - span[0]) / max(span[1] - span[0], 1e-6)
    return rounded(255 * colormaps[colours](shares.clip(0, 1))[..., :3])


def _stretch(event: Event, end: int, sense: AudioRepresentation) -> _Stretch:
    """Before the event on, or where there is no room for all of it from before its strangest part; within what was judged."""
    first, after = sense.span((0, sense.shape[2]))
    step = after - first
    windows = min(_WINDOWS, max(1, (end - sense.length) // step + 1))
    length = sense.length + (windows - 1) * step
    lead = round(_LEAD_S * sense.rate_hz)
    fits = event.end_index - event.start_index + lead <= length
    begin = (event.start_index if fits else strangest(event.start_index, event.where, sense.rate_hz)) - lead
    return _Stretch(min(max(begin, 0), max(0, end - length)), range(0, windows * step, step), first, length)


def _read(recording: Recording, by: Judging, stretch: _Stretch) -> Items:
    """The items `[length, 1]` of a recording, as it was judged. Raises SourceError."""
    rate_hz = by.reads.rate_hz
    if recording.short:
        return fill(by.reads.read(recording.path), stretch.length)
    items = by.reads.read(recording.path, start_s=stretch.begin / rate_hz, seconds=stretch.length / rate_hz)
    if len(items) < stretch.length:
        raise SourceError(f"{recording.path}: cannot be read again from {stretch.begin / rate_hz:.2f} s on")
    return items


def _cut(event: Event, stretch: _Stretch, rate_hz: int) -> tuple[str, ...]:
    """That there is more of the event than is shown, if there is."""
    longer = event.end_index - event.start_index > stretch.starts.stop
    return (f"The event lasts longer than these {stretch.starts.stop / rate_hz:.0f} s about its strangest part.",) * longer


def sounds(heard: Items, normal: Items, rate_hz: int) -> tuple[tuple[Sound, ...], tuple[str, ...]]:
    """Both, and what was done to them: as loud as each other, and loud enough to be heard."""
    peak_db = 20 * math.log10(max(float(np.abs(heard).max()), float(np.abs(normal).max()), 1e-6))
    gain_db = _CLEAR_DB - peak_db if peak_db < _FAINT_DB else 0.0
    gain = 10 ** (gain_db / 20)
    pair = (("what was heard", heard), ("what normal would have sounded like", normal))
    played = tuple(Sound(title, encoded((gain * items).clip(-1, 1), rate_hz)) for title, items in pair)
    return played, (f"Both are played {gain_db:.0f} dB louder than they were recorded.",) if gain_db else ()


def _box(event: Event, sense: AudioRepresentation, stretch: _Stretch) -> Box:
    """The event's seconds and band in the picture."""
    left, right = (min(max((index - stretch.first) / stretch.starts.stop, 0.0), 1.0) for index in (event.start_index, event.end_index))
    bottom, top = (_share(event.where[name], sense) for name in ("low_hz", "high_hz"))
    return left, 1 - top, right - left, top - bottom


def _share(hz: float, sense: AudioRepresentation) -> float:
    """How far up a frequency lies; every band is as high as the next."""
    return float(np.interp(hz, sense.edges_hz, np.linspace(0, 1, len(sense.edges_hz))))


def _hertz(hz: float) -> str:
    return f"{hz:g} Hz" if hz < 1000 else f"{hz / 1000:g} kHz"
