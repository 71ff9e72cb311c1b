"""What is read anew at every scrape."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from math import nan
from typing import get_args

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from monitor.records import Reading, StreamStatus
from monitor.sink.vitals import Delivery, Vitals


class Heard(Collector):
    """The last window of every stream as metrics. One thread calls `take`, for every window; any may call `collect`, now and then."""

    def __init__(self, streams: Iterable[str]) -> None:
        self._windows = dict.fromkeys(streams, 0)
        self._last: dict[str, Reading] = {}

    def take(self, reading: Reading) -> None:
        """Counts the window, and keeps what was measured."""
        self._windows[reading.stream] += 1
        self._last[reading.stream] = reading

    def collect(self) -> Iterator[Metric]:
        """What is measured is NaN until there was a window."""
        windows = CounterMetricFamily("diffmon_windows_total", "Windows that were judged.", labels=["stream"])
        score = GaugeMetricFamily("diffmon_anomaly_score", "Score of the last window; larger is stranger.", labels=["stream"])
        p_value = GaugeMetricFamily(
            "diffmon_p_value", "Share of normal windows that score at least as high as the last one.", labels=["stream"]
        )
        level = GaugeMetricFamily("diffmon_level_dbfs", "Level of the last window, in decibels below full scale.", labels=["stream"])
        unix = GaugeMetricFamily(
            "diffmon_stream_last_window_timestamp_seconds", "End of the last window, by its source; 0 before the first.", labels=["stream"]
        )
        for stream, count in self._windows.items():
            last = self._last.get(stream, Reading(stream, nan, nan, nan, 0.0))
            windows.add_metric([stream], count)
            score.add_metric([stream], last.score)
            p_value.add_metric([stream], last.p_value)
            level.add_metric([stream], last.level_db)
            unix.add_metric([stream], last.unix_s)
        yield from (windows, score, p_value, level, unix)


class Scrape(Collector):
    """Vitals as metrics; any thread may call it."""

    def __init__(self, vitals: Vitals) -> None:
        self._vitals = vitals

    def collect(self) -> Iterator[Metric]:
        """Every metric, with its values as they are now."""
        yield from self._streams()
        pulse = self._vitals.pulse
        yield GaugeMetricFamily(
            "diffmon_last_progress_timestamp_seconds",
            "When the pipeline last went round, which feeds the watchdog; 0 before the first time.",
            _unix(None if pulse is None else pulse.progress_s),
        )
        if self._vitals.delivery is not None:
            yield from _delivery(self._vitals.delivery())
        if self._vitals.gpu_bytes is not None:
            yield GaugeMetricFamily("diffmon_gpu_memory_bytes", "Memory of the GPU that the daemon holds.", self._vitals.gpu_bytes())

    def _streams(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("diffmon_stream_up", "Whether the stream is online, and so heard.", labels=["stream"])
        status = GaugeMetricFamily("diffmon_stream_status", "1 for the status that the stream has.", labels=["stream", "status"])
        restarts = CounterMetricFamily("diffmon_source_restarts_total", "How often the source was opened again.", labels=["stream"])
        lost = CounterMetricFamily(
            "diffmon_items_lost_total", "Items (samples) that no window could take in: gaps and overruns.", labels=["stream"]
        )
        dropped = CounterMetricFamily(
            "diffmon_windows_dropped_total", "Windows that were overwritten before they could be judged.", labels=["stream"]
        )
        for stream, now in list(self._vitals.statuses.items()):
            up.add_metric([stream], now == "online")
            restarts.add_metric([stream], self._vitals.restarts(stream))
            lost.add_metric([stream], self._vitals.lost(stream))
            dropped.add_metric([stream], self._vitals.dropped(stream))
            for possible in get_args(StreamStatus):
                status.add_metric([stream, possible], now == possible)
        yield from (up, status, restarts, lost, dropped)
        if self._vitals.drift is not None:
            drift = GaugeMetricFamily(
                "diffmon_drift_log10", "Decimal logarithm of the drift statistic; flagged from 6 on.", labels=["stream"]
            )
            for stream in list(self._vitals.statuses):
                drift.add_metric([stream], self._vitals.drift(stream))
            yield drift


def _delivery(delivery: Delivery) -> Iterator[Metric]:
    yield GaugeMetricFamily("diffmon_mqtt_connected", "Whether the broker has let us in.", delivery.connected)
    acked_unix = _unix(delivery.acked_s)
    yield GaugeMetricFamily(
        "diffmon_mqtt_last_ack_timestamp_seconds", "When the broker last answered; 0 before the first time.", acked_unix
    )
    yield GaugeMetricFamily("diffmon_outbox_messages", "Events that the broker has not acknowledged yet.", delivery.waiting)
    yield GaugeMetricFamily("diffmon_outbox_disk_failed", "Whether events wait in memory because the disk failed.", delivery.disk_failed)
    yield CounterMetricFamily("diffmon_outbox_dropped_total", "Events that were dropped: no room, or too old.", delivery.dropped)
    yield CounterMetricFamily("diffmon_outbox_sent_total", "Events that the broker has acknowledged.", delivery.sent)


def _unix(monotonic_s: float | None) -> float:
    """Unix seconds of a monotonic time, by the wall clock as it is now; 0 for none."""
    return 0.0 if monotonic_s is None else time.time() - time.monotonic() + monotonic_s
