"""The spine offline: the same windows, engine and decider as live, as fast as the source can be read, in constant memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from monitor.errors import SourceError
from monitor.pipeline import BATCH, Judge
from monitor.records import Event, Judgement, Window
from monitor.ring import Ring
from monitor.source import Source
from monitor.watch import Watch
from monitor.window import Windower


@dataclass(slots=True)
class Tally:
    """What a whole recording came to, kept up as it is judged."""

    windows: int = 0
    worst: Judgement | None = None
    """The window with the highest score."""

    def add(self, judgement: Judgement) -> None:
        """Takes a window in."""
        self.windows += 1
        if self.worst is None or judgement.score > self.worst.score:
            self.worst = judgement


def replay(source: Source, watch: Watch, engine: Judge, tally: Tally) -> Iterator[Event]:
    """Events of one source from its beginning to its end, each as soon as its windows are judged; `tally` is kept up beside.

    Raises SourceError, once all that came before it is told.
    """
    try:
        for windows in batches(source, watch.ring, watch.windower):
            for judgement in engine.judge(windows):
                tally.add(judgement)
                yield from watch.take(judgement)
    except SourceError:
        yield from watch.stop("signal_lost")
        raise
    yield from watch.stop("stopped")


def batches(source: Source, ring: Ring, windower: Windower) -> Iterator[Sequence[Window]]:
    """Windows in batches, read and cut in step, so that the ring never overwrites one that is still to come.

    Raises SourceError, once all that came before it is cut.
    """
    ready: list[Window] = []
    failure: SourceError | None = None
    try:
        for block in source.blocks():
            ring.write(block)
            ready += iter(windower.next, None)
            if len(ready) >= BATCH:
                yield ready
                ready = []
    except SourceError as error:
        failure = error
    ring.finish(failure)
    ready += iter(windower.next, None)
    if ready:
        yield ready
    if failure is not None:
        raise failure
