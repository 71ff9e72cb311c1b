"""What is in force on a stream: the file's values, commands, quiet hours."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

import pytest

from monitor.config import StreamConfig
from monitor.control import Control
from monitor.records import Command, Switch
from monitor.sink.outbox import Outbox
from monitor.watch import Level
from tests.scripted import RULE, Kept, Scripted, pipeline

NIGHT = 1767312000.0
"""2026-01-02 00:00 UTC, a Friday."""


class Heard(list[tuple[str, Switch, object]]):
    """What was told to be in force, in order."""

    def __call__(self, stream: str, switch: Switch, value: object) -> None:
        """Takes it down."""
        self.append((stream, switch, value))

    def last(self, switch: Switch) -> object:
        """The latest of one switch."""
        return [value for _, name, value in self if name == switch][-1]


def stream(**changes: object) -> StreamConfig:
    """A stream as the file has it."""
    return StreamConfig.model_validate({"name": "fan", "model": "m", "source": {"type": "microphone"}, **changes})


class Desk:
    """A control over a pipeline that stands still."""

    def __init__(self, outbox: Outbox, file: StreamConfig) -> None:
        self.orders: SimpleQueue[Command] = SimpleQueue()
        self.sink, self.heard, self.now = Kept(), Heard(), NIGHT
        self.spine = pipeline({"fan": Scripted(threading.Event())}, self.sink)
        self.control = Control(
            self.spine,
            [file],
            orders=self.orders,
            level=lambda s: Level(replace(RULE, alarm_p=s.false_alarms_per_day, quiet_s=s.quiet), 3.0, extrapolated=True),
            kept=outbox,
            told=self.heard,
            unix=lambda: self.now,
        )

    def command(self, switch: Switch, value: bool | float | str) -> None:
        """Has a command applied."""
        self.orders.put(Command("fan", switch, value))
        self.control.tick()

    @property
    def rate(self) -> float:
        """The rate in force."""
        return self.spine.watches["fan"].level.rule.alarm_p

    @property
    def muted(self) -> bool:
        """Whether nothing is told."""
        return self.spine.watches["fan"].muted


@contextmanager
def desk(path: Path, **changes: object) -> Iterator[Desk]:
    """A control whose commands are kept in a file."""
    outbox = Outbox(path)
    try:
        yield Desk(outbox, stream(**changes))
    finally:
        outbox.close()


def test_the_file_is_in_force_and_is_told(tmp_path: Path) -> None:
    """Every switch has a value from the beginning."""
    with desk(tmp_path / "o", false_alarms_per_day=3) as it:
        assert (3.0, False) == (it.rate, it.muted)
        assert (True, 3.0, 0.0) == tuple(it.heard.last(s) for s in ("enabled", "false_alarms_per_day", "silence_min"))


def test_a_command_outlives_the_daemon_until_the_file_says_something_new(tmp_path: Path) -> None:
    """The commanded rate wins over the value that it replaced, and loses to a later one."""
    with desk(tmp_path / "o", false_alarms_per_day=3) as it:
        it.command("false_alarms_per_day", 7.0)
        assert (7.0, 7.0) == (it.rate, it.heard.last("false_alarms_per_day"))
    with desk(tmp_path / "o", false_alarms_per_day=3) as it:
        assert 7.0 == it.rate
        it.control.reload([stream(false_alarms_per_day=3, quiet="9s")])
        assert (7.0, 9.0) == (it.rate, it.spine.watches["fan"].level.rule.quiet_s)
        it.control.reload([stream(false_alarms_per_day=4)])
        assert 4.0 == it.rate
    with desk(tmp_path / "o", false_alarms_per_day=5) as it:
        assert 5.0 == it.rate
    with desk(tmp_path / "o", false_alarms_per_day=3) as it:
        assert 3.0 == it.rate  # what was commanded then is forgotten


def test_a_stream_that_is_switched_off_stays_off(tmp_path: Path) -> None:
    """Over a restart too, until it is switched on."""
    with desk(tmp_path / "o") as it:
        it.command("enabled", value=False)
        assert (True, False) == (it.muted, it.heard.last("enabled"))
    with desk(tmp_path / "o") as it:
        assert (True, False) == (it.muted, it.heard.last("enabled"))
        it.command("enabled", value=True)
        assert (False, True) == (it.muted, it.heard.last("enabled"))


def test_a_silence_ends_by_the_clock(tmp_path: Path) -> None:
    """For so many minutes nothing is told, also over a restart; then the switch is at 0 again."""
    with desk(tmp_path / "o") as it:
        it.command("silence_min", 10.0)
        assert (True, 10.0) == (it.muted, it.heard.last("silence_min"))
    with desk(tmp_path / "o") as it:
        it.now += 599
        it.control.tick()
        assert it.muted
        it.now += 2
        it.control.tick()
        assert (False, 0.0) == (it.muted, it.heard.last("silence_min"))


def test_quiet_hours_come_and_go(tmp_path: Path) -> None:
    """By the stream's own time zone: 22 to 6 in Tokyo is 13 to 21 in Greenwich."""
    with desk(tmp_path / "o", quiet_hours=["22:00-06:00"], time_zone="Asia/Tokyo") as it:
        seen = []
        for hour in range(24):
            it.now = NIGHT + 3600 * hour
            it.control.tick()
            seen.append(it.muted)
        assert [13 <= hour < 21 for hour in range(24)] == seen


def test_an_event_of_which_no_sound_is_kept_cannot_be_marked(tmp_path: Path, logs: list[dict[str, object]]) -> None:
    """It is refused with the reason, and the switch keeps its value."""
    with desk(tmp_path / "o") as it:
        it.command("mark_normal", "0123456789abcdef")
        assert "mark_normal" not in [switch for _, switch, _ in it.heard]
    assert ["no sound of events is kept"] == [e["reason"] for e in logs if e["event"] == "control.refused"]


@pytest.mark.parametrize("damaged", ["x", "[1]", "{}"])
def test_a_kept_command_that_cannot_be_read_is_forgotten(damaged: str, tmp_path: Path) -> None:
    """The file's value is then in force: a daemon that does not start hears nothing."""
    outbox = Outbox(tmp_path / "o")
    outbox.keep("command/fan/false_alarms_per_day", damaged)
    assert 1.0 == Desk(outbox, stream()).rate
    outbox.close()
