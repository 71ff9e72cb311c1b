"""What is in force on each stream: the file's values, commands, quiet hours.

A commanded value is kept, also over a restart, and goes before the file's until that changes.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue

import structlog

from monitor.config import StreamConfig
from monitor.pipeline import Pipeline
from monitor.records import Command, Switch
from monitor.schedule import quiet
from monitor.sink.outbox import Outbox
from monitor.watch import Level

log = structlog.get_logger(__name__)

Told = Callable[[str, Switch, bool | float | str], None]


@dataclass(slots=True)
class _Stream:
    """One stream, as it is to be watched."""

    file: StreamConfig
    enabled: bool = True
    rate: float = 1.0
    """False alarms a day."""
    silent_until: float = 0.0
    """Unix time."""
    muted: bool = False


class Control:
    """Obeys commands and the clock. All of it runs in the pipeline's thread.

    Args:
        orders: commands that wait to be obeyed.
        level: the alarm level of a stream with its rate of false alarms.
        kept: where commanded values outlive the daemon.
        told: hears what is in force, by stream and switch, whenever that changes.
        unix: wall time in unix seconds.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        streams: Sequence[StreamConfig],
        *,
        orders: SimpleQueue[Command],
        level: Callable[[StreamConfig], Level],
        kept: Outbox,
        told: Told,
        unix: Callable[[], float] = time.time,
    ) -> None:
        """Puts in force what was commanded before."""
        self._pipeline, self._orders = pipeline, orders
        self._level, self._kept, self._told, self._unix = level, kept, told, unix
        self.mark: Callable[[str, str], str | None] = lambda stream, event: "no sound of events is kept"
        """Keeps an event as normal of its stream; why it cannot, or none."""
        self.refused: Callable[[str, str, str], None] = lambda stream, event, reason: None
        """Hears of a stream's event why it could not be marked."""
        self._streams = {s.name: _Stream(s) for s in streams}
        self.reload(streams)

    def reload(self, streams: Sequence[StreamConfig]) -> None:
        """Puts new values of the file in force, for streams that are there; what was commanded stands, unless its value changed."""
        for file in streams:
            stream = self._streams[file.name]
            stream.file = file
            stream.enabled = bool(self._commanded(file, "enabled", True))
            stream.rate = float(self._commanded(file, "false_alarms_per_day", file.false_alarms_per_day))
            stream.silent_until = float(self._commanded(file, "silence_min", 0.0))
            self._enforce(stream)

    def recalibrated(self, stream: str) -> None:
        """Puts the alarm level of a stream's new profile in force."""
        self._enforce(self._streams[stream])

    def _apply(self, command: Command) -> None:
        """Does what is wanted, and keeps it."""
        stream = self._streams[command.stream]
        log.info("control.commanded", stream=command.stream, switch=command.switch, value=command.value)
        match command.switch, command.value:
            case "enabled", bool(on):
                stream.enabled = on
                self._keep(command, on, True)
            case "false_alarms_per_day", float(rate):
                stream.rate = rate
                self._keep(command, rate, stream.file.false_alarms_per_day)
            case "silence_min", float(minutes):
                stream.silent_until = self._unix() + 60 * minutes
                self._keep(command, stream.silent_until, 0.0)
            case "mark_normal", str(event):
                self._mark_normal(command.stream, event)
                return
        self._enforce(stream)

    def tick(self) -> None:
        """Obeys what waits, and the clock: quiet hours, and the end of a silence."""
        with suppress(Empty):
            while True:
                self._apply(self._orders.get_nowait())
        for name, stream in self._streams.items():
            if stream.silent_until and self._unix() >= stream.silent_until:
                stream.silent_until = 0.0
                self._told(name, "silence_min", 0.0)
            self._mute(stream)

    def _enforce(self, stream: _Stream) -> None:
        """Makes the pipeline follow, and tells what is in force."""
        name = stream.file.name
        self._pipeline.watches[name].level = self._level(stream.file.model_copy(update={"false_alarms_per_day": stream.rate}))
        self._mute(stream)
        self._pipeline.disable(name, not stream.enabled)
        self._told(name, "enabled", stream.enabled)
        self._told(name, "false_alarms_per_day", stream.rate)
        self._told(name, "silence_min", float(math.ceil(max(0.0, stream.silent_until - self._unix()) / 60)))

    def _mute(self, stream: _Stream) -> None:
        now = self._unix()
        hushed = quiet(stream.file.quiet_hours, now, stream.file.time_zone)
        muted = hushed or not stream.enabled or now < stream.silent_until
        if muted != stream.muted:
            stream.muted = muted
            self._pipeline.mute(stream.file.name, muted)
            log.info("control.muted" if muted else "control.unmuted", stream=stream.file.name, quiet_hours=hushed, enabled=stream.enabled)

    def _mark_normal(self, stream: str, event: str) -> None:
        refused = self.mark(stream, event)
        if refused is None:
            self._told(stream, "mark_normal", event)
        else:
            log.warning("control.refused", stream=stream, switch="mark_normal", event_id=event, reason=refused)
            self.refused(stream, event, refused)

    def _keep(self, command: Command, value: float, file: float) -> None:
        self._kept.keep(_name(command.stream, command.switch), json.dumps([value, file]))

    def _commanded(self, file: StreamConfig, switch: Switch, value: float) -> float:
        """What was commanded when the file had this value, or the value."""
        text = self._kept.kept(_name(file.name, switch))
        try:
            commanded, before = (value, value) if text is None else json.loads(text)
            if before != value:  # forgotten: it must not come back with the file's old value
                self._keep(Command(file.name, switch, value), value, value)
                return value
            return float(commanded)
        except (TypeError, ValueError):  # not as we wrote it: a daemon that does not start would hear nothing
            return value


def _name(stream: str, switch: Switch) -> str:
    return f"command/{stream}/{switch}"
