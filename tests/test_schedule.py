"""Quiet hours: local times of day on days of the week."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.schedule import hours, quiet, zone

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> float:
    """Unix time of a local time in Berlin."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()


@pytest.mark.parametrize(
    ("schedule", "when", "expected"),
    [
        ("22:00-06:00", "2026-11-25T22:00", True),
        ("22:00-06:00", "2026-11-25T05:59", True),
        ("22:00-06:00", "2026-11-25T06:00", False),
        ("mon-fri 07:00-19:00", "2026-11-27T18:59", True),
        ("mon-fri 07:00-19:00", "2026-11-28T12:00", False),
        ("sat,sun 00:00-24:00", "2026-11-29T23:59", True),
        ("sat,sun 00:00-24:00", "2026-11-30T00:00", False),
        ("fri 22:00-06:00", "2026-11-28T05:00", True),
        ("fri 22:00-06:00", "2026-11-27T05:00", False),
        ("sat-mon 12:00-13:00", "2026-11-30T12:30", True),
    ],
)
def test_a_time_is_quiet_or_not(schedule: str, when: str, *, expected: bool) -> None:
    """What goes past midnight belongs to the day on which it begins; days may go over the week's end."""
    assert expected is quiet([hours(schedule)], at(when), BERLIN)


def test_the_clock_on_the_wall_decides_when_it_is_changed() -> None:
    """In the night that has the hour from two to three twice, 02:00-03:00 is quiet for two hours; in the other for none."""
    long, short = at("2026-10-25T00:00"), at("2026-03-29T00:00")
    schedule = [hours("02:00-03:00")]
    assert [120, 0] == [sum(quiet(schedule, night + 60 * i, BERLIN) for i in range(8 * 60)) for night in (long, short)]


@given(st.text() | st.integers() | st.none())
def test_what_is_no_time_is_refused_in_a_sentence(text: object) -> None:
    """Whatever it is."""
    try:
        hours(text)  # type: ignore[arg-type]
    except ValueError as error:
        assert "is not a time like 22:00-06:00" in str(error)  # noqa: PT017  # a right one is right, too


@pytest.mark.parametrize("name", ["Europe/Atlantis", "", "../etc/passwd", 3])
def test_an_unknown_zone_is_refused(name: str) -> None:
    """With what was expected."""
    with pytest.raises(ValueError, match="is no time zone that this machine knows, expected a name like Europe/Berlin"):
        zone(name)
