"""What is fitted on what: the sites or classes of a protocol's table, and which of them share a network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from monitor.errors import DiffmonError, SourceError
from monitor.learn.protocol import Row, read_rows


@dataclass(frozen=True, slots=True)
class Place:
    """A site or class: what its profile is fitted on, and what it judges."""

    name: str
    normal: list[Row]
    judged: list[Row]


System = list[Place]
"""The places that share one network."""
Divide = Callable[[Sequence[Row], Sequence[str]], list[System]]
"""Of a table's rows, for the names that are asked for."""


def systems(table: Path, only: Sequence[str], divide: Divide) -> list[System]:
    """The systems of a table. Raises DiffmonError if a name is unknown, or has nothing to train on or to judge."""
    rows = read_rows(table)
    known = dict.fromkeys(row.group for row in rows)
    for name in only:
        if name not in known:
            few = [*known][:5] + (["..."] if len(known) > 5 else [])
            raise DiffmonError(f"--only: {name!r} is not in {table}, expected one of {', '.join(few)}")
    found = divide(rows, [name for name in known if not only or name in only])
    for place in (place for system in found for place in system):
        if not (place.normal and place.judged):
            lacking = "judge" if place.normal else "train on"
            raise SourceError(f"{table}: {place.name!r} has no row to {lacking}, expected at least one")
    return found


def sites(rows: Sequence[Row], names: Sequence[str]) -> list[System]:
    """One system for all sites."""
    return [[Place(name, _training(rows, name), [r for r in rows if r.group == name and r.role != "train"]) for name in names]]


def classes(rows: Sequence[Row], names: Sequence[str]) -> list[System]:
    """A system for each class, which judges the test clips of all."""
    test = [row for row in rows if row.role == "test"]
    return [[Place(name, _training(rows, name), test)] for name in names]


def distinct(rows: Iterable[Row]) -> list[Row]:
    """Each row once, in the table's order."""
    return sorted(set(rows), key=attrgetter("number"))


def _training(rows: Sequence[Row], name: str) -> list[Row]:
    return [row for row in rows if row.group == name and row.role == "train"]
