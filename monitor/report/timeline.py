"""The course of a recording's score as lines to draw, in shares of a plot's width and height."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.present import clock
from monitor.report.chronicle import Section
from monitor.report.closeup import Ticks
from monitor.report.curve import Scale

_STEPS = 400
_MARKS = 5
_EVERY_S = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)


@dataclass(frozen=True, slots=True)
class Span:
    """Where an event lies."""

    id: str
    left: float
    width: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """Shares from the left and from the bottom."""

    curve: tuple[tuple[float, float], ...]
    level: float
    """Height of the alarm level."""
    spans: tuple[Span, ...]
    upward: Ticks
    along: Ticks


def timeline(section: Section, threshold: float) -> Timeline:
    """That of one file."""
    scale = Scale.of(threshold, section.curve.highest)
    edges, scores = section.curve.steps(_STEPS)
    shares = (edges / section.curve.end).tolist()
    heights = [scale.height(score) for score in scores.tolist()]
    corners = [(x, y) for x0, x1, y in zip(shares[:-1], shares[1:], heights, strict=True) for x, y in ((x0, y), (x1, y))]
    return Timeline(
        curve=tuple(corners),
        level=scale.height(threshold),
        spans=tuple(_span(event.id, event.start_index, event.end_index, section.curve.end) for event in section.events),
        upward=tuple((f"{score:g}", scale.height(score)) for score in scale.marks()),
        along=seconds(0.0, section.curve.end / section.recording.source.rate_hz),
    )


def seconds(begin_s: float, lasting_s: float) -> Ticks:
    """A few round times of a stretch of a recording."""
    every_s = next((each for each in _EVERY_S if lasting_s / each <= _MARKS), max(_EVERY_S[-1], lasting_s / _MARKS))
    first, last = -int(-begin_s // every_s), int((begin_s + lasting_s) // every_s)
    return tuple((clock(i * every_s).removesuffix(".0"), (i * every_s - begin_s) / lasting_s) for i in range(first, last + 1))


def _span(event: str, start: int, end: int, whole: int) -> Span:
    left, right = (min(index / whole, 1.0) for index in (start, end))
    return Span(event, left, right - left)
