"""What the running daemon shows of itself to whoever asks how it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import nan
from typing import Protocol

from monitor.records import StreamStatus


class Pulse(Protocol):
    """Whether the pipeline goes on."""

    is_ready: bool
    """Whether the model is warm and a source delivers."""
    progress_s: float | None
    """Monotonic time of the pipeline's last round; none before the first."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """How events get to the broker."""

    connected: bool
    """Whether the broker has let us in."""
    acked_s: float | None
    """Monotonic time at which the broker last answered a publication; none before the first."""
    sent: int
    """Events that the broker has acknowledged, since the start."""
    dropped: int
    """Events that were dropped, since the start: no room, or too old."""
    waiting: int
    """Events that the broker has not acknowledged yet."""
    disk_failed: bool
    """Whether events wait in memory alone because the disk failed."""


@dataclass(slots=True)
class Vitals:
    """Filled in while the daemon is built; each value then has one writer, and any thread may read it."""

    statuses: dict[str, StreamStatus]
    """By stream, every configured one."""
    seen: frozenset[str] = frozenset()
    """The streams that are seen, not heard."""
    pulse: Pulse | None = None
    """None while the models are being loaded."""
    threshold: Callable[[str], float] = lambda stream: nan
    """A stream's alarm level as a score; NaN while the models are being loaded."""
    restarts: Callable[[str], int] = lambda stream: 0
    """How often a stream's source was opened again."""
    reason: Callable[[str], str | None] = lambda stream: None
    """Why a stream is not heard, if it is not and that is known."""
    lost: Callable[[str], int] = lambda stream: 0
    """How many of a stream's items are in no window."""
    dropped: Callable[[str], int] = lambda stream: 0
    """How many of a stream's windows were overwritten before they could be judged."""
    drift: Callable[[str], float] | None = None
    """Decimal logarithm of a stream's drift statistic; none where no stream is followed."""
    evidence_failing: Callable[[], bool] = lambda: False
    """Whether the disk refused what was last to be kept of an event."""
    delivery: Callable[[], Delivery] | None = None
    """None without a broker."""
    gpu_bytes: Callable[[], int] | None = None
    """Memory of the GPU that this process holds; none without one."""
