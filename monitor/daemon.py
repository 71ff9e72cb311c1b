"""`run` and `check`: the daemon, and whether it would start."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import structlog

from monitor import __version__, build, log
from monitor.config import HealthConfig, MqttConfig, StreamConfig, inside, load
from monitor.control import Control
from monitor.engine import pick_device
from monitor.errors import DiffmonError, SinkError
from monitor.marked import mark
from monitor.opened import Opened, opened_streams
from monitor.outlets import Outlets, Show, kept_of_events, opened_outlets
from monitor.page.opening import connect, servable
from monitor.pipeline import Pipeline
from monitor.reload import Reload
from monitor.sink.jsonl import JsonLines
from monitor.sink.login import login
from monitor.sink.web import Web
from monitor.state import state_dir
from monitor.words import alarms, lasting

_log = structlog.get_logger(__name__)


def run(path: Path, show: Show | None = None) -> None:
    """Watches until SIGTERM or SIGINT, or until every file has been played; shown to a person instead of printing lines, if so asked.

    Raises DiffmonError.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is something to reload
    config = load(path)
    log.configure(config.log_level)
    _log.info("daemon.starting", version=__version__, node=config.node, streams=[s.name for s in config.stream])
    with inside(path), opened_outlets(config, path, show) as outlets:
        pipeline, control = build.pipeline(
            config,
            outlets.sinks,
            outlets.outbox,
            orders=outlets.orders,
            told=outlets.told,
            metrics=outlets.metrics,
            path=path,
            evidence=outlets.evidence,
        )
        _connect(outlets, pipeline, control)
        control.mark = partial(mark, kept_of_events(config, path), state_dir(config))
        _obey(pipeline, Reload(path, config, control, pipeline.notifier, outlets.mqtt))
        _watch(pipeline)
    _log.info("daemon.stopped")


def _connect(outlets: Outlets, pipeline: Pipeline, control: Control) -> None:
    """Lets those who are told see what is watched, and end it where nobody hears them any more."""
    if outlets.jsonl is not None:
        attach(outlets.jsonl, pipeline, alone=outlets.mqtt is None)
    if outlets.page is not None:
        connect(outlets.page, pipeline, control)
    if outlets.shown is not None and outlets.mqtt is None:
        outlets.shown.left = partial(pipeline.soon, _deserted)


def _obey(pipeline: Pipeline, reload: Reload) -> None:
    """From now on signals stop the pipeline, or have the configuration read again."""
    signal.signal(signal.SIGTERM, lambda *_: pipeline.stop())
    signal.signal(signal.SIGINT, lambda *_: pipeline.stop())
    signal.signal(signal.SIGHUP, lambda *_: pipeline.soon(reload))


def _watch(pipeline: Pipeline) -> None:
    """Runs it to its end. Raises DiffmonError, also of what nobody foresaw."""
    try:
        pipeline.run()
    except DiffmonError:
        raise
    except Exception as error:  # a device that broke, a fault of ours: the service is started anew
        _log.critical("daemon.failed", exc_info=True)
        raise DiffmonError(f"a fault that nobody foresaw, the log has it whole: {error!r}") from error


def attach(jsonl: JsonLines, pipeline: Pipeline, *, alone: bool) -> None:
    """Counts the lines among the node's counters; where nobody else is told of events, a reader that leaves is the end."""
    also = pipeline.also
    pipeline.also = lambda: {**also(), **jsonl.counters()}
    if alone:
        jsonl.left = lambda: pipeline.soon(_deserted)


def _deserted() -> None:
    raise SinkError("standard output: closed by its reader, and there is no [mqtt]: nobody is told of events any more")


def check(path: Path) -> Iterator[str]:
    """What the daemon would run with, a line each. Raises DiffmonError at what would keep it from starting."""
    config = load(path)
    pick_device(config.device)
    if config.mqtt is not None:
        with inside(path):
            login(config.mqtt, node=config.node, will_topic=None)
    with inside(path):
        streams = opened_streams(config)
    kept = kept_of_events(config, path)
    yield f"{path}: valid; node {config.node}"
    for name, opened in streams.items():
        yield f"stream {name}: {judged_by(next(s for s in config.stream if s.name == name), opened)}"
        if opened.made_here:
            yield f"stream {name}: its profile was calibrated on this box"
    if config.mqtt is not None:
        folder = state_dir(config)
        yield "events wait in memory alone: no state_dir" if folder is None else f"events wait in {folder}"
        yield f"broker {config.mqtt.host}:{config.mqtt.port}: {_reached(config.mqtt)}"
    if kept is not None:
        yield f"evidence is kept in {kept}"
    if config.web is not None:
        with inside(path):
            yield f"page {servable(config.web)}"
    if config.health is not None:
        yield f"health {_servable(config.health)}"


def judged_by(stream: StreamConfig, opened: Opened) -> str:
    """What a stream is judged by, and what its alarm level rests on, in words."""
    if stream.learn_for is not None and stream.profile is None and not opened.made_here:
        learns = f"learns from the first {lasting(stream.learn_for)} that it hears, and is judged from then on"
        return f"{stream.kind}, model {opened.model.hash}, {learns}"
    curve = opened.curve
    rests = "extrapolated from" if curve.extrapolated(stream.false_alarms_per_day) else "vouched for by"
    return (
        f"{stream.kind}, model {opened.model.hash}, {alarms(stream.false_alarms_per_day)},"
        f" {rests} {curve.held_out_s / 60:.1f} min of held-out normal"
    )


def _reached(mqtt: MqttConfig) -> str:
    try:
        socket.create_connection((mqtt.host, mqtt.port), timeout=3.0).close()
    except OSError as error:
        return f"not reached ({error}); the daemon would start and keep trying"
    return "reached"


def _servable(health: HealthConfig) -> str:
    try:
        Web(health.host, health.port, {}).close()
    except SinkError as error:
        return f"{error} (is the daemon running?); it would start and hear all the same"
    return f"{health.host}:{health.port}: free"
