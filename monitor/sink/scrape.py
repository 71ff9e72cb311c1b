"""What is read anew at every scrape."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import get_args

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from monitor.records import StreamStatus
from monitor.sink.vitals import Delivery, Vitals


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
