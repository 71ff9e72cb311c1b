"""What a frame of `run` at a terminal shows of the daemon, in whatever room there is."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.records import StreamStatus
from monitor.sink.newest import KEPT, Newest
from monitor.sink.vitals import Vitals
from monitor.terminal.bar import ASCII, BLOCKS, bar
from monitor.terminal.frame import frame
from monitor.terminal.look import LATE_S, Look, Looking
from tests.asking import delivery, pulse, vitals
from tests.events import EVENT, READING

AT_S = 1767323045.0
"""When the reading's window ended (unix)."""


def daemon(*streams: str) -> tuple[Vitals, Newest]:
    """A daemon that is well and hears these streams, each with one window, judged 0.4 s after its end."""
    found, newest = vitals(*streams), Newest(unix=lambda: AT_S + 0.4)
    found.statuses = dict.fromkeys(streams, "online")
    found.pulse, found.threshold = pulse(time.monotonic()), lambda stream: 5.0
    for stream in streams:
        newest.reading(replace(READING, stream=stream))
    return found, newest


def looked(found: Vitals, newest: Newest, *, after_s: float = 1.0) -> Look:
    """A look, so long after the window's end."""
    return Looking("barn", found, newest, began_unix_s=AT_S).look(AT_S + after_s)


def lines(look: Look, width: int = 90, height: int = 24, *, ascii_only: bool = False) -> list[str]:
    """The frame's lines."""
    return frame(look, width=width, height=height, ascii_only=ascii_only).plain.split("\n")


def row(look: Look, stream: str, width: int = 90) -> str:
    """The line of a stream."""
    (found,) = [line for line in lines(look, width) if line.startswith(f"{stream} ")]
    return found.rstrip()


def test_a_stream_has_its_bar_and_its_numbers() -> None:
    """Name, status, bar up to score with the alarm level at two thirds, score, alarm level, level, lag."""
    found, newest = daemon("fan")
    newest.reading(replace(READING, score=2.5))
    assert "fan    online    █████████         │            2.5    5.0  -31.2  0.4 s" == row(looked(found, newest), "fan", 72)
    assert "fan    online    ██  │      2.5    5.0  -31.2  0.4 s" == row(looked(found, newest), "fan", 52)
    assert "fan    online    ███   │      2.5    5.0" == row(looked(found, newest), "fan", 40)


def test_a_picture_is_bright_and_not_loud() -> None:
    """A camera's level is told in per cent, under a heading that says of what; where both are watched it names both."""
    found, newest = daemon("fan", "gate")
    headings = []
    for seen in ({}, {"gate"}, {"fan", "gate"}):
        found.seen = frozenset(seen)
        headings.append(next(line for line in lines(looked(found, newest)) if line.startswith("stream ")).split()[-3:])
    assert [["alarm", "dBFS", "lag"], ["alarm", "dBFS/%", "lag"], ["alarm", "bright", "lag"]] == headings
    found.seen = frozenset({"gate"})
    assert ("-31.2", "3 %") == tuple(row(looked(found, newest), name)[-13:-7].strip() for name in ("fan", "gate"))


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("starting", "its source has not delivered yet"),
        ("learning", "listens first, and is not judged yet"),
        ("no_signal", "no signal: frozen"),
        ("disabled", "switched off: heard, not judged"),
        ("offline", "its source does not deliver, opened again 3 times"),
    ],
)
def test_a_stream_that_is_not_judged_says_why(status: StreamStatus, expected: str) -> None:
    """In the place of its bar, also at 60 columns; an old score is not shown as if it were of now."""
    found, newest = daemon("fan")
    found.statuses["fan"] = status
    found.reason, found.restarts = lambda stream: "frozen", lambda stream: 3
    assert f"fan    {status:9} {expected}"[:59] == row(looked(found, newest), "fan", 60)[:59]


def test_before_anything_is_there() -> None:
    """A daemon that loads its models: every stream says so, there is no event, and it is said what is waited for."""
    look = looked(vitals("fan"), Newest())
    assert "fan    starting  the models are being loaded" == row(look, "fan")
    assert "pipeline: starting: the models are being loaded" in lines(look)
    assert "no events yet" == lines(look)[-1]
    found, newest = vitals("fan"), Newest()
    found.pulse, found.statuses["fan"] = pulse(time.monotonic()), "online"
    assert "fan    online    no window was judged yet" == row(looked(found, newest), "fan")


