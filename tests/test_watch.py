"""One stream's events: their names, their times, and what is passed through to them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.records import Event, Judgement
from monitor.ring import Ring
from monitor.watch import Identity, Level, Watch
from monitor.window import Windower
from monitor.words import rfc3339
from tests.scripted import EPOCH, HOP, LENGTH, RATE, RULE, blocks

IDENTITY = Identity("barn", "fan", "audio", "0f0f")
STRONG, NORMAL = 1e-9, 0.5


def watching(
    identity: Identity = IDENTITY, *, unix: Callable[[float], float] = lambda time_s: EPOCH + time_s, extrapolated: bool = False
) -> Watch:
    """A watch whose stream has run for a minute, on time."""
    ring = Ring(6000, item=(1,), rate_hz=RATE)
    for each in blocks((0.0, 6000)):
        ring.write(each)
    windower = Windower(ring, stream=identity.stream, length=LENGTH, hop=HOP)
    return Watch(identity, Level(RULE, 3.25, extrapolated), ring=ring, windower=windower, unix=unix)


def judgement(start: int, p: float = STRONG, *, span: tuple[int, int] | None = None, score: float = 9.0) -> Judgement:
    """A judged window, strange throughout unless a span is given."""
    end = start + LENGTH
    return Judgement("fan", start, end, 0, score, p, {}, -31.5, {"low_hz": 100.0, "high_hz": 250.0}, span or (start, end))


def life(watch: Watch, start: int = 1000) -> list[Event]:
    """The events of something strange for four seconds, and of the quiet after it."""
    p_values = [STRONG] * 9 + [NORMAL] * 8
    return [event for i, p in enumerate(p_values) for event in watch.take(judgement(start + i * HOP, p))]


def id_of(identity: Identity = IDENTITY, *, start: int = 1000, unix: Callable[[float], float] = lambda time_s: EPOCH + time_s) -> str:
    """The id of an event."""
    return watching(identity, unix=unix).take(judgement(start))[0].id


# Names


def test_an_event_keeps_its_id_through_its_life() -> None:
    """New, updates and end have one id, counted up from 0."""
    events = life(watching())
    assert ["new", "update", "update", "end"] == [e.type for e in events]
    assert [0, 1, 2, 3] == [e.seq for e in events]
    assert 1 == len({e.id for e in events})


def test_the_next_event_has_another_id() -> None:
    """Two events of one stream are told apart."""
    watch = watching()
    first, second = life(watch), life(watch, start=3000)
    assert first[0].id != second[0].id
    assert 1 == len({e.id for e in second})


def test_an_id_is_the_same_for_the_same_event() -> None:
    """Whoever finds it again, under the same node, stream, model and start, gives it the same id."""
    assert id_of() == id_of() == life(watching())[-1].id


@pytest.mark.parametrize("key", ["node", "stream", "model"])
def test_an_id_differs_by_whose_it_is(key: str) -> None:
    """Nodes, streams and networks do not share ids."""
    assert id_of() != id_of(replace(IDENTITY, **{key: "other"}))


def test_an_id_differs_between_runs() -> None:
    """The same place in a stream an hour later is another event."""
    assert id_of() != id_of(unix=lambda time_s: EPOCH + 3600 + time_s)
    assert id_of() != id_of(start=1001)


# Times


def test_times_are_those_of_the_indices() -> None:
    """Start and end as RFC 3339 and as unix seconds are where the strange part was in the stream."""
    event = watching().take(judgement(1000, span=(1050, 1150)))[0]
    assert (1050, EPOCH + 10.5, 1150, EPOCH + 11.5) == (event.start_index, event.start_unix, event.end_index, event.end_unix)
    assert [event.start_unix, event.end_unix] == [datetime.fromisoformat(text).timestamp() for text in (event.start, event.end)]


def test_a_wall_clock_that_is_set_does_not_move_an_event() -> None:
    """Durations are the stream's own: when the wall clock jumps during an event, its start and its length stay."""
    offset_s = [EPOCH]
    watch = watching(unix=lambda time_s: offset_s[0] + time_s)
    new = watch.take(judgement(1000))[0]
    offset_s[0] += 3600.0
    later = watch.take(judgement(1400)) + watch.stop("stopped")
    assert ["update", "end"] == [e.type for e in later]
    assert {(new.id, new.start, new.start_unix)} == {(e.id, e.start, e.start_unix) for e in later}
    assert new.start_unix + 6.0 == later[-1].end_unix
    # The next one has the new time.
    assert EPOCH + 3600 + 30 == watch.take(judgement(3000))[0].start_unix


