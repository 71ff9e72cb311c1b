"""Whether every stream's source delivers sound."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np

from monitor import build
from monitor.config import Config, FileConfig, FolderConfig, MicrophoneConfig, StreamConfig
from monitor.doctor import Finding
from monitor.errors import SourceError
from monitor.source import Source
from monitor.source.lively import lively
from monitor.source.media import probe, sound_files

WITHIN_S = 10.0
"""A microphone delivers living sound within this time."""
LISTENED_S = 1.0
"""Of sound whose level is told."""

Opening = Callable[[StreamConfig, int], Source]


def findings(config: Config, opening: Opening = build.source, *, within_s: float = WITHIN_S) -> Iterator[Finding]:
    """One for each stream's source; `opening` opens a microphone at a rate."""
    for stream in config.stream:
        check = f"sound of {stream.name}"
        match stream.source:
            case MicrophoneConfig():
                yield _microphone(check, stream, opening, within_s)
            case FileConfig(paths=paths):
                yield _files(check, paths)
            case FolderConfig(path=path):
                yield _folder(check, path)


def _microphone(check: str, stream: StreamConfig, opening: Opening, within_s: float) -> Finding:
    rate_hz = build.recording_rate_hz()
    try:
        level_db = _level_db(opening(stream, rate_hz), rate_hz, within_s)
    except SourceError as error:
        return Finding(check, "failed", str(error), _mend(str(error)))
    if level_db is None:
        return Finding(check, "failed", f"no living sound within {within_s:g} s: always the same value, or nothing", "alsamixer")
    return Finding(check, "ok", f"heard, at {level_db:.0f} dBFS")


def _level_db(source: Source, rate_hz: int, within_s: float) -> float | None:
    """The level of a second of living sound, or none if there was none in time. Raises SourceError."""
    heard: list[np.ndarray] = []
    with closing(source):
        # Whoever waits for a block cannot look at a clock.
        limit = threading.Timer(within_s, source.close)
        limit.start()
        try:
            for block in lively(source.blocks(), rate_hz=rate_hz):
                heard = [] if block is None else [*heard, block.items]
                if sum(map(len, heard)) >= LISTENED_S * rate_hz:
                    return float(10 * np.log10(max(1e-12, np.mean(np.square(np.concatenate(heard), dtype=np.float64)))))
        finally:
            limit.cancel()
    return None


def _mend(error: str) -> str:
    """What helps against what a microphone failed with."""
    if "PortAudio is not installed" in error:
        return "apt-get install libportaudio2"
    if "unavailable" in error or "busy" in error:
        return "systemctl stop diffmon  # somebody has the card to himself; try again then"
    if "channels" in error:
        return "channel = 0"
    return 'diffmon devices  # and name one in the stream\'s source: device = "..."'


def _files(check: str, paths: tuple[Path, ...]) -> Finding:
    try:
        files = sound_files(paths)
        for file in files:
            probe(file)
    except SourceError as error:
        return Finding(check, "failed", str(error), f"ls -l {paths[0]}")
    return Finding(check, "ok", f"{len(files)} recording{'s' * (len(files) != 1)} to play")


def _folder(check: str, path: Path) -> Finding:
    if not os.path.lexists(path):
        return Finding(check, "warning", f"{path}: does not exist yet, and is waited for", f"mkdir -p {path}")
    if not os.path.isdir(path):
        return Finding(check, "failed", f"{path}: is no folder", f"ls -l {path}")
    if os.access(path, os.R_OK | os.X_OK):
        return Finding(check, "ok", f"{path}: can be read")
    return Finding(check, "failed", f"{path}: may not be read", f"chmod a+rx {path}")
