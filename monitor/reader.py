"""The thread that carries blocks from one source into its ring, and opens the source again when it fails."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

import structlog

from monitor.errors import SourceError
from monitor.records import Block, StreamStatus
from monitor.ring import Ring
from monitor.source import Source
from monitor.source.lively import lively, recorded
from monitor.source.pulse import Pulse

log = structlog.get_logger(__name__)

_FIRST_S, _MOST_S = 0.5, 15.0


class Reader:
    """Reads one stream from `start` until `close`, in a thread of its own.

    Args:
        open_source: opens the source anew, at every attempt.
        pulse: tells of an open source, by its rate, whether it has a signal.
        live: whether the source is one: tried again if it fails (a microphone may be plugged back in; a file will not mend), and
            not heard while it has no signal, which of a recording is only told.
        once: whether it can be opened only once, as standard input: it is not tried again, live or not.
    """

    def __init__(
        self,
        stream: str,
        open_source: Callable[[], Source],
        ring: Ring,
        *,
        pulse: Callable[[float], Pulse],
        live: bool,
        once: bool = False,
    ) -> None:
        self.stream = stream
        self.status: StreamStatus = "starting"
        self.reason: str | None = None
        """Why there is no signal, or was none last."""
        self.failure: str | None = None
        """What it last failed with."""
        self.restarts = 0
        """How often the source was opened again."""
        self._open_source = open_source
        self._ring = ring
        self._pulse = pulse
        self._live = live
        self._tries = live and not once
        self._closing = threading.Event()
        self._source: Source | None = None
        self._thread = threading.Thread(target=self._run, name=f"reader-{stream}", daemon=True)

    @property
    def why(self) -> str | None:
        """Why it is not heard, if it is not and that is known; any thread may ask."""
        match self.status:
            case "no_signal":
                return self.reason
            case "offline" | "starting":
                return self.failure
        return None

    def start(self) -> None:
        """Begins to read."""
        self._thread.start()

    def close(self) -> None:
        """Stops reading; may be called twice."""
        self._closing.set()
        if self._source is not None:
            self._source.close()
        if self._thread.is_alive():
            self._thread.join(timeout=5.0)

    def _run(self) -> None:
        try:
            self._keep_reading()
        except Exception as error:  # a fault of ours: the pipeline ends by it, and the service is started anew
            self._ring.finish(error)

    def _keep_reading(self) -> None:
        pause_s = _FIRST_S
        while True:
            before = self._ring.end
            error = self._read()
            if self._closing.is_set() or error is None or not self._tries:
                # What fails because it is closed is no failure.
                self._ring.finish(None if self._closing.is_set() else error)
                return
            pause_s = _FIRST_S if self._ring.end > before else min(2 * pause_s, _MOST_S)
            if self._closing.wait(pause_s * random.uniform(0.5, 1.0)):  # noqa: S311 - spreads retries, guards nothing
                self._ring.finish()
                return
            self.restarts += 1

    def _read(self) -> SourceError | None:
        """Reads until the source ends; what it failed with, if it failed."""
        try:
            self._source = self._open_source()
            with closing(self._source) as source:
                # A `close` that came while it was being opened did not reach it.
                if not self._closing.is_set():
                    self._pour(source)
        except SourceError as error:
            log.warning("source.failed", stream=self.stream, error=str(error))
            self.failure = str(error)
            return error
        finally:
            self.status = "offline"
        return None

    def _pour(self, source: Source) -> None:
        offset: int | None = None
        log.info("source.opened", stream=self.stream, rate_hz=source.rate_hz)
        for block, reason in self._heard(source):
            if block is not None and len(block.items):
                if offset is None:
                    offset = self._resume(len(block.items), block.time_s) - block.start if self._ring.end > self._ring.begin else 0
                self._ring.write(replace(block, start=block.start + offset))
            self.reason = reason or self.reason
            self.status = "online" if reason is None else "no_signal"
            if self._closing.is_set():
                return

    def _heard(self, source: Source) -> Iterator[tuple[Block | None, str | None]]:
        """Blocks, and why the source has no signal, if so; without one nothing of a live source, all the same of a recording."""
        return (lively if self._live else recorded)(source.blocks(), self._pulse(source.rate_hz))

    def _resume(self, first: int, time_s: float) -> int:
        """Index at which a source that was opened again goes on: what was missed meanwhile is a gap."""
        missed_s = time_s - first / self._ring.rate_hz - self._ring.time_of(self._ring.end)
        return self._ring.end + max(1, round(missed_s * self._ring.rate_hz))
