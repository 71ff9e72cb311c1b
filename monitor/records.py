"""The values that pass from room to room. Time within a stream is an integer item index (a sample, a frame)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Items = NDArray[Any]
"""Items of one stream, `[n, *item]`: audio `[n, channels]` float32 in [-1, 1], camera `[n, H, W, 3]` uint8 RGB."""

Box = tuple[float, float, float, float]
"""Left, top, width and height in the source's pixels."""
ChangeType = Literal["new", "update", "end"]
EndReason = Literal["quiet", "signal_lost", "interrupted", "stopped"]
Kind = Literal["audio", "image"]
"""A sense."""
Switch = Literal["enabled", "false_alarms_per_day", "silence_min", "mark_normal"]
StreamStatus = Literal["starting", "learning", "online", "no_signal", "disabled", "offline"]


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive items, as a source delivers them."""

    start: int
    """Absolute index of the first item; a jump past the previous block's end is a gap."""
    items: Items
    """`[n, *item]`."""
    time_s: float
    """Time of the last item on the source's clock, in seconds (monotonic when live)."""
    shown: Box | None = None
    """The part of the source's picture that the items show; none where there is no picture."""
    reason: str | None = None
    """Why the source has no signal; of a block without items, by which it says so."""

    @property
    def end(self) -> int:
        """Absolute index after the last item."""
        return self.start + len(self.items)


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of one stream without a gap, ready to be judged."""

    stream: str
    start: int
    """Absolute index of the first item."""
    items: Items
    """`[length, *item]`; in the pipeline overwritten by the next batch."""
    lost: int
    """Items since the previous window that are in none: lost by the source, overwritten, or a piece between two losses."""

    @property
    def end(self) -> int:
        """Absolute index after the last item."""
        return self.start + len(self.items)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the models say of one window."""

    stream: str
    start: int
    """Absolute index of the window's first item."""
    end: int
    """Absolute index after the window's last item."""
    lost: int
    """Items lost since the previous window."""
    score: float
    """Fused surprise; larger is stranger. Unbounded, about 0 +- 1 on normal."""
    p_value: float
    """Share of normal windows that score at least as high, in (0, 1]."""
    parts: Mapping[str, float]
    """The surprises that were fused, by part of the score."""
    level_db: float
    """How strong the input is, in decibels below full scale."""
    place: Mapping[str, float]
    """Where in the representation the strangest part lies: a band in Hz, or a box in shares of the picture."""
    span: tuple[int, int]
    """Absolute indices of the strangest part, first and after last."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What one window was judged by, for a person to look at, in its own rows and columns."""

    shown: NDArray[np.float32]
    """The planes of the input, `[C, H, W]`."""
    normal: NDArray[np.float32]
    """The same planes as the network reconstructs them."""
    heat: NDArray[np.float32]
    """By how much the mean squared scaled residual exceeds the usual 1, `[H, W]`."""


@dataclass(frozen=True, slots=True)
class Change:
    """A step in the life of one event, as the decider sees it: in item indices, before any name or wall time."""

    type: ChangeType
    seq: int
    """0 for `new`, then counting up."""
    start: int
    """Absolute index at which the event begins."""
    end: int
    """Absolute index at which it ended, or has got to."""
    score: float
    """Latest score at or above the level that keeps the event open."""
    peak: Judgement
    """The strangest window so far."""
    windows: int
    """Windows so far that kept the event open."""
    gaps: int
    """Items lost since the start."""
    reason: EndReason | None = None
    """Why it ended; none unless `type` is `end`."""


@dataclass(frozen=True, slots=True)
class Event:
    """A `Change` with names and wall time: what a subscriber reads. Field by field the JSON payload."""

    type: ChangeType
    id: str
    """The same for new, update and end."""
    seq: int
    schema: int
    node: str
    stream: str
    kind: str
    start: str
    """RFC 3339 with offset."""
    start_unix: float
    end: str
    end_unix: float
    start_index: int
    end_index: int
    score: float
    peak_score: float
    p_value: float
    """Of the strangest window."""
    extrapolated: bool
    """Whether the alarm level lies beyond what the held-out normal can vouch for."""
    threshold: float
    """The alarm level as a score."""
    windows: int
    gaps: int
    model: str
    """Hash of the network."""
    where: Mapping[str, float]
    """A band in Hz (or a box in pixels), with `start_s` and `end_s` from the event's start."""
    evidence: Mapping[str, str]
    """Relative paths or URLs by kind."""
    reason: EndReason | None = None
    """Only on `end`."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How strange a stream is right now."""

    stream: str
    score: float
    p_value: float
    level_db: float
    unix_s: float
    """End of the window, in unix seconds to the millisecond."""


@dataclass(frozen=True, slots=True)
class Command:
    """What somebody wants of one stream, already known to be of the right form."""

    stream: str
    switch: Switch
    value: bool | float | str
    """`enabled` a bool, `false_alarms_per_day` and `silence_min` a number, `mark_normal` the id of an event."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a long job has got."""

    stage: str
    done: float
    """Of 1."""
    loss: float | None = None
    """Of training, running mean; 1 is an untrained network."""