@pytest.fixture
def local(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Another time zone."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("local")
@pytest.mark.parametrize(
    ("local", "expected"),
    [
        ("UTC0", "2026-01-02T03:04:05.679+00:00"),
        ("IST-5:30", "2026-01-02T08:34:05.679+05:30"),
        ("NST3:30", "2026-01-01T23:34:05.679-03:30"),
    ],
    indirect=["local"],
)
def test_wall_time_has_an_offset(expected: str) -> None:
    """RFC 3339, rounded to the millisecond as the unix seconds are."""
    assert expected == rfc3339(1767323045.6786)


@given(st.floats(0, 4e9))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_wall_time_is_read_back(unix_s: float) -> None:
    """Any time comes back to the millisecond, and always in the same form."""
    text = rfc3339(unix_s)
    assert pytest.approx(unix_s, abs=6e-4, rel=0) == datetime.fromisoformat(text).timestamp()
    assert len("2026-01-02T03:04:05.678+00:00") == len(text)


# What is passed on


def test_where_says_when_from_the_start_of_the_event() -> None:
    """The band of the strangest window, and the seconds of its strangest part."""
    watch = watching()
    watch.take(judgement(1000, span=(1050, 1100)))
    end = watch.take(judgement(1050, span=(1150, 1175), score=12.0)) + watch.stop("stopped")
    assert {"low_hz": 100.0, "high_hz": 250.0, "start_s": 1.0, "end_s": 1.25} == end[-1].where
    assert (12.0, 12.0) == (end[-1].peak_score, end[-1].score)


@pytest.mark.parametrize("extrapolated", [True, False])
def test_the_alarm_level_is_passed_through(extrapolated: bool) -> None:
    """Each event says by which level it was found, and what that rests on."""
    for event in life(watching(extrapolated=extrapolated)):
        assert (extrapolated, 3.25) == (event.extrapolated, event.threshold)


def test_an_event_says_whose_it_is() -> None:
    """Node, stream, kind, model and the version of its form; the rarest p-value; a reason at the end alone."""
    events = life(watching())
    for event in events:
        assert ("barn", "fan", "audio", "0f0f", 1, {}) == (event.node, event.stream, event.kind, event.model, event.schema, event.evidence)
        assert STRONG == event.p_value
    assert [None, None, None, "quiet"] == [e.reason for e in events]


def test_a_reading_is_the_window_at_its_end() -> None:
    """Score, p-value, level, and the wall time at which the window was complete."""
    reading = watching().reading(judgement(1000, NORMAL, score=0.25))
    assert ("fan", 0.25, NORMAL, -31.5) == (reading.stream, reading.score, reading.p_value, reading.level_db)
    assert EPOCH + 12.0 == reading.unix_s


# The clock


def test_silence_is_counted_from_the_last_item() -> None:
    """The stream is taken to run on at its rate since its last item; beyond the silence allowed the event ends, once."""
    watch = watching()
    watch.take(judgement(6000 - LENGTH))
    assert [] == watch.lapse(60.0)
    assert [] == watch.lapse(65.0)
    assert [("end", "signal_lost")] == [(e.type, e.reason) for e in watch.lapse(65.01)]
    assert [] == watch.lapse(100.0)


def test_before_the_first_item_no_time_passes() -> None:
    """A stream that has delivered nothing has nothing to end."""
    ring = Ring(100, item=(1,), rate_hz=RATE)
    windower = Windower(ring, stream="fan", length=LENGTH, hop=HOP)
    watch = Watch(IDENTITY, Level(RULE, 3.25, extrapolated=False), ring=ring, windower=windower, unix=lambda time_s: time_s)
    assert [] == watch.lapse(1e9) == watch.stop("stopped")


# A daemon that ended in the middle of an event


def told_before(told_to: int) -> Watch:
    """A watch whose earlier life told of everything up to an index."""
    watch = watching()
    watch._told_to = told_to
    return watch


def test_what_an_earlier_life_told_in_part_is_not_told_again() -> None:
    """It went on for seconds only: no second event of it."""
    assert [] == life(told_before(1300))


def test_what_goes_on_is_told_from_where_the_earlier_life_ended() -> None:
    """As an event of its own, whole: new, updates, end, numbered from 0."""
    watch = told_before(1300)
    p_values = [STRONG] * 30 + [NORMAL] * 8
    events = [event for i, p in enumerate(p_values) for event in watch.take(judgement(1000 + i * HOP, p))]
    assert ["new", "update", "end"] == [events[0].type, events[1].type, events[-1].type]
    assert [*range(len(events))] == [e.seq for e in events]
    assert {(1300, EPOCH + 13.0, id_of(start=1300))} == {(e.start_index, e.start_unix, e.id) for e in events}
    assert 1300 + 1000 <= events[0].end_index
    assert ["new"] == [e.type for e in watch.take(judgement(4000))]


def test_what_goes_on_is_told_though_no_update_is_due() -> None:
    """Ten seconds after what was told, however seldom updates are."""
    watch = told_before(1300)
    watch.level = Level(replace(RULE, update_s=600.0), 3.25, extrapolated=False)
    told = [(i, event) for i in range(60) for event in watch.take(judgement(1000 + i * HOP))]
    assert [("new", 0, 1300)] == [(e.type, e.seq, e.start_index) for _, e in told]
    assert 1300 + 1000 <= told[0][1].end_index < 1300 + 1000 + HOP
    assert [("end", 1)] == [(e.type, e.seq) for e in watch.stop("stopped")]


def test_what_ends_just_as_it_would_be_told_has_a_beginning_and_an_end() -> None:
    """Nobody hears of an end alone."""
    watch = watching()
    watch.level = Level(replace(RULE, update_s=60.0), 3.25, extrapolated=False)
    watch._told_to = 1300
    p_values = [STRONG] * 30 + [NORMAL] * 8
    events = [event for i, p in enumerate(p_values) for event in watch.take(judgement(1000 + i * HOP, p))]
    assert [("new", 0, None), ("end", 1, "quiet")] == [(e.type, e.seq, e.reason) for e in events]
