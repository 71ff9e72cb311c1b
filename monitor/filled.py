"""A folder stream: how far it was read, and its source from there on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from monitor.config import FolderConfig, StreamConfig
from monitor.evidence.sink import Evidence
from monitor.sink.outbox import Outbox
from monitor.source import Source
from monitor.source.folder import FolderSource
from monitor.source.medium import Medium
from monitor.source.position import Position, Trail
from monitor.watch import Watch


@dataclass(frozen=True, slots=True)
class Filled:
    """What a folder stream is read by, and kept for when it is read again."""

    config: FolderConfig
    position: Position | None
    """Where it was left off."""
    trail: Trail
    medium: Medium
    """What reads its recordings."""

    def source(self, watched: Watch, evidence: Evidence | None, *, ahead_s: float) -> Source:
        """The recordings from there on, no faster than they are judged and kept.

        They come at most so far ahead of what is cut that the ring still holds what was before an event when the batch is judged.
        """
        ring, windower = watched.ring, watched.windower
        stream, ahead = watched.identity.stream, int(ahead_s * ring.rate_hz)
        return FolderSource(
            self.config.path,
            self.medium,
            position=self.position,
            trail=self.trail,
            room=lambda start: windower.reaches(start, ahead) and not (evidence is not None and evidence.behind(stream)),
            settled_s=self.config.settled,
            silence_s=self.config.silence,
        )

    def reached(self, keep: Callable[[str], None], index: int) -> None:
        """Has the position of an index kept."""
        position = self.trail.at(index)
        if position is not None:
            keep(position.text())


def filled(stream: StreamConfig, medium: Medium, outbox: Outbox) -> Filled | None:
    """A folder stream as it was left off, or none if the stream is none."""
    match stream.source:
        case FolderConfig() as config:
            place = outbox.kept(f"position/{stream.name}")
            position = None if place is None else Position.read(place)
            return Filled(config, position, Trail(position), medium)
    return None
