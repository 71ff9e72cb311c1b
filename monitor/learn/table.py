"""Tables of protocols: CSV whose every value is checked as it is taken out, and named if it is wrong."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from monitor.errors import SourceError

T = TypeVar("T")
W = TypeVar("W", bound=str)


@dataclass(frozen=True, slots=True)
class Line:
    """One line's values."""

    where: str
    values: dict[str, str]

    def fault(self, column: str, expected: str) -> SourceError:
        """The error to raise for a value that is not as expected."""
        return SourceError(f"{self.where}, column {column}: {self.values[column] or ''!r} is not {expected}")

    def text(self, column: str) -> str:
        """A value that must be there. Raises SourceError."""
        value = self.values[column]
        if not value:
            raise SourceError(f"{self.where}, column {column}: no value")
        return value

    def number(self, column: str) -> float:
        """A finite number. Raises SourceError."""
        text = self.text(column)
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self.fault(column, "a number")
        return value

    def one_of(self, column: str, words: Sequence[W]) -> W:
        """One of a few words. Raises SourceError."""
        text = self.text(column)
        for word in words:
            if word == text:
                return word
        raise self.fault(column, f"one of {', '.join(words)}")


def read_table(csv_path: str | Path, forms: Mapping[tuple[str, ...], Callable[[int, Line], T]]) -> list[T]:
    """Rows in file order, each of its number from 0 and its line; the form is the first whose columns are all there.

    Raises SourceError naming file, line and column.
    """
    try:
        with open(csv_path, encoding="utf-8", newline="") as file:
            return list(_rows(csv.DictReader(file), str(csv_path), forms))
    except OSError as error:
        raise SourceError(f"{csv_path}: cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{csv_path}: not a CSV table in UTF-8: {error}") from None


def _rows(reader: csv.DictReader[str], name: str, forms: Mapping[tuple[str, ...], Callable[[int, Line], T]]) -> Iterator[T]:
    found = set(reader.fieldnames or ())
    parse = next((parse for columns, parse in forms.items() if found.issuperset(columns)), None)
    if parse is None:
        raise SourceError(f"{name}: line 1: expected the columns {' or '.join(','.join(columns) for columns in forms)}")
    for number, values in enumerate(reader):
        where = f"{name}: line {reader.line_num}"
        if len(values) > len(reader.fieldnames or ()):
            raise SourceError(f"{where}: more values than columns")
        yield parse(number, Line(where, values))
