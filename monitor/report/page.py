"""The report as one HTML file that needs nothing else: no network, no other file."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Container, Mapping
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from monitor import __version__
from monitor.evidence.overlay import png
from monitor.present import clock, place
from monitor.records import Event
from monitor.report.basis import Basis
from monitor.report.chronicle import Chronicle, Section
from monitor.report.closeup import Closeup
from monitor.report.timeline import Timeline, timeline
from monitor.words import alarms, count, lasting, rarity

_LISTED = 500
"""Events that the tables list, the strangest of all files."""
_DRAWN = 50
"""Files that are shown with their course, those with the highest scores; the others are listed alone."""


@dataclass(frozen=True, slots=True)
class Row:
    """One event in words."""

    id: str
    number: int
    """Within its file, in order of time."""
    begin: str
    end: str
    lasting: str
    where: str
    rarity: str
    score: str
    closeup: Closeup | None
    """None where there was no room for it."""


@dataclass(frozen=True, slots=True)
class Part:
    """One file in words."""

    anchor: str
    name: str
    path: str
    lasting: str
    short: bool
    highest: str
    highest_at: str
    events: int
    timeline: Timeline | None
    """None where there is no room for it."""
    rows: list[Row]
    """The events that are listed."""

    @property
    def closeups(self) -> list[Row]:
        """The events that are shown in full."""
        return [row for row in self.rows if row.closeup is not None]

    @property
    def numbers(self) -> Mapping[str, int]:
        """The numbers of those, by id."""
        return {row.id: row.number for row in self.closeups}


def page(chronicle: Chronicle, basis: Basis, closeups: Mapping[str, Closeup]) -> str:
    """The whole file."""
    listed = frozenset(event.id for _, event in chronicle.events[:_LISTED])
    drawn = sorted(chronicle.sections, key=lambda section: -section.curve.highest)[:_DRAWN]
    parts = [
        _part(f"file-{number}", section, basis, closeups, listed if section in drawn else None)
        for number, section in enumerate(chronicle.sections, 1)
    ]
    return _template().render(
        version=__version__,
        basis=basis,
        parts=parts,
        refused=chronicle.refused,
        events=len(chronicle.events),
        seconds=sum(section.seconds for section in chronicle.sections),
        shown=len(closeups),
    )


def _template() -> Template:
    environment = Environment(loader=PackageLoader("monitor.report", ""), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.lstrip_blocks = True
    environment.filters |= {
        "png": lambda pixels: _data("image/png", png(pixels)),
        "flac": lambda sound: _data("audio/flac", sound),
        "percent": lambda share: f"{100 * share:.2f}%",
        "points": lambda corners: " ".join(f"{1000 * x:.1f},{100 * (1 - y):.1f}" for x, y in corners),
        "count": count,
        "lasting": lasting,
        "alarms": alarms,
    }
    return environment.get_template("report.html")


def _part(anchor: str, section: Section, basis: Basis, closeups: Mapping[str, Closeup], listed: Container[str] | None) -> Part:
    """One file, with those of its events that are listed; without its course and any event, if nothing is."""
    path, worst = section.recording.path, section.curve.worst
    return Part(
        anchor=anchor,
        name=path.name,
        path=str(path),
        lasting=clock(section.seconds),
        short=section.recording.short,
        highest=f"{section.curve.highest:.1f}",
        highest_at="" if worst is None else clock(section.at(worst.span[0])),
        events=len(section.events),
        timeline=None if listed is None else timeline(section, basis.threshold),
        rows=[
            _row(number, event, section, basis, closeups.get(event.id))
            for number, event in enumerate(section.events, 1)
            if listed is not None and event.id in listed
        ],
    )


def _row(number: int, event: Event, section: Section, basis: Basis, closeup: Closeup | None) -> Row:
    begin_s, end_s = section.at(event.start_index), section.at(event.end_index)
    return Row(
        id=event.id,
        number=number,
        begin=clock(begin_s),
        end=clock(end_s),
        lasting=f"{end_s - begin_s:.1f} s",
        where=place(dict(event.where)),
        rarity=rarity(event.p_value, basis.normal),
        score=f"{event.peak_score:.1f}",
        closeup=closeup,
    )


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{b64encode(content).decode()}"
