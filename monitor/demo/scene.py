"""What the demo needs of a scene to learn and watch: what is recorded, what was planted in it, and how an event is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from monitor.config import Config
from monitor.sink.subscriber import Heard

IN_TIME_S = 2.0
"""An alarm counts if it comes this soon after the onset."""


class Planted(Protocol):
    """Something that happens in the recording."""

    @property
    def fault(self) -> str:
        """What it is called."""

    @property
    def first_s(self) -> float:
        """When the first of it is there, from the recording's beginning: an alarm from then on is about it."""

    @property
    def onset_s(self) -> float:
        """When it is all there: how soon an alarm comes is counted from then."""

    @property
    def end_s(self) -> float:
        """When it is over."""


class Staged(NamedTuple):
    """What happens in the recording that is watched."""

    faults: Sequence[Planted]
    """In order of time."""
    harmless: Sequence[Planted]
    """What is no fault, and not to be announced."""


@dataclass(frozen=True, slots=True)
class Found:
    """A planted fault, and the first alarm that came while it lasted."""

    fault: Planted
    alarm: Heard | None
    whole: dict[str, Any]
    """The last that was heard of that event; empty without an alarm."""
    delay_s: float

    @property
    def in_time(self) -> bool:
        """Whether it was announced soon enough."""
        return self.alarm is not None and self.delay_s <= IN_TIME_S


@dataclass(frozen=True, slots=True)
class About:
    """A scene in words and names."""

    stream: str
    kind: str
    normal: str
    """Name of the recording to learn from."""
    live: str
    """Name of the one to watch."""
    live_s: float
    """How long that lasts."""
    learning: str
    """What is being learned, and from what."""
    watching: str
    """What is done now, and for how long."""
    looked_for: str
    detail: str
    """Heading of the scene's own column."""
    budget_s: float
    """To learn in, if nobody says otherwise."""
    grid: Mapping[str, float]
    """How the model looks at it, where not as usual."""


class Scene(Protocol):
    """One scene of a seed."""

    about: About

    def record(self, out: Path) -> Staged:
        """Makes both recordings in a folder; what is planted in the second."""

    def detail(self, fault: Planted, event: Mapping[str, Any] | None) -> str:
        """What its own column says of a fault, and of the event that announced it, if one did."""

    def draw(self, picture: Path, recording: Path, config: Config, event: Mapping[str, Any], title: str) -> None:
        """Writes a picture of an event of the recording that was watched."""
