"""The configuration file: one TOML, checked once, frozen after."""

from monitor.config.file import inside, load, parse
from monitor.config.node import EvidenceConfig, HealthConfig, HomeAssistantConfig, MqttConfig, WebConfig
from monitor.config.root import Config
from monitor.config.section import NAME, Name
from monitor.config.source import CameraConfig, FileConfig, FolderConfig, MicrophoneConfig, NetworkConfig, SourceConfig, StdinConfig
from monitor.config.stream import RENEWED_S, StreamConfig
from monitor.config.view import ViewConfig

__all__ = [
    "NAME",
    "RENEWED_S",
    "CameraConfig",
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
    "ViewConfig",
    "WebConfig",
    "inside",
    "load",
    "parse",
]
