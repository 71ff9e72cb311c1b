"""One stream, and when to raise an alarm on it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, model_validator

from monitor.base import NEEDS, is_base, model_named
from monitor.config.section import Duration, Name, Section
from monitor.config.source import SourceConfig
from monitor.config.view import ViewConfig
from monitor.duration import seconds
from monitor.schedule import Hours, hours, zone

RENEWED_S = 3600.0
"""How much of what is heard after a drift a profile is made anew from, where that is automatic (s)."""


_SOURCES = {"audio": ("microphone", "file", "folder", "network", "stdin"), "image": ("camera", "file", "folder", "network")}
"""Where each kind may come from."""


class StreamConfig(Section):
    """One microphone, camera or file stream, and when to raise an alarm on it."""

    name: Name
    kind: Literal["audio", "image"] = "audio"
    source: Annotated[SourceConfig, Field(discriminator="type")]
    view: ViewConfig | None = None
    """What of its pictures is looked at; only of an image."""
    model: Annotated[Path, BeforeValidator(model_named)]
    """A file, or `base` for the one that comes with the program."""
    profile: Path | None = None
    """What is normal here; the model's own profile if none."""
    false_alarms_per_day: float = Field(default=1.0, ge=0.01, le=1000)
    """`new` events in 24 hours of normal."""
    quiet: Duration = 2.0
    """An event ends when this long nothing strange was there (s)."""
    cooldown: Duration = 5.0
    """After an event's end no new one begins for this long (s)."""
    update: Duration = 5.0
    """While an event lasts, an update is sent this often (s)."""
    quiet_hours: tuple[Annotated[Hours, BeforeValidator(hours)], ...] = ()
    """When no event is told."""
    time_zone: Annotated[ZoneInfo, BeforeValidator(zone)] | None = None
    """Of the quiet hours; the machine's if none."""
    keep_normal: Duration = 7200.0
    """How much normal is kept in the state folder, to calibrate from (s)."""
    learn_for: Annotated[float, BeforeValidator(seconds), Field(ge=10)] | None = None
    """Without a profile of its own, so much is listened to first, and learned from (s)."""
    recalibrate: Literal["never", "auto"] = "never"
    """What is done about drift."""

    @model_validator(mode="after")
    def _fits_its_kind(self) -> StreamConfig:
        fit = _SOURCES[self.kind]
        if self.source.type not in fit:
            expected = f"{', '.join(fit[:-1])} or {fit[-1]}"
            raise ValueError(f"source.type: {self.source.type!r} does not fit kind {self.kind!r}, expected {expected}")
        if self.view is not None and self.kind != "image":
            raise ValueError(f"view: is for kind 'image', and this is {self.kind!r}")
        return self

    @model_validator(mode="after")
    def _knows_its_place(self) -> StreamConfig:
        if is_base(self.model) and self.profile is None and self.learn_for is None:
            raise ValueError(f"profile: missing: {NEEDS}, expected one that `diffmon calibrate` made, or learn_for")
        return self

    @model_validator(mode="after")
    def _enough_is_kept(self) -> StreamConfig:
        if self.learn_for is not None and self.keep_normal < self.learn_for:
            raise ValueError(f"learn_for: {self.learn_for:g} s, but keep_normal keeps {self.keep_normal:g} s, expected at least as much")
        if self.recalibrate == "auto" and self.keep_normal < RENEWED_S:
            raise ValueError(f"recalibrate: 'auto', but keep_normal keeps {self.keep_normal:g} s, expected at least {RENEWED_S:g} s")
        return self
