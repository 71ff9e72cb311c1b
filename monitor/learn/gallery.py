"""The image protocol: the rows of its table, and what a camera sees for each row.

`images.csv` has a row a picture: a category's `train` rows are normal, and of its `test` rows those with another label than `good` are
anomalous; some of these have a mask that says where. Files are named relative to the folder in which the table lies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from monitor.errors import DiffmonError, SourceError
from monitor.learn.table import Line, read_table

TABLE = "images.csv"
NORMAL = "good"

_COLUMNS = ("category", "split", "label", "file", "mask")
_SPLITS: tuple[Literal["train", "test"], ...] = ("train", "test")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table."""

    number: int
    """Position in the table, from 0: the name under which the row is scored."""
    category: str
    split: Literal["train", "test"]
    label: str
    file: str
    mask: str
    """Where the anomaly is; empty if nobody says."""

    @property
    def anomalous(self) -> bool:
        """Whether it is to score high."""
        return self.label != NORMAL

    @property
    def mapped(self) -> bool:
        """Whether it is known of every pixel what it is."""
        return bool(self.mask) or not self.anomalous


@dataclass(frozen=True, slots=True)
class Category:
    """What one network learns, and judges."""

    name: str
    normal: list[Row]
    judged: list[Row]


def categories(data: Path, only: Sequence[str]) -> list[Category]:
    """The categories of a table that are asked for, all if none. Raises DiffmonError if one is unknown or lacks rows."""
    table = data / TABLE
    rows = read_table(table, {_COLUMNS: _row})
    known = [*dict.fromkeys(row.category for row in rows)]
    for name in only:
        if name not in known:
            raise DiffmonError(f"--only: {name!r} is not in {table}, expected one of {', '.join(known)}")
    return [_category(table, name, [row for row in rows if row.category == name]) for name in known if not only or name in only]


def _category(table: Path, name: str, rows: Sequence[Row]) -> Category:
    found = Category(name, [r for r in rows if r.split == "train"], [r for r in rows if r.split == "test"])
    lacking = {
        "to train on": found.normal,
        "to judge that is normal": [r for r in found.judged if not r.anomalous],
        "to judge that is anomalous": [r for r in found.judged if r.anomalous],
    }
    for what, there in lacking.items():
        if not there:
            raise SourceError(f"{table}: {name!r} has no row {what}, expected at least one")
    return found


def _row(number: int, line: Line) -> Row:
    split, label = line.one_of("split", _SPLITS), line.text("label")
    if split == "train" and label != NORMAL:
        raise line.fault("label", f"{NORMAL!r}, as it must be where split is train")
    return Row(number, line.text("category"), split, label, line.text("file"), line.values["mask"] or "")
