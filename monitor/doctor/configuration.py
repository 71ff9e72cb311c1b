"""Whether what the configuration names can be opened."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from monitor.config import Config, StreamConfig
from monitor.daemon import judged_by
from monitor.doctor import Finding
from monitor.errors import ModelError
from monitor.opened import open_for, open_stream
from monitor.state import state_dir


def findings(config: Config) -> Iterator[Finding]:
    """One for each stream's model and profile."""
    for stream in config.stream:
        yield _opened(stream, state_dir(config))


def _opened(stream: StreamConfig, state: Path | None) -> Finding:
    check = f"model of {stream.name}"
    try:
        opened = open_stream(stream, state)
        return Finding(check, "ok", judged_by(stream, opened))
    except ModelError as error:
        return Finding(check, "failed", str(error), _mend(stream))


def _mend(stream: StreamConfig) -> str:
    """Makes the profile anew if the model alone can be opened, else the model."""
    try:
        open_for(stream.model, None, kind=stream.kind)
    except ModelError:
        return f"diffmon train NORMAL --out {stream.model}  # NORMAL: a folder with recordings of what is normal"
    return f"diffmon calibrate NORMAL --model {stream.model} --out {stream.profile}  # NORMAL: a folder with recordings of what is normal"
