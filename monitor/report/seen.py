"""An event of a camera, closely: its strangest frame, what normal would have been, and where they differ."""

from __future__ import annotations

from contextlib import closing

from monitor.errors import SourceError
from monitor.evidence.image import in_item, strangest
from monitor.evidence.overlay import overlay, reconstruction
from monitor.offline import Judging
from monitor.recording import Recording
from monitor.records import Box, Event, Window
from monitor.report.closeup import Closeup, Picture


def closeup(event: Event, recording: Recording, end: int, by: Judging) -> Closeup:
    """Of one event of a video or picture. Raises SourceError, OutOfMemoryError."""
    rate_hz = by.reads.rate_hz
    index = min(strangest(event.start_index, event.where, rate_hz), end - 1)
    items = by.reads.read(recording.path, start_s=index / rate_hz, seconds=1 / rate_hz)
    if not len(items):
        raise SourceError(f"{recording.path}: cannot be read again at {index / rate_hz:.2f} s")
    frame = items[0]
    [found] = by.engine.explain([Window(event.stream, index, items[:1], 0)])
    marked = overlay(frame, found.heat, in_item(event.where, _shown(recording, by), items))
    return Closeup(
        pictures=(
            Picture("what was seen", frame),
            Picture("what normal would have been", reconstruction(frame, found)),
            Picture("where they differ", marked),
        ),
    )


def _shown(recording: Recording, by: Judging) -> Box | None:
    """The part of the recording's picture that is judged. Raises SourceError."""
    blocks = by.reads.blocks(recording.path)
    with closing(blocks):  # type: ignore[type-var]  # a generator
        return next(block.shown for block in blocks)
