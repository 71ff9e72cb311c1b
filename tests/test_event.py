"""The decider: when an event begins, goes on and ends."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.event import Rule, State, lapse, observe, stop
from monitor.records import Change, Judgement

RATE = 100
HOP, LENGTH = 50, 200
RULE = Rule(alarm_p=1e-3, confirm_s=1.0, quiet_s=2.0, cooldown_s=5.0, update_s=5.0, silence_s=4.0, rate_hz=RATE)
NORMAL, KEEPS, ALARMING, STRONG = 0.5, 5e-3, 1e-3, 1e-5


def window(start: int, p: float, *, span: tuple[int, int] | None = None, lost: int = 0, score: float | None = None) -> Judgement:
    """A judged window, strange throughout unless a span is given; the score follows the p-value."""
    end = start + LENGTH
    return Judgement("mic", start, end, lost, 1 / p if score is None else score, p, {}, -30.0, {}, span or (start, end))


def windows(*p_values: float, start: int = 0) -> list[Judgement]:
    """Windows one hop apart."""
    return [window(start + i * HOP, p) for i, p in enumerate(p_values)]


def watch(judgements: Iterable[Judgement], rule: Rule = RULE, state: State | None = None) -> tuple[State, list[Change]]:
    """The last state, and all that was told."""
    state, told = state or State(), []
    for judgement in judgements:
        state, changes = observe(state, rule, judgement)
        told += changes
    return state, told


def kinds(changes: Iterable[Change]) -> list[str]:
    """What was told, in short."""
    return [change.type if change.reason is None else f"{change.type}: {change.reason}" for change in changes]


def test_a_single_strong_window_alarms_at_once() -> None:
    """One window a hundred times rarer than the alarm level begins an event, at its strange part."""
    strange = window(300, STRONG, span=(350, 370))
    _, told = watch([strange])
    assert [Change("new", 0, 350, 370, 1 / STRONG, strange, 1, 0)] == told


def test_a_single_window_at_the_alarm_level_is_not_enough() -> None:
    """One window at the alarm level says nothing, nor does one beside it that is just above the level."""
    assert [] == watch(windows(NORMAL, ALARMING, ALARMING * 1.001, NORMAL, NORMAL, ALARMING))[1]


@pytest.mark.parametrize("between", [[], [NORMAL]])
def test_two_of_three_windows_alarm(between: list[float]) -> None:
    """Two windows at the alarm level begin an event at the first one's strange part, with or without one between."""
    _, told = watch(windows(NORMAL, ALARMING, *between, ALARMING))
    assert [("new", HOP, 2)] == [(c.type, c.start, c.windows) for c in told]


def test_the_latest_suspicion_waits_for_confirmation() -> None:
    """A window too late to confirm the first one can itself be confirmed."""
    _, told = watch(windows(ALARMING, NORMAL, NORMAL, ALARMING, ALARMING))
    assert [("new", 3 * HOP)] == [(c.type, c.start) for c in told]


def test_a_suspicion_gives_a_strong_window_its_start() -> None:
    """A strong window soon after one at the alarm level confirms that one."""
    _, told = watch(windows(ALARMING, STRONG))
    assert [(0, 2)] == [(c.start, c.windows) for c in told]


def test_the_span_is_clamped_to_its_window() -> None:
    """A strange part that leaves its window is cut to it, and is never empty."""
    outside = [watch([window(300, STRONG, span=span)])[1][0] for span in [(0, 900), (900, 950), (100, 200), (400, 380)]]
    assert [(300, 500), (499, 500), (300, 301), (400, 401)] == [(c.start, c.end) for c in outside]


def test_hysteresis_keeps_an_event_open() -> None:
    """A level that would not begin an event keeps one open."""
    assert [] == watch(windows(*[KEEPS] * 20))[1]
    state, told = watch(windows(STRONG, *[KEEPS] * 8))
    assert ["new"] == kinds(told)
    assert state.open is not None
    assert (8 * HOP + LENGTH, 9, 1 / KEEPS) == (state.open.end, state.open.windows, state.open.score)


@pytest.mark.parametrize(("alarm_p", "release_p"), [(1e-3, 1e-2), (0.2, 0.5), (0.7, 0.7)])
def test_the_release_level_is_ten_times_the_alarm_level_within_limits(alarm_p: float, release_p: float) -> None:
    """The release level stays at one in two, and is never stricter than the alarm level."""
    assert release_p == replace(RULE, alarm_p=alarm_p).release_p


def test_an_event_ends_when_quiet() -> None:
    """The first window that ends more than quiet_s after the last strange part ends the event there."""
    quiet = [window(i * HOP, NORMAL) for i in range(1, 6)]
    state, told = watch([window(0, STRONG, span=(100, 150)), *quiet[:3]])
    # The third quiet window ends at 350: just quiet_s after the strange part, not more.
    assert ["new"] == kinds(told)
    _, told = watch(quiet[3:], state=state)
    assert [("quiet", 1, 100, 150, 1)] == [(c.reason, c.seq, c.start, c.end, c.windows) for c in told]


