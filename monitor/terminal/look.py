"""One look at the running daemon: everything that a frame shows, read at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from monitor.records import Event, Reading, StreamStatus
from monitor.sink.healthz import Check, Health
from monitor.sink.newest import Newest
from monitor.sink.vitals import Vitals

LATE_S = 5.0
"""A window that is awaited for so long is counted as late from its predecessor's end."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream."""

    name: str
    status: StreamStatus
    open: Event | None
    """What is not normal now."""
    why: str
    """Why no score is shown; empty if one is."""
    reading: Reading | None
    seen: bool
    """Whether its level is a brightness, and no loudness."""
    threshold: float
    lag_s: float
    """By how much judging is behind what happens."""

    @property
    def state(self) -> str:
        """The status, or that there is an alarm."""
        return "ALARM" if self.open is not None else self.status


@dataclass(frozen=True, slots=True)
class Look:
    """What there is to see."""

    node: str
    unix_s: float
    """When."""
    up_s: float
    warm: bool
    """Whether the models are loaded and a source has delivered."""
    broker: bool
    """Whether there is one to be told of events."""
    complaints: dict[str, Check]
    """What is not well, but for the streams, by part."""
    streams: tuple[Stream, ...]
    events: tuple[Event, ...]
    """The latest first."""


class Looking:
    """Reads what the daemon shows of itself; any thread may call it."""

    def __init__(self, node: str, vitals: Vitals, newest: Newest, *, began_unix_s: float) -> None:
        self._node, self._vitals, self._newest, self._began_unix_s = node, vitals, newest, began_unix_s
        self._health = Health(vitals)

    def look(self, now_unix_s: float) -> Look:
        """Everything as it is now."""
        checks = self._health.checks()
        pulse = self._vitals.pulse
        return Look(
            node=self._node,
            unix_s=now_unix_s,
            up_s=now_unix_s - self._began_unix_s,
            warm=pulse is not None and pulse.is_ready,
            broker=self._vitals.delivery is not None,
            complaints={part: c for part, c in checks.items() if c.status != "ok" and not part.startswith("stream ")},
            streams=tuple(self._streams(now_unix_s)),
            events=tuple(self._newest.events()),
        )

    def _streams(self, now_unix_s: float) -> Iterator[Stream]:
        for name, status in list(self._vitals.statuses.items()):
            heard = self._newest.heard.get(name)
            lag_s = 0.0
            if heard is not None:
                at = now_unix_s if now_unix_s - heard.unix_s > LATE_S else heard.unix_s
                lag_s = at - heard.reading.unix_s
            yield Stream(
                name=name,
                status=status,
                open=self._newest.open(name) if status == "online" else None,
                why=self._why(name, status, judged=heard is not None),
                reading=None if heard is None else heard.reading,
                seen=name in self._vitals.seen,
                threshold=self._vitals.threshold(name),
                lag_s=lag_s,
            )

    def _why(self, stream: str, status: StreamStatus, *, judged: bool) -> str:
        pulse = self._vitals.pulse
        match status:
            case "online":
                return "" if judged else "no window was judged yet"
            case "starting":
                loading = pulse is None or pulse.progress_s is None
                return "the models are being loaded" if loading else "its source has not delivered yet"
            case "learning":
                return "listens first, and is not judged yet"
            case "no_signal":
                return f"no signal: {self._vitals.reason(stream) or 'the source does not say why'}"
            case "disabled":
                return "switched off: heard, not judged"
            case "offline":
                again = self._vitals.restarts(stream)
                return "its source does not deliver" + (f", opened again {again} times" if again else "")
