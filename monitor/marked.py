"""Events that somebody marked as normal: their clip or frame is kept for the next calibration, and nothing else happens."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from monitor.evidence.names import kept
from monitor.flac import part
from monitor.state import normal_dir


def mark(evidence: Path | None, state: Path | None, stream: str, event: str) -> str | None:
    """Keeps the clip or the frame of an event as normal of its stream; why that cannot be, or none."""
    found = None if evidence is None else kept(evidence, stream, event)
    if found is None or state is None:
        return "nothing of it is kept (yet): [evidence] with audio, or of a camera with picture, and a state_dir keep it"
    copy = normal_dir(state, stream) / "marked" / f"{event}{found.suffix}"
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(found, part(copy))
        part(copy).replace(copy)
    except OSError as error:
        with suppress(OSError):
            part(copy).unlink(missing_ok=True)
        return f"{copy}: cannot be written: {error.strerror}"
    return None