def test_nothing_counts_in_the_cooldown() -> None:
    """After an end even strong windows are ignored until a strange part begins cooldown_s later."""
    state, told = watch(windows(STRONG, *[NORMAL] * 5))
    assert ["new", "end: quiet"] == kinds(told)
    ready = LENGTH + 5 * RATE
    state, told = watch([window(start, STRONG) for start in range(300, ready, HOP)], state=state)
    assert [] == told
    _, told = watch([window(ready, STRONG)], state=state)
    assert [ready] == [c.start for c in told]


def test_a_window_in_the_cooldown_confirms_nothing_later() -> None:
    """A window at the alarm level within the cooldown does not count as the first of two."""
    state, _ = watch(windows(STRONG, *[NORMAL] * 5))
    ready = LENGTH + 5 * RATE
    _, told = watch([window(ready - HOP, ALARMING), window(ready, ALARMING), window(ready + HOP, NORMAL)], state=state)
    assert [] == told


def test_updates_are_told_every_so_often() -> None:
    """While an event lasts, an update comes each update_s of stream time, counted from the last thing told."""
    state, told = watch(windows(*[STRONG] * 31))
    assert [("new", 0, 200), ("update", 1, 700), ("update", 2, 1200), ("update", 3, 1700)] == [(c.type, c.seq, c.end) for c in told]
    assert ["end: stopped"] == kinds(stop(state, RULE, "stopped")[1])


def test_the_peak_is_the_highest_score() -> None:
    """The strangest window so far is kept, the first of equals."""
    _, told = watch(
        [window(0, STRONG, score=3.0), window(50, STRONG, score=7.0), window(100, STRONG, score=7.0), *windows(*[NORMAL] * 6, start=150)]
    )
    assert (50, 7.0) == (told[-1].peak.start, told[-1].score)


def test_lost_items_are_counted_from_the_start() -> None:
    """What was lost before the first strange window is not the event's, what was lost since is."""
    first, between, second = window(0, ALARMING, lost=7), window(50, NORMAL, lost=2), window(100, ALARMING, lost=3)
    _, told = watch([first, between, second, window(150, NORMAL, lost=10), window(500, NORMAL)])
    assert [5, 15] == [c.gaps for c in told]


def test_the_clock_ends_an_event_when_data_stop() -> None:
    """Beyond silence_s after the last judged window an open event ends where it had got to, once."""
    state, _ = watch([window(0, STRONG, span=(40, 60))])
    assert (state, []) == lapse(state, RULE, LENGTH + 4 * RATE)
    state, told = lapse(state, RULE, LENGTH + 4 * RATE + 1)
    assert [("signal_lost", 1, 60)] == [(c.reason, c.seq, c.end) for c in told]
    assert (state, []) == lapse(state, RULE, 10**9)


def test_a_hole_between_windows_ends_an_event_without_a_clock() -> None:
    """A window that comes after too long a hole finds the event ended, and may begin the next one."""
    far = LENGTH + 20 * RATE
    _, told = watch([window(0, STRONG), window(far, STRONG, lost=20 * RATE)])
    assert ["new", "end: signal_lost", "new"] == kinds(told)
    assert [0, 0, 0] == [c.gaps for c in told]


def test_stopping_ends_an_event_and_forgets_a_suspicion() -> None:
    """An open event ends with the reason given; a window seen before is not confirmed after."""
    state, told = stop(watch([window(0, STRONG)])[0], RULE, "interrupted")
    assert ["end: interrupted"] == kinds(told)
    assert (state, []) == stop(state, RULE, "stopped")
    state, _ = stop(watch([window(0, ALARMING)])[0], RULE, "stopped")
    assert [] == watch([window(HOP, ALARMING)], state=state)[1]


# The same examples each time, however busy the machine.
general = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])

p_values = st.sampled_from([NORMAL, NORMAL, KEEPS, ALARMING, STRONG]) | st.floats(1e-9, 1.0)
durations = st.sampled_from([0.0, 0.5, 1.0, 2.0, 5.0])
levels, silences = st.sampled_from([1e-3, 0.04, 0.3, 0.8]), st.sampled_from([2.5, 4.0, 10.0])
rules = st.builds(Rule, levels, durations, durations, durations, durations, silences, st.just(RATE))


@st.composite
def streams(draw: st.DrawFn) -> list[Judgement]:
    """Windows in order, with holes among them and strange parts anywhere within."""
    judged, start = [], 0
    for _ in range(draw(st.integers(0, 30))):
        hole = draw(st.sampled_from([0] * 8 + [30, 300, 2000]))
        start += HOP + hole
        first = start + draw(st.integers(0, LENGTH - 1))
        last = first + draw(st.integers(1, LENGTH))
        judged.append(window(start, draw(p_values), span=(first, last), lost=hole, score=draw(st.floats(-5, 50))))
    return judged


