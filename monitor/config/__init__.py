"""The configuration file: one TOML, checked once, frozen after."""

from monitor.config.file import inside, load, parse
from monitor.config.node import EvidenceConfig, HealthConfig, HomeAssistantConfig, MqttConfig
from monitor.config.root import Config
from monitor.config.section import NAME, Name
from monitor.config.source import FileConfig, FolderConfig, MicrophoneConfig, NetworkConfig, SourceConfig, StdinConfig
from monitor.config.stream import RENEWED_S, StreamConfig

__all__ = [
    "NAME",
    "RENEWED_S",
    "Config",
    "EvidenceConfig",
    "FileConfig",
    "FolderConfig",
    "HealthConfig",
    "HomeAssistantConfig",
    "MicrophoneConfig",
    "MqttConfig",
    "Name",
    "NetworkConfig",
    "SourceConfig",
    "StdinConfig",
    "StreamConfig",
    "inside",
    "load",
    "parse",
]
