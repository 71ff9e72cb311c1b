"""The numbers that Prometheus is given: names that others build on, and values that are true."""

from __future__ import annotations

import dataclasses
import re
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics

from monitor import __version__
from monitor.measured import measured
from monitor.records import Window
from monitor.sink.metrics import Metrics
from monitor.sink.web import Web
from tests.asking import ask, delivery, families, pulse, series, vitals
from tests.broker import until
from tests.events import EVENT, READING, step
from tests.scripted import HOP, LENGTH, PATIENCE_S, QUIET, STRANGE, Mean, Scripted, blocks, finished, pipeline, running

LOST = float("nan")
STREAM = ("stream",)
CONTRACT: dict[str, tuple[str, tuple[str, ...]]] = {
    "diffmon_build_info": ("gauge", ("version",)),
    "diffmon_stream_up": ("gauge", STREAM),
    "diffmon_stream_status": ("gauge", ("status", "stream")),
    "diffmon_stream_last_window_timestamp_seconds": ("gauge", STREAM),
    "diffmon_source_restarts_total": ("counter", STREAM),
    "diffmon_items_lost_total": ("counter", STREAM),
    "diffmon_windows_dropped_total": ("counter", STREAM),
    "diffmon_windows_total": ("counter", STREAM),
    "diffmon_events_total": ("counter", ("stream", "type")),
    "diffmon_anomaly_score": ("gauge", STREAM),
    "diffmon_p_value": ("gauge", STREAM),
    "diffmon_level_dbfs": ("gauge", STREAM),
    "diffmon_drift_log10": ("gauge", STREAM),
    "diffmon_inference_duration_seconds": ("histogram", ()),
    "diffmon_batch_windows": ("histogram", ()),
    "diffmon_last_progress_timestamp_seconds": ("gauge", ()),
    "diffmon_mqtt_connected": ("gauge", ()),
    "diffmon_mqtt_last_ack_timestamp_seconds": ("gauge", ()),
    "diffmon_outbox_messages": ("gauge", ()),
    "diffmon_outbox_disk_failed": ("gauge", ()),
    "diffmon_outbox_dropped_total": ("counter", ()),
    "diffmon_outbox_sent_total": ("counter", ()),
    "diffmon_gpu_memory_bytes": ("gauge", ()),
    "process_virtual_memory_bytes": ("gauge", ()),
    "process_resident_memory_bytes": ("gauge", ()),
    "process_start_time_seconds": ("gauge", ()),
    "process_cpu_seconds_total": ("counter", ()),
    "process_open_fds": ("gauge", ()),
    "process_max_fds": ("gauge", ()),
}
"""Every metric: its type, and its labels. Dashboards and alerts build on it: what is changed here is a line in the changelog."""


class Daemon:
    """Metrics of a daemon that has everything, and the port that serves them."""

    def __init__(self, *streams: str) -> None:
        self.vitals = vitals(*streams)
        self.vitals.delivery = lambda: delivery(acked_s=None)
        self.vitals.gpu_bytes = lambda: 1 << 30
        self.vitals.drift = lambda stream: 0.0
        self.metrics = Metrics(self.vitals)
        self._web = Web("127.0.0.1", 0, {"/metrics": self.metrics.page})

    def scrape(self, **headers: str) -> str:
        """The exposition."""
        answer = ask(self._web.port, "/metrics", **headers)
        assert 200 == answer.status
        return answer.body

    def now(self) -> dict[str, float]:
        """Every value, by name and labels."""
        return series(self.scrape())

    def close(self) -> None:
        """Gives the port back."""
        self._web.close()


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    """A daemon of two streams that has just been started."""
    with closing(Daemon("fan", "pump")) as started:
        yield started


def full_name(family: Any) -> str:
    """As it stands in a query: the parser takes a counter's ending away."""
    return f"{family.name}_total" if family.type == "counter" else str(family.name)


# Names


def test_names_types_and_labels_are_those_that_others_build_on(daemon: Daemon) -> None:
    """The contract, all of it from the very start."""
    found = {}
    for family in families(daemon.scrape()):
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        found[full_name(family)] = (family.type, tuple(sorted(labels)))
    assert CONTRACT == found


def test_names_keep_prometheus_rules(daemon: Daemon) -> None:
    """As `promtool check metrics` has them: one prefix, base units, `_total` on counters alone, no type in a name, a help text."""
    for family in families(daemon.scrape()):
        name = full_name(family)
        assert re.fullmatch(r"(diffmon|process)(_[a-z0-9]+)+", name)
        assert (family.type == "counter") == name.endswith("_total")
        assert ("timestamp" in name or "start_time" in name) == (name.endswith(("timestamp_seconds", "time_seconds")))
        words = set(name.split("_"))
        assert not words & {"gauge", "counter", "histogram", "summary", "count", "sum", "bucket", "created"}
        assert not words & {"milliseconds", "ms", "minutes", "hours", "percent", "kilobytes", "kb", "mb", "bits"}
        assert family.documentation.endswith(".")
        assert {sample.labels.get("le", "+Inf") for sample in family.samples} >= {"+Inf"}


