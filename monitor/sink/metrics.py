"""The daemon's numbers for Prometheus."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from math import nan
from typing import get_args
from wsgiref.types import WSGIApplication

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector, disable_created_metrics, make_wsgi_app

from monitor import __version__
from monitor.records import ChangeType, Event, Reading, StreamStatus, Window
from monitor.sink.scrape import Scrape
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
        counter = partial(Counter, labelnames=["stream"], registry=registry)
        gauge = partial(Gauge, labelnames=["stream"], registry=registry)
        self._windows = counter("diffmon_windows_total", "Windows that were judged.")
        self._score = gauge("diffmon_anomaly_score", "Score of the last window; larger is stranger.")
        self._p_value = gauge("diffmon_p_value", "Share of normal windows that score at least as high as the last one.")
        self._level = gauge("diffmon_level_dbfs", "Level of the last window, in decibels below full scale.")
        self._window_unix = gauge(
            "diffmon_stream_last_window_timestamp_seconds", "End of the last window, by its source; 0 before the first."
        )
        self._events = Counter("diffmon_events_total", "Steps in events' lives: new, update, end.", ["stream", "type"], registry=registry)
        self._duration = Histogram(
            "diffmon_inference_duration_seconds", "Time that judging a batch takes.", buckets=_DURATIONS_S, registry=registry
        )
        self._batch = Histogram("diffmon_batch_windows", "Windows in a batch.", buckets=_WINDOWS, registry=registry)
        for name in vitals.statuses:
            self._begin(name)
        registry.register(Scrape(vitals))
        ProcessCollector(registry=registry)

    def event(self, event: Event) -> None:
        """Counts it."""
        self._events.labels(event.stream, event.type).inc()

    def reading(self, reading: Reading) -> None:
        """Counts the window, and keeps what was measured."""
        stream = reading.stream
        self._windows.labels(stream).inc()
        self._score.labels(stream).set(reading.score)
        self._p_value.labels(stream).set(reading.p_value)
        self._level.labels(stream).set(reading.level_db)
        self._window_unix.labels(stream).set(datetime.fromisoformat(reading.at).timestamp())

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

    def _begin(self, stream: str) -> None:
        for counter in (self._windows, self._window_unix):
            counter.labels(stream)
        for step in get_args(ChangeType):
            self._events.labels(stream, step)
        for gauge in (self._score, self._p_value, self._level):
            gauge.labels(stream).set(nan)
