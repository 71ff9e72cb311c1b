"""One stream on its way from items to events: its ring, its windows, its decider, its names."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from monitor.event import Rule, State, lapse, observe, settled, standing, stop
from monitor.records import Box, Change, EndReason, Event, Judgement, Reading
from monitor.ring import Ring
from monitor.window import Windower
from monitor.words import Normal, rfc3339

SCHEMA = 1

RESUMED_S = 10.0
"""What was going on when an earlier life of the daemon ended is told anew if it goes on for so much longer (s)."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What an event says of its stream."""

    node: str
    stream: str
    kind: str
    model: str
    """Hash of the network."""


@dataclass(frozen=True, slots=True)
class Level:
    """When this stream alarms."""

    rule: Rule
    threshold: float
    """The alarm level as a score."""
    extrapolated: bool
    """Whether it lies beyond what the held-out normal can vouch for."""
    normal: Normal | None = None
    """What is known of normal, if it is."""


@dataclass(frozen=True, slots=True)
class _Open:
    id: str
    start_unix: float


class Watch:
    """All that one stream remembers. Only the ring is shared with another thread; everything else is the pipeline's.

    Args:
        unix: wall time in unix seconds of a time on the source's clock; asked when something is published.
        evidence: relative paths by kind of what is kept of an event, by its id and its start in unix seconds.
        told_to: absolute index up to which an earlier life of the daemon told what there was to tell.
    """

    def __init__(
        self,
        identity: Identity,
        level: Level,
        *,
        ring: Ring,
        windower: Windower,
        unix: Callable[[float], float],
        evidence: Callable[[str, float], Mapping[str, str]] = lambda event, start_unix: {},
        told_to: int = 0,
    ) -> None:
        self.identity = identity
        self.level = level
        """May be replaced at any time by the pipeline's thread."""
        self.ring = ring
        self.windower = windower
        self._unix = unix
        self._evidence = evidence
        self._state = State()
        self._open: _Open | None = None
        self._told_to = told_to
        self._resumed: int | None = None
        """Number of the first change that is told of what was told in part."""
        self.muted = False
        """Whether nothing is told of it."""
        self.heard = -1
        """How far the stream had come when it was last asked whether time went by: absolute index."""
        self._heard_s = 0.0

    def mute(self, muted: bool) -> list[Event]:
        """What there is to tell because from now on nothing shall be told of this stream, or all again."""
        self.muted = muted
        return self.stop("stopped") if muted else []

    def take(self, judgement: Judgement) -> list[Event]:
        """What there is to tell after one more window, oldest first."""
        if self.muted:
            return []
        self._state, changes = observe(self._state, self.level.rule, judgement)
        return self._events(changes) or self._events(self._goes_on())

    def lapse(self, now_s: float) -> list[Event]:
        """What there is to tell because time went by, though no window came; `now_s` is monotonic.

        Counted from when items last came, and not from the source's clock: a recording's is not that of now.
        """
        if self.ring.end != self.heard:
            self.heard, self._heard_s = self.ring.end, now_s
        ahead = (now_s - self._heard_s) * self.ring.rate_hz
        self._state, changes = lapse(self._state, self.level.rule, self.ring.end + int(ahead))
        return self._events(changes)

    def stop(self, reason: EndReason) -> list[Event]:
        """Ends what is open."""
        self._state, changes = stop(self._state, self.level.rule, reason)
        return self._events(changes)

    @property
    def open(self) -> bool:
        """Whether an event goes on."""
        return self._state.open is not None

    def settled(self) -> int | None:
        """Absolute index from which another watch would tell all that this one has yet to tell; none while something hangs over.

        From there on everything may be judged anew: it gives the same events.
        """
        return settled(self._state, self.level.rule, self.windower.start)

    def reading(self, judgement: Judgement) -> Reading:
        """A window's judgement as a reading."""
        unix_s = round(self.unix_of(judgement.end), 3)
        return Reading(judgement.stream, judgement.score, judgement.p_value, judgement.level_db, unix_s)

    def unix_of(self, index: int) -> float:
        """Wall time of an item, in unix seconds."""
        return self._unix(self.ring.time_of(index))

    def _events(self, changes: Sequence[Change]) -> list[Event]:
        return [self._event(told) for change in changes for told in self._untold(change)]

    def _goes_on(self) -> list[Change]:
        """The open event, if it was told in part and is to be told now, though the decider has nothing to say of it."""
        change = standing(self._state)
        return [] if change is None or change.start >= self._told_to or self._resumed is not None else [change]

    def _untold(self, change: Change) -> list[Change]:
        """What of a change is to be told: all, but of what began before `told_to` only what goes on, as an event of its own from there."""
        if change.type == "new":
            self._resumed = None
        if change.start >= self._told_to:
            return [change]
        told = replace(change, start=self._told_to)
        if self._resumed is not None:
            return [replace(told, seq=change.seq - self._resumed)]
        if change.end < self._told_to + self.level.rule.items(RESUMED_S):
            return []
        new = replace(told, type="new", seq=0, reason=None)
        self._resumed = change.seq - (change.type == "end")
        return [new, replace(told, seq=1)] if change.type == "end" else [new]

    def _event(self, change: Change) -> Event:
        if change.type == "new" or self._open is None:
            # Kept for the event's life: the wall clock may be set while it lasts.
            self._open = _named(self.identity, self.unix_of(change.start))
        start_unix = self._open.start_unix
        end_unix = start_unix + (change.end - change.start) / self.ring.rate_hz
        return Event(
            type=change.type,
            id=self._open.id,
            seq=change.seq,
            schema=SCHEMA,
            node=self.identity.node,
            stream=self.identity.stream,
            kind=self.identity.kind,
            start=rfc3339(start_unix),
            start_unix=round(start_unix, 3),
            end=rfc3339(end_unix),
            end_unix=round(end_unix, 3),
            start_index=change.start,
            end_index=change.end,
            score=change.score,
            peak_score=change.peak.score,
            p_value=change.peak.p_value,
            extrapolated=self.level.extrapolated,
            threshold=self.level.threshold,
            windows=change.windows,
            gaps=change.gaps,
            model=self.identity.model,
            where={**in_source(change.peak.place, self.ring.shown_at(change.peak.start)), **self._seconds(change)},
            evidence=self._evidence(self._open.id, start_unix),
            reason=change.reason,
        )

    def _seconds(self, change: Change) -> dict[str, float]:
        """When the peak's strangest part was, from the event's start."""
        # A later window may find its strangest part a little before the first one's.
        first, after = (max(0, index - change.start) / self.ring.rate_hz for index in change.peak.span)
        return {"start_s": round(first, 3), "end_s": round(after, 3)}


def _named(identity: Identity, start_unix: float) -> _Open:
    # To the millisecond, rounded where no item of a usual rate begins: what is found again in a recording shall have the same name.
    text = f"{identity.node}/{identity.stream}/{identity.model}/{math.floor(1000 * start_unix + 0.53125)}"
    return _Open(hashlib.blake2b(text.encode(), digest_size=8).hexdigest(), start_unix)


def in_source(place: Mapping[str, float], shown: Box | None) -> Mapping[str, float]:
    """A place in the source's own pixels, where what is shown is a part of its picture."""
    if shown is None:
        return place
    left, top, width, height = shown
    first = left + place["x"] * width, top + place["y"] * height
    after = first[0] + place["width"] * width, first[1] + place["height"] * height
    x, y = (math.floor(each) for each in first)
    return {"x": x, "y": y, "width": math.ceil(after[0]) - x, "height": math.ceil(after[1]) - y}
