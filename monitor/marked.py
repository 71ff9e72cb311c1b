"""Events that somebody marked as normal: their sound is kept for the next calibration, and nothing else happens."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from monitor.evidence.names import kept
from monitor.flac import part
from monitor.state import normal_dir


def mark(evidence: Path | None, state: Path | None, stream: str, event: str) -> str | None:
    """Keeps the sound of an event as normal of its stream; why that cannot be, or none."""
    sound = None if evidence is None else kept(evidence, stream, event)
    if sound is None or state is None:
        return "no sound of it is kept (yet): [evidence] with audio and a state_dir keep it"
    clip = normal_dir(state, stream) / "marked" / f"{event}.flac"
    try:
        clip.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(sound, part(clip))
        part(clip).replace(clip)
    except OSError as error:
        with suppress(OSError):
            part(clip).unlink(missing_ok=True)
        return f"{clip}: cannot be written: {error.strerror}"
    return None
