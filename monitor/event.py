"""From judgements to events: a pure function of what was judged, without clock, file or network.

* An event begins (`new`) with two windows at the alarm level of which the second starts at most `confirm_s` after the first, or
  with one window a hundred times rarer. It starts where the strange part of the first of them begins.
* While it is open, a window at the release level (ten times more common than the alarm level, at most one in two) keeps it open and
  carries its end forward to the end of that window's strange part. The end never moves back, though overlapping windows may
  find their strange parts in another order.
* It ends as `quiet` with the first window that does not keep it open and that ends more than `quiet_s` after the event's end.
* It ends as `signal_lost` when the stream is more than `silence_s` beyond the last judged window. The clock says so through
  `lapse`; `observe` says the same of a hole between two windows, so a replay without a clock finds the same events.
* After an end, a window counts only if it starts no earlier than that end, so that one short fault seen by several windows is
  one event, and if its strange part begins at least `cooldown_s` after it.

Indices of one stream never go back: a stream that is numbered anew begins with a new `State`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from monitor.records import Change, ChangeType, EndReason, Judgement


@dataclass(frozen=True, slots=True)
class Rule:
    """When an event begins, goes on and ends. Durations are in seconds of stream time."""

    alarm_p: float
    """The alarm level as a p-value."""
    confirm_s: float
    """Two windows at the alarm level that start no further apart than this begin an event."""
    quiet_s: float
    """An event ends when this long nothing strange was there."""
    cooldown_s: float
    """After an event's end nothing counts for this long."""
    update_s: float
    """While an event lasts, an update is told this often; with 0, at every window."""
    silence_s: float
    """An event ends when no window was judged for this long; longer than a window and its way through the models."""
    rate_hz: float
    """Items a second."""

    @property
    def strong_p(self) -> float:
        """The p-value at which a single window is enough."""
        return self.alarm_p / 100

    @property
    def release_p(self) -> float:
        """The p-value up to which a window keeps an event open; never stricter than the alarm level."""
        return max(self.alarm_p, min(10 * self.alarm_p, 0.5))

    def items(self, seconds: float) -> int:
        """A duration in items."""
        return round(seconds * self.rate_hz)


@dataclass(frozen=True, slots=True)
class Sighting:
    """Something strange: one window that waits to be confirmed, or an open event."""

    start: int
    """Absolute index at which the strange part of the first window begins."""
    end: int
    """Absolute index after the furthest strange part so far."""
    score: float
    """Of the latest window that belongs to it."""
    peak: Judgement
    """The window with the highest score; of equals the first."""
    windows: int
    """Windows that belong to it."""
    lost: int
    """Items the stream had lost in all when this began."""
    seq: int = -1
    """Of the last change told; -1 before `new`."""
    told: int = 0
    """Absolute index at which the last change was told."""


@dataclass(frozen=True, slots=True)
class State:
    """All that one stream's decider remembers."""

    pending: Sighting | None = None
    """The latest window at the alarm level that still waits for a second one."""
    open: Sighting | None = None
    """The event that goes on now."""
    ended: int | None = None
    """Where the last event ended."""
    judged: int = 0
    """Absolute index after the last judged window."""
    lost: int = 0
    """Items lost in all."""


def observe(state: State, rule: Rule, judgement: Judgement) -> tuple[State, list[Change]]:
    """The state after one more window, and what there is to tell, oldest first."""
    state, before = lapse(state, rule, judgement.end)
    state = State(state.pending, state.open, state.ended, judgement.end, state.lost + judgement.lost)
    decide = _watch if state.open is None else _follow
    state, after = decide(state, rule, judgement)
    return state, before + after


def lapse(state: State, rule: Rule, index: int) -> tuple[State, list[Change]]:
    """The state when the stream should have reached `index`: an open event ends if nothing was judged for too long."""
    if state.open is None or index - state.judged <= rule.items(rule.silence_s):
        return state, []
    return _close(state, state.open, "signal_lost")