def test_openmetrics_is_spoken_too(daemon: Daemon) -> None:
    """To a Prometheus that asks for it; its stricter parser finds nothing wrong."""
    text = daemon.scrape(Accept="application/openmetrics-text; version=1.0.0")
    assert set(CONTRACT) - {"diffmon_build_info"} <= {full_name(f) for f in openmetrics(text)}


def test_labels_hold_names_alone(daemon: Daemon) -> None:
    """However many events there were: no id, no address, nothing whose values have no bound."""
    before = len(daemon.scrape().splitlines())
    for number in range(50):
        daemon.metrics.event(
            step(number, id=f"id{number}", where={"low_hz": float(number)}, evidence={"clip": f"http://u:p@host/{number}"})
        )
    text = daemon.scrape()
    assert before == len(text.splitlines())
    assert not re.search(r"id\d|host|http", text)


def test_a_daemon_without_broker_or_gpu_does_not_speak_of_them() -> None:
    """A connection that there should not be cannot be down."""
    with closing(Daemon("fan")) as daemon:
        daemon.vitals.delivery = daemon.vitals.gpu_bytes = None
        assert [] == [name for name in daemon.now() if re.match("diffmon_(mqtt|outbox|gpu)", name)]


# Values


def test_every_stream_is_there_from_the_start(daemon: Daemon) -> None:
    """Counters at 0, so that the first increase is seen; what was not measured yet is no number, so that it alarms nobody."""
    now = daemon.now()
    for stream in ("fan", "pump"):
        zeros = [
            "windows_total",
            "items_lost_total",
            "windows_dropped_total",
            "stream_up",
            "source_restarts_total",
            "stream_last_window_timestamp_seconds",
        ]
        events = [f"diffmon_events_total{{{stream},{kind}}}" for kind in ("new", "update", "end")]
        assert {0.0} == {now[name] for name in [*(f"diffmon_{z}{{{stream}}}" for z in zeros), *events]}
        assert all(
            now[f"diffmon_{name}{{{stream}}}"] != now[f"diffmon_{name}{{{stream}}}"] for name in ("anomaly_score", "p_value", "level_dbfs")
        )
    assert (0.0, 0.0) == (now["diffmon_last_progress_timestamp_seconds"], now["diffmon_mqtt_last_ack_timestamp_seconds"])
    assert 1.0 == now[f"diffmon_build_info{{{__version__}}}"]


def test_a_reading_is_a_window(daemon: Daemon) -> None:
    """Counted; its score, p-value and level stand until the next; when it ended is said in unix time."""
    daemon.metrics.reading(READING)
    daemon.metrics.reading(dataclasses.replace(READING, score=7.5, unix_s=1767323046.5))
    now = daemon.now()
    values = ("windows_total", "anomaly_score", "p_value", "level_dbfs", "stream_last_window_timestamp_seconds")
    assert [2, 7.5, 0.25, -31.25, 1767323046.5] == [now[f"diffmon_{name}{{fan}}"] for name in values]
    assert 0 == now["diffmon_windows_total{pump}"]


def test_events_are_counted_by_their_step(daemon: Daemon) -> None:
    """`new` is one alarm; updates and ends stand beside it."""
    for event in (EVENT, step(1, type="update"), step(2, type="update"), step(3, type="end", reason="quiet")):
        daemon.metrics.event(event)
    now = daemon.now()
    assert [1, 2, 1] == [now[f"diffmon_events_total{{fan,{kind}}}"] for kind in ("new", "update", "end")]


def test_a_stream_has_one_status(daemon: Daemon) -> None:
    """The last one; up is online."""
    daemon.metrics.status("pump", "online")
    daemon.metrics.status("fan", "online")
    daemon.metrics.status("fan", "no_signal")
    now = daemon.now()
    assert (0, 1) == (now["diffmon_stream_up{fan}"], now["diffmon_stream_up{pump}"])
    assert {"diffmon_stream_status{no_signal,fan}", "diffmon_stream_status{online,pump}"} == {
        name for name, value in now.items() if name.startswith("diffmon_stream_status") and value
    }


