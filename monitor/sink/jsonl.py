"""Events as lines of JSON on a text stream."""

from __future__ import annotations

import contextlib
import sys
from typing import TextIO

from monitor.errors import SinkError
from monitor.records import Event, Reading, StreamStatus
from monitor.sink.payload import payload


class JsonLines:
    """A sink that writes each event as one line, at once; everything else is left out. One thread calls it."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stdout if stream is None else stream

    def event(self, event: Event) -> None:
        """Writes and flushes one line. Raises SinkError if nobody can read it."""
        try:
            self._stream.write(payload(event) + "\n")
            self._stream.flush()
        except BrokenPipeError:
            raise SinkError(f"{self._name}: closed by its reader, events cannot be written") from None
        except (OSError, ValueError) as error:  # ValueError: the stream has been closed on our side
            raise SinkError(f"{self._name}: events cannot be written: {error}") from None

    def reading(self, reading: Reading) -> None:
        """Left out."""

    def status(self, stream: str, status: StreamStatus) -> None:
        """Left out."""

    def stats(self, stats: dict[str, object]) -> None:
        """Left out."""

    def close(self) -> None:
        """Flushes; the stream stays open, for it belongs to the caller."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()

    @property
    def _name(self) -> str:
        return "standard output" if self._stream is sys.stdout else str(getattr(self._stream, "name", "stream"))
