"""The configuration file: one TOML, checked once, frozen after."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from monitor.address import address
from monitor.duration import seconds
from monitor.errors import ConfigError
from monitor.schedule import Hours, hours, zone
from monitor.size import size

NAME = r"^[a-z0-9][a-z0-9_-]{0,31}$"

RENEWED_S = 3600.0
"""How much of what is heard after a drift a profile is made anew from, where that is automatic (s)."""

Duration = Annotated[float, BeforeValidator(seconds), Field(ge=0)]
Size = Annotated[int, BeforeValidator(size), Field(ge=0)]
Name = Annotated[str, Field(pattern=NAME)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class MqttConfig(_Section):
    """The broker."""

    host: str = Field(default="localhost", min_length=1, pattern=r"^[^\s\"]*$")
    port: int = Field(default=1883, ge=1, le=65535)
    username: str | None = None
    password_file: Path | None = None
    """File whose first line is the password (systemd's LoadCredential fits)."""
    tls: bool = False
    ca_file: Path | None = None
    """Certificates to trust instead of the system's; needs `tls`."""
    cert_file: Path | None = None
    """Certificate by which the broker knows us (PEM); needs `tls`."""
    key_file: Path | None = None
    """Its key, if it is not in the same file; needs `cert_file`."""
    client_id: str | None = None
    """Stable and unique on the broker; `diffmon-<node>` if none."""
    keepalive: Duration = 5.0
    """Seconds between signs of life (s)."""

    @model_validator(mode="after")
    def _coherent(self) -> MqttConfig:
        if self.ca_file is not None and not self.tls:
            raise ValueError("ca_file needs tls = true")
        if self.cert_file is not None and not self.tls:
            raise ValueError("cert_file needs tls = true")
        if self.key_file is not None and self.cert_file is None:
            raise ValueError("key_file needs a cert_file")
        if self.password_file is not None and self.username is None:
            raise ValueError("password_file needs a username")
        return self


class HealthConfig(_Section):
    """Where programs ask for the daemon's metrics and for its health."""

    host: str = Field(default="127.0.0.1", min_length=1, pattern=r"^[^\s\"]*$")
    port: int = Field(default=9464, ge=1, le=65535)


class EvidenceConfig(_Section):
    """What is kept of how an event sounded."""

    dir: Path | None = None
    """The folder `evidence` in the state folder if none."""
    audio: bool = True
    """Keep the sound itself."""
    picture: bool = True
    """Keep a spectrogram."""
    before: Duration = Field(default=5.0, le=60)
    """From before the event's start (s)."""
    after: Duration = Field(default=5.0, le=60)
    """From after its end (s)."""
    longest: Duration = Field(default=60.0, le=300)
    """In all; the rest of a longer event is not kept (s)."""
    keep: Duration = 30 * 86400.0
    """A file is deleted after so long (s)."""
    max_size: Size = 2 << 30
    """All files together (bytes)."""
    free: Size = 1 << 30
    """Left free on the disk (bytes)."""

    @model_validator(mode="after")
    def _coherent(self) -> EvidenceConfig:
        if not (self.audio or self.picture):
            raise ValueError("audio and picture are both false: nothing would be kept, expected one of them or no [evidence]")
        if self.longest <= self.before:
            raise ValueError(f"longest: {self.longest:g} s is not more than before, {self.before:g} s: the event itself would not be kept")
        return self


class HomeAssistantConfig(_Section):
    """Home Assistant finds the node by itself."""

    prefix: str = Field(default="homeassistant", pattern=r"^[^#+\s/][^#+\s]*$")
    """Under which it looks for devices."""


class MicrophoneConfig(_Section):
    """A sound card."""

    type: Literal["microphone"]
    device: str | None = None
    """Name, or part of it, as `diffmon devices` lists it; the system's default if none."""
    channel: int = Field(default=0, ge=0)
    """Channel to listen to, from 0."""


class FileConfig(_Section):
    """Recordings, played one after another as if they were live."""

    type: Literal["file"]
    paths: tuple[Path, ...] = Field(min_length=1)
    loop: bool = False
    """Start again after the last file."""


class FolderConfig(_Section):
    """A folder that a recorder fills: each recording once, in order of time."""

    type: Literal["folder"]
    path: Path
    silence: Duration = 180.0
    """An event ends when for so long no further recording came (s)."""


class NetworkConfig(_Section):
    """A stream over the network."""

    type: Literal["network"]
    url: Annotated[str, BeforeValidator(address)]
    """Without a login."""
    username: str | None = None
    password_file: Path | None = None
    """File whose first line is the password (systemd's LoadCredential fits)."""

    @model_validator(mode="after")
    def _coherent(self) -> NetworkConfig:
        if self.password_file is not None and self.username is None:
            raise ValueError("password_file needs a username")
        return self


class StdinConfig(_Section):
    """Raw sound from standard input, until it ends."""

    type: Literal["stdin"]
    rate_hz: int = Field(ge=1000, le=384_000)
    channels: int = Field(default=1, ge=1, le=64)
    """Interleaved."""
    channel: int = Field(default=0, ge=0)
    """Channel to listen to, from 0."""
    format: Literal["s16le", "s24le", "s32le", "f32le"] = "s16le"
    """Of a sample."""

    @model_validator(mode="after")
    def _there(self) -> StdinConfig:
        if self.channel >= self.channels:
            raise ValueError(f"channel {self.channel} (from 0) is not one of {self.channels} channels")
        return self


SourceConfig = MicrophoneConfig | FileConfig | FolderConfig | NetworkConfig | StdinConfig


class StreamConfig(_Section):
    """One microphone or file stream, and when to raise an alarm on it."""

    name: Name
    kind: Literal["audio"] = "audio"
    source: Annotated[SourceConfig, Field(discriminator="type")]
    model: Path
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
    def _enough_is_kept(self) -> StreamConfig:
        if self.learn_for is not None and self.keep_normal < self.learn_for:
            raise ValueError(f"learn_for: {self.learn_for:g} s, but keep_normal keeps {self.keep_normal:g} s, expected at least as much")
        if self.recalibrate == "auto" and self.keep_normal < RENEWED_S:
            raise ValueError(f"recalibrate: 'auto', but keep_normal keeps {self.keep_normal:g} s, expected at least {RENEWED_S:g} s")
        return self


class Config(_Section):
    """All of `diffmon.toml`."""

    node: Name = "diffmon"
    """This box, in topics and events."""
    topic: str = Field(default="diffmon", pattern=r"^[^#+\s/][^#+\s]*$")
    """First level of every topic."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the network runs."""
    state_dir: Path | None = None
    """Folder for what must outlive the daemon; the one that systemd gives (`STATE_DIRECTORY`) if none."""
    mqtt: MqttConfig | None = None
    """No broker, no MQTT: events then go to standard output alone."""
    health: HealthConfig | None = None
    """No section, no port."""
    evidence: EvidenceConfig | None = None
    """No section, nothing is kept of the sound."""
    homeassistant: HomeAssistantConfig | None = None
    """Without it Home Assistant is not told of this node."""
    jsonl: bool = True
    """Write each event as a JSON line to standard output."""
    stream: tuple[StreamConfig, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _someone_hears(self) -> Config:
        if not self.jsonl and self.mqtt is None:
            raise ValueError("jsonl: False without [mqtt]: nobody would hear of any event")
        return self

    @model_validator(mode="after")
    def _home_is_reached(self) -> Config:
        if self.homeassistant is not None and self.mqtt is None:
            raise ValueError("homeassistant: needs [mqtt]")
        return self

    @model_validator(mode="after")
    def _one_reads_stdin(self) -> Config:
        readers = [i for i, s in enumerate(self.stream) if isinstance(s.source, StdinConfig)]
        if len(readers) > 1:
            raise ValueError(f"stream[{readers[1]}].source.type: 'stdin' is taken by stream[{readers[0]}]")
        return self

    @model_validator(mode="after")
    def _names_differ(self) -> Config:
        names = [s.name for s in self.stream]
        for i, name in enumerate(names):
            if name in names[:i]:
                raise ValueError(f"stream[{i}].name: {name!r} is taken by stream[{names.index(name)}]")
        return self


_BARE = re.compile(r"[A-Za-z0-9_-]+")  # keys that TOML takes without quotes


def _dotted(location: tuple[int | str, ...]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part if _BARE.fullmatch(part) else repr(part)}"
    return text.lstrip(".")


_TAGS = {c.model_fields["type"].annotation.__args__[0] for c in get_args(SourceConfig)}


def _keys(location: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """The location as the file has it: a tagged union puts its tag ("microphone") behind `source`, the file has no such key."""
    return tuple(p for i, p in enumerate(location) if i == 0 or location[i - 1] != "source" or p not in _TAGS)


def _sentence(error: Any) -> str:
    """One line for one pydantic error: key, value, what was expected."""
    where = _dotted(_keys(error["loc"]))
    match error["type"]:
        case "extra_forbidden":
            what = "unknown key"
        case "missing":
            what = "missing"
        case "value_error":
            what = str(error["ctx"]["error"])
        case "union_tag_not_found":
            where, what = f"{where}.type", "missing"
        case "union_tag_invalid":
            where, what = f"{where}.type", f"{error['ctx']['tag']!r}: expected {error['ctx']['expected_tags'].replace(', ', ' or ')}"
        case "tuple_type":
            what = "expected a list"
        case "too_short":
            what = f"{error['input']!r}: expected at least {error['ctx']['min_length']}"
        case "model_type" | "model_attributes_type":
            what = "expected a section"
        case _:
            what = f"{error['input']!r}: {error['msg'][0].lower()}{error['msg'][1:]}"
    return f"{where}: {what}" if where else what


def parse(data: dict[str, Any], *, name: str, folder: Path) -> Config:
    """Configuration from parsed TOML; relative paths are taken from `folder`. Raises ConfigError naming every fault."""
    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        errors = error.errors()
        # A list whose only item is wrong is also reported as too short: that follows, and would only distract.
        around = {e["loc"][:n] for e in errors for n in range(len(e["loc"]))}
        lines = [f"{name}: {_sentence(e)}" for e in errors if e["loc"] not in around]
        raise ConfigError("\n".join(lines)) from None
    absolute: Config = _absolute(config, folder)
    return absolute


def _absolute(section: Any, folder: Path) -> Any:
    """The same section with every relative path taken from `folder`."""
    if isinstance(section, Path):
        return section if section.is_absolute() else folder / section
    if isinstance(section, tuple):
        return tuple(_absolute(s, folder) for s in section)
    if isinstance(section, BaseModel):
        return section.model_copy(update={k: _absolute(getattr(section, k), folder) for k in type(section).model_fields})
    return section


def load(path: Path) -> Config:
    """Configuration of a file. Raises ConfigError: file, key, value, what was expected."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None
    return parse(data, name=str(path), folder=path.parent)
