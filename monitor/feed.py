"""Which source a stream has, and what its normal is recorded as. A part of the composition root."""

from __future__ import annotations

from models.representation import Representation
from monitor import live
from monitor.config import CameraConfig, FileConfig, MicrophoneConfig, NetworkConfig, StdinConfig, StreamConfig
from monitor.errors import ConfigError
from monitor.flac import Sound
from monitor.opened import medium, representation, usual_grid, view
from monitor.segment import SegmentKind
from monitor.source import Source
from monitor.source.file import FileSource, Paced
from monitor.source.medium import Medium, search


def source(stream: StreamConfig, sense: Representation) -> Source:
    """Opens the source of one stream, for what a representation takes. Raises SourceError."""
    looks = view(stream, sense.item[0])
    match stream.source:
        case CameraConfig() | NetworkConfig() as section if looks is not None:
            return live.seen(section, sense.rate_hz, looks)
        case MicrophoneConfig() | NetworkConfig() | StdinConfig() as section:
            return live.heard(section, round(sense.rate_hz))
        case FileConfig(paths=paths, loop=loop):
            reads = files(stream, sense)
            return Paced(FileSource(search(paths, reads.files), reads, loop=loop))
    raise ConfigError(f"stream {stream.name}: its source is a folder of recordings, expected one that is heard as it plays")


def is_live(stream: StreamConfig) -> bool:
    """Whether what is not heard now is lost, and a source that fails may come back."""
    return isinstance(stream.source, MicrophoneConfig | CameraConfig | NetworkConfig | StdinConfig)


def is_once(stream: StreamConfig) -> bool:
    """Whether the source can be opened only once: what one process has taken from standard input, another would miss."""
    return isinstance(stream.source, StdinConfig)


def recorded_source(stream: StreamConfig) -> Source:
    """Opens the source of one stream as normal of it is recorded. Raises SourceError."""
    return source(stream, recorded_sense(stream))


def files(stream: StreamConfig, sense: Representation) -> Medium:
    """What reads a stream's files."""
    return medium(stream.kind, sense, view(stream, sense.item[0]))


def recorded_sense(stream: StreamConfig) -> Representation:
    """As what normal is recorded: as the models take it that will learn from it."""
    rate = {} if stream.view is None or stream.view.rate_hz is None else {"rate_hz": stream.view.rate_hz}
    return representation(stream.kind, usual_grid(stream.kind) | rate)


def segment(stream: StreamConfig) -> SegmentKind:
    """As which files normal of a stream is recorded, without loss."""
    if stream.kind == "image":
        from monitor.ffv1 import Video

        return SegmentKind(".mkv", Video)
    return SegmentKind(".flac", lambda path, rate_hz: Sound(path, round(rate_hz)))
