"""What the daemon is told beside its streams: where to say what, and what to keep."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from monitor.address import is_loopback
from monitor.config.section import Duration, Section, Size


class MqttConfig(Section):
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


class HealthConfig(Section):
    """Where programs ask for the daemon's metrics and for its health."""

    host: str = Field(default="127.0.0.1", min_length=1, pattern=r"^[^\s\"]*$")
    port: int = Field(default=9464, ge=1, le=65535)


class WebConfig(Section):
    """Where people look on: the live page."""

    host: str = Field(default="127.0.0.1", min_length=1, pattern=r"^[^\s\"]*$")
    port: int = Field(default=9465, ge=1, le=65535)
    token_file: Path | None = None
    """File whose first line is what whoever looks must know (systemd's LoadCredential fits); whoever reaches it may look if none."""

    @model_validator(mode="after")
    def _guarded(self) -> WebConfig:
        if self.token_file is None and not is_loopback(self.host):
            raise ValueError(f"token_file: missing, and others than this machine reach {self.host!r}: expected a file with a token")
        return self


class EvidenceConfig(Section):
    """What is kept of how an event sounded or looked."""

    dir: Path | None = None
    """The folder `evidence` in the state folder if none."""
    audio: bool = True
    """Keep the sound itself."""
    picture: bool = True
    """Keep a spectrogram; of a camera frame, reconstruction and overlay."""
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


class HomeAssistantConfig(Section):
    """Home Assistant finds the node by itself."""

    prefix: str = Field(default="homeassistant", pattern=r"^[^#+\s/][^#+\s]*$")
    """Under which it looks for devices."""