def test_an_event_is_an_alarm_until_it_ends() -> None:
    """The stream's state says so, and the list of events has one line for it, its last step."""
    found, newest = daemon("fan")
    newest.event(EVENT)
    assert "ALARM" == row(looked(found, newest), "fan").split()[1]
    assert [True] == [
        " fan    ALARM  2.0 s    5.5  100 to 2000 Hz  p 1e-07 (ex" in line for line in lines(looked(found, newest)) if "Hz" in line
    ]
    newest.event(replace(EVENT, type="end", seq=1, reason="signal_lost", end_unix=EVENT.start_unix + 75))
    assert "online" == row(looked(found, newest), "fan").split()[1]
    (line,) = [line for line in lines(looked(found, newest), 120) if "Hz" in line]
    assert " fan    ended   75 s    5.5  100 to 2000 Hz  p 1e-07 (extrapolated)  signal_lost" in line


def test_the_newest_events_are_kept() -> None:
    """The last of them first; an alarm that goes on is one, even when others have driven it out."""
    found, newest = daemon("fan", "pump")
    newest.event(EVENT)
    for n in range(KEPT):
        newest.event(replace(EVENT, id=str(n), stream="pump", type="end", reason="quiet"))
    assert [str(n) for n in reversed(range(KEPT))] == [e.id for e in newest.events()]
    assert "ALARM" == row(looked(found, newest), "fan").split()[1]


def test_lag_goes_on_when_a_window_is_awaited() -> None:
    """It is the time from a window's end to its judgement; of one that does not come, to now."""
    found, newest = daemon("fan")
    assert pytest.approx(0.4) == looked(found, newest, after_s=0.4 + LATE_S).streams[0].lag_s
    assert pytest.approx(60.0) == looked(found, newest, after_s=60.0).streams[0].lag_s


def test_what_is_not_well_stands_at_the_top() -> None:
    """A broker that is away, in words; when it is there again, that it is."""
    found, newest = daemon("fan")
    found.delivery = lambda: delivery(connected=False, waiting=3)
    assert "broker: not connected" == lines(looked(found, newest))[1]
    found.delivery = lambda: delivery(acked_s=time.monotonic())
    assert "  broker connected" in lines(looked(found, newest))[0]
    found.pulse = pulse(time.monotonic() - 60.0)
    assert "pipeline: no progress for 60 s" == lines(looked(found, newest))[1]


def test_where_not_all_streams_fit_those_that_matter_are_shown() -> None:
    """Alarms, then what is not heard, then the strangest, in the order of the configuration; the others are counted."""
    found, newest = daemon(*(f"s{n:02d}" for n in range(30)))
    newest.event(replace(EVENT, stream="s29"))
    found.statuses["s05"] = "no_signal"
    found.statuses["s06"] = "learning"
    newest.reading(replace(READING, stream="s17", score=4.0))
    shown = lines(looked(found, newest), 60, 10)
    assert ["s00", "s01", "s05", "s17", "s29"] == [line.split()[0] for line in shown[2:7]]
    assert "and 25 more: 24 online, 1 learning" == shown[7].rstrip()
    assert 30 == sum(line.startswith("s") for line in lines(looked(found, newest), 60, 40)) - 1


@given(
    width=st.integers(1, 200), height=st.integers(1, 60), streams=st.integers(1, 40), events=st.integers(0, 12), ascii_only=st.booleans()
)
def test_it_fits_into_every_terminal(width: int, height: int, streams: int, events: int, ascii_only: bool) -> None:
    """Never a line or a column too many; and nothing but ASCII, where nothing else can be shown."""
    found, newest = daemon(*(f"a-stream-with-a-name-{n}" for n in range(streams)))
    for n in range(events):
        newest.event(replace(EVENT, id=str(n), stream=f"a-stream-with-a-name-{n % streams}"))
    shown = lines(looked(found, newest), width, height, ascii_only=ascii_only)
    assert height >= len(shown)
    assert width >= max(map(len, shown))
    assert not ascii_only or all(line.isascii() for line in shown)


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (-2.0, "      │   "),
        (0.0, "      │   "),
        (1.0, "█▏    │   "),
        (5.0, "██████│   "),
        (4.99, "█████▉│   "),
        (6.0, "██████│█▏ "),
        (6.6, "██████│█▉ "),
        (1e9, "██████│███"),
        (float("inf"), "██████│███"),
        (float("nan"), "      │   "),
    ],
)
def test_a_bar_crosses_the_mark_where_the_alarm_level_is_reached(score: float, expected: str) -> None:
    """What is below it is drawn before the mark, what is above it behind."""
    assert expected == bar(score, 5.0, 10, BLOCKS).plain


def test_a_bar_is_drawn_with_what_there_is() -> None:
    """Without blocks in whole cells; without an alarm level not at all."""
    assert "===   |   " == bar(2.5, 5.0, 10, ASCII).plain
    assert {"      │   "} == {bar(2.5, level, 10, BLOCKS).plain for level in (0.0, -1.0, float("nan"), float("inf"))}