@st.composite
def lives(draw: st.DrawFn) -> tuple[Rule, list[Change]]:
    """Everything told of one stream, with the clock and stops falling in between, stopped at last."""
    rule, state = draw(rules), State()
    told: list[Change] = []
    for judgement in draw(streams()):
        state, changes = observe(state, rule, judgement)
        told += changes
        what = draw(st.sampled_from(["go on"] * 6 + ["lapse", "stop"]))
        if what == "lapse":
            state, changes = lapse(state, rule, judgement.end + draw(st.integers(-100, 3000)))
            told += changes
        elif what == "stop":
            state, changes = stop(state, rule, "interrupted")
            told += changes
    return rule, told + stop(state, rule, "stopped")[1]


def split(changes: list[Change]) -> list[list[Change]]:
    """The changes of each event, cut before every `new`."""
    cuts = [i for i, change in enumerate(changes) if change.type == "new"]
    assert cuts[:1] == [0] * bool(changes)
    return [changes[i:j] for i, j in pairwise([*cuts, len(changes)])]


@general
@given(lives())
def test_every_event_has_one_life(life: tuple[Rule, list[Change]]) -> None:
    """Whatever comes: new, updates, end in order, numbered from 0, with one start, and nothing in it ever falls."""
    for event in split(life[1]):
        assert ["new", *["update"] * (len(event) - 2), "end"] == [c.type for c in event]
        assert list(range(len(event))) == [c.seq for c in event]
        assert [False] * (len(event) - 1) + [True] == [c.reason is not None for c in event]
        assert 1 == len({c.start for c in event})
        assert event[0].start < event[0].end
        for values in zip(*[(c.end, c.windows, c.gaps, c.peak.score) for c in event], strict=True):
            assert sorted(values) == list(values)


@general
@given(lives())
def test_events_keep_their_distance(life: tuple[Rule, list[Change]]) -> None:
    """Whatever comes: an event begins no earlier than cooldown_s after the one before ended."""
    rule, changes = life
    events = split(changes)
    for earlier, later in pairwise(events):
        assert earlier[-1].end + rule.items(rule.cooldown_s) <= later[0].start


@general
@given(rules, streams())
def test_updates_keep_their_distance(rule: Rule, judged: list[Judgement]) -> None:
    """Whatever comes: no update follows the last thing told by less than update_s of stream time."""
    state, told_at = State(), 0
    for judgement in judged:
        state, changes = observe(state, rule, judgement)
        for change in changes:
            assert "update" != change.type or judgement.end - told_at >= rule.items(rule.update_s)
            told_at = judgement.end


@general
@given(rules, streams(), st.data())
def test_the_clock_agrees_with_the_judgements(rule: Rule, judged: list[Judgement], data: st.DataObject) -> None:
    """A clock that never runs ahead of the next window's end changes nothing of what is told: live and replay agree."""
    state, told = State(), []
    for judgement in judged:
        state, early = lapse(state, rule, data.draw(st.integers(state.judged, max(state.judged, judgement.end))))
        state, changes = observe(state, rule, judgement)
        told += early + changes
    assert watch(judged, rule)[1] == told


def test_a_window_over_the_end_of_an_event_begins_no_other() -> None:
    """Without any cooldown, a window that may have seen the ended event is not trusted, wherever it finds its strange part."""
    rule = replace(RULE, quiet_s=0.0, cooldown_s=0.0)
    seen = [window(0, STRONG, span=(160, 180)), window(50, NORMAL), window(100, STRONG, span=(190, 200)), window(150, STRONG)]
    assert ["new", "end: quiet"] == kinds(watch(seen, rule)[1])


@pytest.mark.parametrize("second", [ALARMING, STRONG])
def test_a_window_confirms_one_event_only(second: float) -> None:
    """A window that began an event cannot confirm a later one, however long confirm_s is."""
    rule = replace(RULE, confirm_s=20.0, quiet_s=0.0, cooldown_s=0.0)
    state, told = watch(windows(ALARMING, second, NORMAL, NORMAL), rule)
    assert ["new", "end: quiet"] == kinds(told)
    assert [] == watch([window(HOP + LENGTH, ALARMING)], rule, state)[1]


@general
@given(rules, st.integers(1000, 1100), st.integers(1, 50), st.sampled_from([0, 30, 500]), st.lists(p_values, min_size=30, max_size=30))
def test_one_short_fault_is_one_event(rule: Rule, begin: int, long: int, blur: int, seen_as: list[float]) -> None:
    """A fault shorter than the cooldown is one event at most, however strange and however sharp each window sees it."""
    rule = replace(rule, cooldown_s=max(rule.cooldown_s, 0.5))
    judged = []
    for i, p in enumerate(seen_as):
        start = i * HOP
        hit = start < begin + long and start + LENGTH > begin
        judged.append(window(start, p if hit else 1.0, span=(begin - blur, begin + long + blur)))
    assert kinds(watch(judged, rule)[1]).count("new") <= 1
