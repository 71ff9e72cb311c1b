"""All of the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from monitor.config.node import EvidenceConfig, HealthConfig, HomeAssistantConfig, MqttConfig, WebConfig
from monitor.config.section import Duration, Name, Section
from monitor.config.source import StdinConfig
from monitor.config.stream import StreamConfig


class Config(Section):
    """All of `diffmon.toml`."""

    node: Name = "diffmon"
    """This box, in topics and events."""
    topic: str = Field(default="diffmon", pattern=r"^[^#+\s/][^#+\s]*$")
    """First level of every topic."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the network runs."""
    max_wait: Annotated[Duration, Field(le=1)] = 0.0
    """How long a window may wait to be judged together with others (s)."""
    state_dir: Path | None = None
    """Folder for what must outlive the daemon; the one that systemd gives (`STATE_DIRECTORY`) if none."""
    mqtt: MqttConfig | None = None
    """No broker, no MQTT: events then go to standard output alone."""
    health: HealthConfig | None = None
    """No section, no port."""
    web: WebConfig | None = None
    """No section, no page."""
    evidence: EvidenceConfig | None = None
    """No section, nothing is kept of any event."""
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
