"""The report as one picture: the courses of the strangest files, and the strangest events below."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from io import BytesIO
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from monitor.present import clock, place
from monitor.records import Event
from monitor.report.basis import Basis
from monitor.report.chronicle import Chronicle, Section
from monitor.report.closeup import Closeup, Ticks
from monitor.report.timeline import timeline
from monitor.words import count, rarity

_FILES, _EVENTS = 4, 3
_CURVE, _ALARM, _EVENT = "#3b5bb5", "#c2310c", "#f6c9b8"


def poster(chronicle: Chronicle, basis: Basis, closeups: Mapping[str, Closeup]) -> bytes:
    """A PNG."""
    sections = sorted(chronicle.sections, key=lambda section: -section.curve.highest)[:_FILES]
    shown = [(s, e, closeups[e.id]) for s, e in chronicle.events if e.id in closeups and closeups[e.id].pictures][:_EVENTS]
    heights = [2.0] * max(1, len(sections)) + [2.6] * len(shown)
    figure = Figure(figsize=(11, sum(heights) + 0.6), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    rows = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    figure.suptitle(_title(chronicle, len(sections), len(shown)), fontsize=12)
    for row, section in zip(rows, sections, strict=False):
        _course(row.subplots(), section, basis)
    for row, (section, event, closeup) in zip(rows[len(heights) - len(shown) :], shown, strict=True):
        _event(row, section, event, closeup, basis)
    png = BytesIO()
    with warnings.catch_warnings():
        # What a font lacks of a file's name is drawn as a box.
        warnings.filterwarnings("ignore", "Glyph", UserWarning)
        figure.savefig(png, format="png")
    return png.getvalue()


def _title(chronicle: Chronicle, files: int, events: int) -> str:
    said = f"diffmon: {count(len(chronicle.events), 'event')} in {count(len(chronicle.sections), 'file')}"
    left_out = files < len(chronicle.sections) or events < len(chronicle.events)
    return said + f"; shown are the strangest, {count(events, 'event')} in {count(files, 'file')}" * left_out


def _course(axis: Any, section: Section, basis: Basis) -> None:
    drawn = timeline(section, basis.threshold)
    axis.plot(*zip(*drawn.curve, strict=True), color=_CURVE, linewidth=1)
    axis.axhline(drawn.level, color=_ALARM, linestyle="--", linewidth=1)
    axis.annotate(
        f"alarm level {basis.threshold:.1f}", (1, drawn.level), (-4, 3), textcoords="offset points", ha="right", color=_ALARM, fontsize=8
    )
    for span in drawn.spans:
        axis.axvspan(span.left, span.left + max(span.width, 0.002), color=_EVENT)
    axis.set(xlim=(0, 1), ylim=(0, 1), ylabel="score")
    _ticks(axis, drawn.along, drawn.upward)
    axis.set_title(
        f"{_plain(section.recording.path.name)}: {count(len(section.events), 'event')} in {clock(section.seconds)}", loc="left", fontsize=10
    )


def _event(row: Any, section: Section, event: Event, closeup: Closeup, basis: Basis) -> None:
    begin, end = (clock(section.at(index)) for index in (event.start_index, event.end_index))
    when = f"{_plain(section.recording.path.name)}, {begin} to {end}"
    how = f"score {event.peak_score:.1f}: {rarity(event.p_value, basis.normal)}"
    row.suptitle(f"{when}, {place(dict(event.where))}, {how}", fontsize=9)
    aspect = "auto" if closeup.upward else "equal"
    for axis, picture in zip(row.subplots(1, len(closeup.pictures)), closeup.pictures, strict=True):
        axis.imshow(picture.pixels, extent=(0, 1, 0, 1), aspect=aspect, interpolation="nearest")
        axis.set_title(picture.title, loc="left", fontsize=9)
        _ticks(axis, closeup.along, closeup.upward)
        if closeup.box is not None:
            left, top, width, height = closeup.box
            axis.add_patch(Rectangle((left, 1 - top - height), width, height, fill=False, edgecolor="cyan", linewidth=1.5))


def _ticks(axis: Any, along: Ticks, upward: Ticks) -> None:
    axis.set_xticks([share for _, share in along], [words for words, _ in along], fontsize=8)
    axis.set_yticks([share for _, share in upward], [words for words, _ in upward], fontsize=8)


def _plain(name: str) -> str:
    """A file's name without what matplotlib would take for a formula, or cannot draw."""
    return name.encode("utf-8", "backslashreplace").decode().replace("$", r"\$")
