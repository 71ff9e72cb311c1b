"""All that a replay told, kept until it is put on paper: scores and events, no sound and no picture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from monitor.offline import Replayed
from monitor.recording import Recording
from monitor.records import Event
from monitor.report.curve import Curve


@dataclass(slots=True, eq=False)
class Section:
    """What was told of one file."""

    recording: Recording
    curve: Curve = field(default_factory=Curve)
    events: list[Event] = field(default_factory=list)
    """Each by its `end`."""

    @property
    def seconds(self) -> float:
        """How long the recording is, as far as it was judged."""
        return self.recording.seconds if self.recording.short else self.curve.end / self.recording.source.rate_hz

    def at(self, index: int) -> float:
        """Seconds into the recording."""
        return index / self.recording.source.rate_hz


class Chronicle:
    """Listens to a replay.

    Args:
        failed: is told of files that could not be used, too.
    """

    def __init__(self, failed: Callable[[str], None]) -> None:
        self._failed = failed
        self._begun: list[Section] = []
        self.refused: list[str] = []
        """What was wrong with files that could not be used, or not to their end."""

    def tally(self, recording: Recording) -> Curve:
        """What is to be kept up while a file is judged, which so begins."""
        section = Section(recording)
        self._begun.append(section)
        return section.curve

    def fail(self, sentence: str) -> None:
        """Takes in why a file could not be used."""
        self.refused.append(sentence)
        self._failed(sentence)

    def follow(self, results: Iterable[tuple[Recording, Event] | Replayed]) -> Iterator[tuple[Recording, Event] | Replayed]:
        """The results, each taken in."""
        for result in results:
            if isinstance(result, tuple) and result[1].type == "end":
                self._begun[-1].events.append(result[1])
            yield result

    @property
    def sections(self) -> list[Section]:
        """The files of which a window could be judged."""
        return [section for section in self._begun if section.curve.windows]

    @property
    def events(self) -> list[tuple[Section, Event]]:
        """Every event, the strangest first."""
        return sorted(((s, e) for s in self.sections for e in s.events), key=lambda each: -each[1].peak_score)
