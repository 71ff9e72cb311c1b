"""Where events go. Publishing never blocks the pipeline: a sink that is slow or away keeps a bounded queue of its own."""

from __future__ import annotations

from typing import Protocol

from monitor.records import Event, Reading, StreamStatus


class Sink(Protocol):
    """A receiver of what the monitor finds. All calls come from the pipeline's thread."""

    def event(self, event: Event) -> None:
        """Hands on a step in an event's life."""

    def reading(self, reading: Reading) -> None:
        """Hands on how strange a stream is now; may be thinned out."""

    def status(self, stream: str, status: StreamStatus) -> None:
        """Hands on whether a stream is being watched."""

    def stats(self, stats: dict[str, object]) -> None:
        """Hands on the node's counters."""

    def close(self) -> None:
        """Flushes what can be flushed within a few seconds, says goodbye; may be called twice."""
