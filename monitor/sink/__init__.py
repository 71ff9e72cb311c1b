"""Where events go. Publishing never blocks the pipeline: a sink that is slow or away keeps a bounded queue of its own."""

from __future__ import annotations

from collections.abc import Sequence
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


class Inbox(Protocol):
    """A receiver of what comes from the broker. All calls come from the thread "mqtt", and raise nothing."""

    topics: Sequence[str]
    """To subscribe to."""

    def subscribed(self, refused: Sequence[str]) -> None:
        """Takes the broker's answer to the subscription: its reasons for refusing topics, none if all is well."""

    def take(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """Takes a message."""
