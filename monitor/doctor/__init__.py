"""What the daemon needs of its machine, tried out. A file a group of checks; each yields findings and raises nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one check."""

    check: str
    """What was looked at."""
    status: Status
    """`failed` keeps the daemon from hearing or from being heard."""
    detail: str
    """What was found."""
    mend: str = ""
    """The command or the line of the configuration that mends it; empty if all is well."""
