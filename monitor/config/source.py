"""Where a stream comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from monitor.address import address
from monitor.config.section import Duration, Section


class MicrophoneConfig(Section):
    """A sound card."""

    type: Literal["microphone"]
    device: str | None = None
    """Name, or part of it, as `diffmon devices` lists it; the system's default if none."""
    channel: int = Field(default=0, ge=0)
    """Channel to listen to, from 0."""


Pixels = Annotated[int, Field(ge=16, le=16_384)]


class CameraConfig(Section):
    """A camera of this machine."""

    type: Literal["camera"]
    device: str = Field(min_length=1)
    """Path, stable id, or a part of its name, as `diffmon devices` lists it."""
    size: tuple[Pixels, Pixels] | None = None
    """Width and height of its picture; what it prefers if none."""


class FileConfig(Section):
    """Recordings, played one after another as if they were live."""

    type: Literal["file"]
    paths: tuple[Path, ...] = Field(min_length=1)
    loop: bool = False
    """Start again after the last file."""


class FolderConfig(Section):
    """A folder that a recorder fills: each recording once, in order of time."""

    type: Literal["folder"]
    path: Path
    settled: Duration = 10.0
    """A recording that was not written to for so long is whole (s)."""
    silence: Duration = 180.0
    """When for so long no further recording came, there is no signal, and an event ends (s)."""


class NetworkConfig(Section):
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


class StdinConfig(Section):
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


SourceConfig = MicrophoneConfig | CameraConfig | FileConfig | FolderConfig | NetworkConfig | StdinConfig