def test_what_is_read_at_the_scrape_is_fresh(daemon: Daemon) -> None:
    """Restarts, progress, broker, outbox and GPU as they are now; monotonic times as unix times."""
    counts = {"fan": 0, "pump": 0}
    daemon.vitals.restarts = counts.__getitem__
    for minute in (1, 2):
        counts["fan"] = minute
        daemon.vitals.pulse = pulse(time.monotonic() - 60 * minute)
        told = delivery(connected=False, acked_s=time.monotonic() - 30, sent=10 * minute, dropped=minute, waiting=5, disk_failed=True)
        daemon.vitals.delivery = lambda told=told: told  # type: ignore[misc]
        daemon.vitals.gpu_bytes = lambda minute=minute: minute << 20  # type: ignore[misc]
        now = daemon.now()
        assert (minute, 0) == (now["diffmon_source_restarts_total{fan}"], now["diffmon_source_restarts_total{pump}"])
        assert time.time() - 60 * minute == pytest.approx(now["diffmon_last_progress_timestamp_seconds"], abs=5)
        assert time.time() - 30 == pytest.approx(now["diffmon_mqtt_last_ack_timestamp_seconds"], abs=5)
        names = ("mqtt_connected", "outbox_messages", "outbox_disk_failed", "outbox_sent_total", "outbox_dropped_total", "gpu_memory_bytes")
        assert [0, 5, 1, 10 * minute, minute, minute << 20] == [now[f"diffmon_{name}"] for name in names]


def test_two_daemons_in_one_process_count_apart(daemon: Daemon) -> None:
    """No registry is shared."""
    with closing(Daemon("fan")) as other:
        daemon.metrics.reading(READING)
        assert (1, 0) == tuple(d.now()["diffmon_windows_total{fan}"] for d in (daemon, other))


def test_one_metric_can_be_asked_for(daemon: Daemon) -> None:
    """By name, as Prometheus' own exporters can."""
    text = ask(daemon._web.port, "/metrics?name[]=diffmon_mqtt_connected&name[]=diffmon_windows_total").body
    assert {"diffmon_mqtt_connected", "diffmon_windows_total{fan}", "diffmon_windows_total{pump}"} == set(series(text))


# The spine


def test_a_pipeline_is_measured(daemon: Daemon) -> None:
    """Windows, losses by stream, batches, events and statuses: as they were. Streams that share an engine share its batches."""
    scripts = {"fan": blocks((QUIET, 400), (LOST, 100), (STRANGE, 300)), "pump": blocks((QUIET, 900), (LOST, 7), (QUIET, 400))}
    engine = Mean(lambda windows: finished(spine, *scripts))
    engines = measured(dict.fromkeys(scripts, engine), daemon.metrics.judged)
    spine = pipeline({name: Scripted(*script) for name, script in scripts.items()}, daemon.metrics, engines=engines)
    daemon.vitals.lost = lambda stream: spine.watches[stream].windower.lost
    spine.run()
    now = daemon.now()
    windows = [w for batch in engine.batches for w in batch]
    for stream in scripts:
        mine = [w for w in windows if w.stream == stream]
        assert len(mine) == now[f"diffmon_windows_total{{{stream}}}"]
    assert (100, 50) == (now["diffmon_items_lost_total{fan}"], now["diffmon_items_lost_total{pump}"])
    assert len(engine.batches) == now["diffmon_batch_windows_count"] == now["diffmon_inference_duration_seconds_count"]
    assert len(windows) == now["diffmon_batch_windows_sum"]
    assert engines["fan"] is engines["pump"]
    assert (1, 1, 0) == tuple(now[f"diffmon_events_total{{{which}}}"] for which in ("fan,new", "fan,end", "pump,new"))
    assert 1 == now["diffmon_stream_status{offline,fan}"]


def test_the_time_of_a_batch_is_that_of_its_engine(daemon: Daemon) -> None:
    """Seconds, and in the right bucket."""
    window = Window("fan", 0, blocks((QUIET, LENGTH), size=LENGTH)[0].items, lost=HOP)
    engines = measured({"fan": Mean(lambda windows: time.sleep(0.03))}, daemon.metrics.judged)
    engines["fan"].judge([window])
    now = daemon.now()
    assert 0.03 <= now["diffmon_inference_duration_seconds_sum"] < PATIENCE_S
    assert (0, 1) == tuple(now[f"diffmon_inference_duration_seconds_bucket{{{le}}}"] for le in ("0.025", "+Inf"))


def test_a_scrape_does_not_wait_for_the_engine(daemon: Daemon) -> None:
    """Asked in the middle of a batch, it answers with what was before."""
    entered, go = threading.Event(), threading.Event()

    def busy(windows: object) -> None:
        entered.set()
        assert go.wait(PATIENCE_S)

    engines = measured({"fan": Mean(busy)}, daemon.metrics.judged)
    with running(pipeline({"fan": Scripted(*blocks((QUIET, 300)))}, daemon.metrics, engines=engines)):
        assert entered.wait(PATIENCE_S)
        assert 0 == daemon.now()["diffmon_windows_total{fan}"]
        go.set()
        until(lambda: 3 == daemon.now()["diffmon_windows_total{fan}"], timeout_s=PATIENCE_S)