def stop(state: State, rule: Rule, reason: EndReason) -> tuple[State, list[Change]]:
    """The state after watching was given up for `reason`: an open event ends, a suspicion is forgotten."""
    state = replace(state, pending=None)
    return (state, []) if state.open is None else _close(state, state.open, reason)


def settled(state: State, rule: Rule, start: int) -> int | None:
    """The start of the next window, if a new state would decide as this one does from there on; else none."""
    if state.pending is not None or state.open is not None:
        return None
    return None if state.ended is not None and start < state.ended + rule.items(rule.cooldown_s) else start


def standing(state: State) -> Change | None:
    """What the last change would say of the open event, were it told now; none if there is none."""
    return None if state.open is None else _change(state, state.open, "update", None)


def _watch(state: State, rule: Rule, judgement: Judgement) -> tuple[State, list[Change]]:
    """What one window means while no event is open."""
    if not judgement.p_value <= rule.alarm_p or _cooling(state, rule, judgement):
        return state, []
    first = state.pending
    # A pending sighting is a single window, so its peak is that window.
    if first is not None and judgement.start - first.peak.start <= rule.items(rule.confirm_s):
        return _tell(state, _keep(first, judgement), "new")
    begin, end = _strange(judgement)
    seen = Sighting(begin, end, judgement.score, judgement, 1, state.lost)
    if judgement.p_value <= rule.strong_p:
        return _tell(state, seen, "new")
    return State(seen, None, state.ended, state.judged, state.lost), []


def _follow(state: State, rule: Rule, judgement: Judgement) -> tuple[State, list[Change]]:
    """What one window means while an event is open."""
    event = state.open
    assert event is not None  # noqa: S101  # observe() chooses by it
    if judgement.p_value <= rule.release_p:
        event = _keep(event, judgement)
    elif judgement.end - event.end > rule.items(rule.quiet_s):
        return _close(state, event, "quiet")
    if judgement.end - event.told >= rule.items(rule.update_s):
        return _tell(state, event, "update")
    return State(None, event, state.ended, state.judged, state.lost), []


def _cooling(state: State, rule: Rule, judgement: Judgement) -> bool:
    """Whether a window may still have seen the last event, or comes too soon after it."""
    if state.ended is None:
        return False
    return judgement.start < state.ended or _strange(judgement)[0] < state.ended + rule.items(rule.cooldown_s)


def _strange(judgement: Judgement) -> tuple[int, int]:
    """The strangest part, at least one item long and within its window."""
    begin = min(max(judgement.span[0], judgement.start), judgement.end - 1)
    return begin, min(max(judgement.span[1], begin + 1), judgement.end)


def _keep(event: Sighting, judgement: Judgement) -> Sighting:
    """The event with one more window."""
    return Sighting(
        start=event.start,
        end=max(event.end, _strange(judgement)[1]),
        score=judgement.score,
        peak=judgement if judgement.score > event.peak.score else event.peak,
        windows=event.windows + 1,
        lost=event.lost,
        seq=event.seq,
        told=event.told,
    )


def _tell(state: State, event: Sighting, kind: ChangeType) -> tuple[State, list[Change]]:
    """The state with the event open and no suspicion, and the next change to tell of it."""
    event = replace(event, seq=event.seq + 1, told=state.judged)
    return State(None, event, state.ended, state.judged, state.lost), [_change(state, event, kind, None)]


def _close(state: State, event: Sighting, reason: EndReason) -> tuple[State, list[Change]]:
    """The state with the event ended, and the change that tells so."""
    change = _change(state, replace(event, seq=event.seq + 1), "end", reason)
    return State(None, None, event.end, state.judged, state.lost), [change]


def _change(state: State, event: Sighting, kind: ChangeType, reason: EndReason | None) -> Change:
    return Change(
        type=kind,
        seq=event.seq,
        start=event.start,
        end=event.end,
        score=event.score,
        peak=event.peak,
        windows=event.windows,
        gaps=state.lost - event.lost,
        reason=reason,
    )
