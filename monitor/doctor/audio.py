"""Whether every stream of sound is heard."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np

from monitor import feed
from monitor.address import shown
from monitor.config import Config, FileConfig, FolderConfig, MicrophoneConfig, NetworkConfig, StdinConfig, StreamConfig
from monitor.doctor import Finding
from monitor.errors import SourceError
from monitor.source import Source
from monitor.source.lively import lively
from monitor.source.medium import search
from monitor.source.pulse import SoundPulse

WITHIN_S = 10.0
"""A live source delivers living sound within this time."""
LISTENED_S = 1.0
"""Of sound whose level is told."""

Opening = Callable[[StreamConfig], Source]


def findings(config: Config, opening: Opening = feed.recorded_source, *, within_s: float = WITHIN_S) -> Iterator[Finding]:
    """One for each stream's source; `opening` opens one that is live."""
    for stream in config.stream:
        if stream.kind != "audio":
            continue
        check = f"sound of {stream.name}"
        opened = partial(opening, stream)
        match stream.source:
            case MicrophoneConfig():
                yield _heard(partial(Finding, check), opened, within_s, silent="alsamixer", mend=_mend)
            case NetworkConfig() as network:
                silent = f"ffplay {asked(network)}  # silent there too? then it is its camera or microphone"
                yield _heard(partial(Finding, check), opened, within_s, silent=silent, mend=partial(mend_network, network))
            case StdinConfig():
                yield Finding(check, "ok", "not tried: standard input is the daemon's own")
            case FileConfig(paths=paths):
                yield files(check, stream, paths)
            case FolderConfig(path=path):
                yield folder(check, path)


def _heard(
    finding: Callable[..., Finding],
    opening: Callable[[], Source],
    within_s: float,
    *,
    silent: str,
    mend: Callable[[str], str],
) -> Finding:
    """What is heard of a live source, else what mends that it is silent, or what it failed with."""
    try:
        level_db = _level_db(opening(), within_s)
    except SourceError as error:
        return finding("failed", str(error), mend(str(error)))
    if level_db is None:
        return finding("failed", f"no living sound within {within_s:g} s: always the same value, or nothing", silent)
    return finding("ok", f"heard, at {level_db:.0f} dBFS")


def _level_db(source: Source, within_s: float) -> float | None:
    """The level of a second of living sound, or none if there was none in time. Raises SourceError."""
    heard: list[np.ndarray] = []
    with closing(source):
        # Whoever waits for a block cannot look at a clock.
        limit = threading.Timer(within_s, source.close)
        limit.start()
        try:
            for block, _ in lively(source.blocks(), SoundPulse(source.rate_hz)):
                heard = [] if block is None else [*heard, block.items]
                if sum(map(len, heard)) >= LISTENED_S * source.rate_hz:
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


def mend_network(network: NetworkConfig, error: str) -> str:
    """What helps against what a network stream failed with."""
    if "source.password_file" in error:
        return f"ls -l {network.password_file}"
    if "returned 401" in error or "returned 403" in error:
        return 'username = "..."  and  password_file = "..."  # in the stream\'s source, as the server knows them'
    return f'ffprobe -v error {asked(network)}  # from here; then, in the stream\'s source: url = "..."'


def asked(network: NetworkConfig) -> str:
    """How FFmpeg's programs are told of the stream, without its secrets."""
    return "-rtsp_transport tcp " * network.url.startswith("rtsp") + shown(network.url)


def files(check: str, stream: StreamConfig, paths: tuple[Path, ...]) -> Finding:
    """Whether a stream's files can be read."""
    try:
        reads = feed.files(stream, feed.recorded_sense(stream))
        found = search(paths, reads.files)
        for file in found:
            reads.probe(file)
    except SourceError as error:
        return Finding(check, "failed", str(error), f"ls -l {paths[0]}")
    return Finding(check, "ok", f"{len(found)} recording{'s' * (len(found) != 1)} to play")


def folder(check: str, path: Path) -> Finding:
    """Whether a folder that is filled can be read."""
    if not os.path.lexists(path):
        return Finding(check, "warning", f"{path}: does not exist yet, and is waited for", f"mkdir -p {path}")
    if not os.path.isdir(path):
        return Finding(check, "failed", f"{path}: is no folder", f"ls -l {path}")
    if os.access(path, os.R_OK | os.X_OK):
        return Finding(check, "ok", f"{path}: can be read")
    return Finding(check, "failed", f"{path}: may not be read", f"chmod a+rx {path}")
