"""The daemon's numbers for Prometheus."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args
from wsgiref.types import WSGIApplication

from prometheus_client import CollectorRegistry, Counter, Histogram, Info, ProcessCollector, disable_created_metrics, make_wsgi_app

from monitor import __version__
from monitor.records import ChangeType, Event, Reading, StreamStatus, Window
from monitor.sink.scrape import Heard, Scrape
from monitor.sink.vitals import Vitals

_DURATIONS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_WINDOWS = (1, 2, 4, 8, 16, 32, 64)

# A second series beside each counter, which says when the process started: `process_start_time_seconds` says that once.
disable_created_metrics()


class Metrics:
    """A sink that counts what it is told, in a registry of its own. One thread calls it; `page` may be asked from any.

    Every stream's counters are there from the start, at 0; what is measured is NaN until there was a window.
    """

    def __init__(self, vitals: Vitals) -> None:
        self.vitals = vitals
        """Read at every scrape; the statuses in it are this sink's to write."""
        registry = CollectorRegistry(auto_describe=True)
        self.page: WSGIApplication = make_wsgi_app(registry)
        """Answers a scrape."""
        Info("diffmon_build", "Which diffmon this is.", registry=registry).info({"version": __version__})
        self._events = Counter("diffmon_events_total", "Steps in events' lives: new, update, end.", ["stream", "type"], registry=registry)
        self._duration = Histogram(
            "diffmon_inference_duration_seconds", "Time that judging a batch takes.", buckets=_DURATIONS_S, registry=registry
        )
        self._batch = Histogram("diffmon_batch_windows", "Windows in a batch.", buckets=_WINDOWS, registry=registry)
        for name in vitals.statuses:
            for step in get_args(ChangeType):
                self._events.labels(name, step)
        self._heard = Heard(vitals.statuses)
        registry.register(self._heard)
        registry.register(Scrape(vitals))
        ProcessCollector(registry=registry)

    def event(self, event: Event) -> None:
        """Counts it."""
        self._events.labels(event.stream, event.type).inc()

    def reading(self, reading: Reading) -> None:
        """Counts the window, and keeps what was measured."""
        self._heard.take(reading)

    def status(self, stream: str, status: StreamStatus) -> None:
        """Keeps it."""
        self.vitals.statuses[stream] = status

    def stats(self, stats: dict[str, object]) -> None:
        """Left out: every number here is as fresh as the scrape."""

    def judged(self, windows: Sequence[Window], duration_s: float) -> None:
        """Counts a batch."""
        self._duration.observe(duration_s)
        self._batch.observe(len(windows))

    def close(self) -> None:
        """Keeps its numbers."""
