"""The spine offline: the same windows, engine and decider as live, as fast as the file can be read, in constant memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from monitor.pipeline import BATCH, Judge
from monitor.records import Event, Judgement, Window
from monitor.source import Source
from monitor.watch import Watch


@dataclass(slots=True)
class Tally:
    """What a whole recording came to, kept up as it is read."""

    windows: int = 0
    items: int = 0
    """Items read."""
    total: float = 0.0
    """Sum of the scores."""
    worst: Judgement | None = None
    """The window with the highest score."""
    events: int = 0
    """Events that began."""

    def add(self, judgement: Judgement) -> None:
        """Takes a window in."""
        self.windows += 1
        self.total += judgement.score
        if self.worst is None or judgement.score > self.worst.score:
            self.worst = judgement


def replay(source: Source, watch: Watch, engine: Judge, tally: Tally) -> Iterator[Event]:
    """Events of one source from its beginning to its end, each as soon as its windows are judged; `tally` is kept up beside."""
    for windows in _batches(source, watch, tally):
        for judgement in engine.judge(windows):
            tally.add(judgement)
            for event in watch.take(judgement):
                tally.events += event.type == "new"
                yield event
    yield from watch.stop("stopped")


def judgements(source: Source, watch: Watch, engine: Judge) -> Iterator[Judgement]:
    """Judgements of one source's windows, in order, without deciding anything."""
    for windows in _batches(source, watch, Tally()):
        yield from engine.judge(windows)


def _batches(source: Source, watch: Watch, tally: Tally) -> Iterator[Sequence[Window]]:
    """Windows in batches, read and cut in step, so that the ring never overwrites one that is still to come."""
    ready: list[Window] = []
    for block in source.blocks():
        watch.ring.write(block)
        tally.items = block.end
        ready += iter(watch.next_window, None)
        if len(ready) >= BATCH:
            yield ready
            ready = []
    watch.ring.finish()
    ready += iter(watch.next_window, None)
    if ready:
        yield ready
