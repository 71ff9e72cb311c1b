"""`run` and `check`: the daemon, and whether it would start."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import NoReturn, Protocol

import structlog

from monitor import __version__, build, log
from monitor.config import Config, EvidenceConfig, HealthConfig, MqttConfig, StreamConfig, inside, load
from monitor.control import Told
from monitor.engine import pick_device
from monitor.errors import ConfigError, DiffmonError, SinkError
from monitor.evidence.sink import Evidence
from monitor.marked import mark
from monitor.opened import Opened, opened_streams
from monitor.page.opening import connect, open_page, servable
from monitor.pipeline import Pipeline
from monitor.records import Command, Switch
from monitor.reload import Reload
from monitor.sink import Sink
from monitor.sink.board import Board
from monitor.sink.healthz import Health
from monitor.sink.jsonl import JsonLines
from monitor.sink.login import login
from monitor.sink.metrics import Metrics
from monitor.sink.mqtt import Mqtt
from monitor.sink.outbox import Outbox
from monitor.sink.vitals import Vitals
from monitor.sink.web import Web
from monitor.state import state_dir, take

_log = structlog.get_logger(__name__)


class Shown(Protocol):
    """Somebody's view of the running daemon."""

    left: Callable[[], None]
    """Called once when nobody looks any more; set before the pipeline runs."""

    def close(self) -> None:
        """Ends it; may be called twice."""


Show = Callable[[str, Vitals, Board], Shown]
"""From the node's name, and what is written to while the daemon runs."""


def run(path: Path, show: Show | None = None) -> None:
    """Watches until SIGTERM or SIGINT, or until every file has been played; shown to a person instead of printing lines, if so asked.

    Raises DiffmonError.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is something to reload
    config = load(path)
    log.configure(config.log_level)
    _log.info("daemon.starting", version=__version__, node=config.node, streams=[s.name for s in config.stream])
    vitals = Vitals(dict.fromkeys([s.name for s in config.stream], "starting"))
    board = Board()
    with inside(path), ExitStack() as closing:
        shown = None if show is None else _shown(show, config.node, vitals, board, closing)
        outbox = open_outbox(config)
        closing.callback(outbox.close)
        if (state := state_dir(config)) is not None:
            closing.callback(take(state))
        orders: SimpleQueue[Command] = SimpleQueue()
        mqtt = None if config.mqtt is None else open_mqtt(config, config.mqtt, outbox, orders)
        jsonl = JsonLines() if config.jsonl and shown is None else None
        sinks: list[Sink] = [sink for sink in (mqtt, jsonl, None if shown is None else board) if sink is not None]
        for sink in sinks:
            closing.callback(sink.close)
        vitals.delivery = None if mqtt is None else mqtt.delivery
        metrics = Metrics(vitals)
        if config.health is not None:
            closing.callback(_served(config.health, metrics))
        page = open_page(config, vitals, orders.put, evidence=kept_of_events(config, path))
        if page is not None:
            sinks.append(page.board)
            closing.callback(page.close)
        evidence = None if config.evidence is None else open_evidence(config, config.evidence, path, mqtt)
        if evidence is not None:
            sinks.append(evidence)
            vitals.evidence_failing = evidence.failing
            closing.callback(evidence.close)
        told = partial(_tell, [*([] if mqtt is None else [mqtt.switch]), *([] if page is None else [page.board.switch])])
        pipeline, control = build.pipeline(
            config, [*sinks, metrics], outbox, orders=orders, told=told, metrics=metrics, path=path, evidence=evidence
        )
        if jsonl is not None:
            attach(jsonl, pipeline, alone=mqtt is None)
        if page is not None:
            connect(page, pipeline, control)
        if shown is not None and mqtt is None:
            shown.left = partial(pipeline.soon, _deserted)
        control.mark = partial(mark, kept_of_events(config, path), state_dir(config))
        reload = Reload(path, config, control, pipeline.notifier, mqtt)
        signal.signal(signal.SIGTERM, lambda *_: pipeline.stop())
        signal.signal(signal.SIGINT, lambda *_: pipeline.stop())
        signal.signal(signal.SIGHUP, lambda *_: pipeline.soon(reload))
        try:
            pipeline.run()
        except DiffmonError:
            raise
        except Exception as error:  # a device that broke, a fault of ours: the service is started anew
            _log.critical("daemon.failed", exc_info=True)
            raise DiffmonError(f"a fault that nobody foresaw, the log has it whole: {error!r}") from error
    _log.info("daemon.stopped")


def _shown(show: Show, node: str, vitals: Vitals, board: Board, closing: ExitStack) -> Shown:
    """What is shown, until the end, however it comes: SIGTERM too ends it in good order, before there is a pipeline to stop."""
    signal.signal(signal.SIGTERM, _leave)
    shown = show(node, vitals, board)
    closing.callback(shown.close)
    return shown


def _leave(number: int, _: object) -> NoReturn:
    raise SystemExit(128 + number)


def open_mqtt(config: Config, broker: MqttConfig, outbox: Outbox, orders: SimpleQueue[Command]) -> Mqtt:
    """The sink to the broker, which puts what is commanded among the orders. Raises SettingError."""
    streams = [s.name for s in config.stream]
    home = None if config.homeassistant is None else config.homeassistant.prefix
    return Mqtt(broker, outbox, node=config.node, topic=config.topic, streams=streams, commanded=orders.put, home=home)


def _tell(hearers: Sequence[Told], stream: str, switch: Switch, value: bool | float | str) -> None:
    """Says to everybody what is in force."""
    for told in hearers:
        told(stream, switch, value)


def attach(jsonl: JsonLines, pipeline: Pipeline, *, alone: bool) -> None:
    """Counts the lines among the node's counters; where nobody else is told of events, a reader that leaves is the end."""
    also = pipeline.also
    pipeline.also = lambda: {**also(), **jsonl.counters()}
    if alone:
        jsonl.left = lambda: pipeline.soon(_deserted)


def _deserted() -> None:
    raise SinkError("standard output: closed by its reader, and there is no [mqtt]: nobody is told of events any more")


def _served(health: HealthConfig, metrics: Metrics) -> Callable[[], None]:
    """Opens metrics and health to programs; what closes them."""
    try:
        web = Web(health.host, health.port, {"/metrics": metrics.page, "/healthz": Health(metrics.vitals).page})
    except SinkError as error:
        # Whoever cannot be asked can still hear, and that is what it is for.
        _log.error("health.not_served", reason=str(error), expected="a port that is free; until a restart nobody can ask")
        return lambda: None
    _log.info("health.served", host=health.host, port=web.port)
    return web.close


def open_outbox(config: Config) -> Outbox:
    """Where events wait for the broker: in the state folder, or in memory without one. Raises SinkError if another daemon has it."""
    folder = state_dir(config)
    if folder is None:
        if config.mqtt is not None:
            _log.warning("outbox.in_memory", reason="no state_dir: events that the broker has not got are lost if the daemon dies")
        return Outbox()
    with suppress(OSError):  # what is wrong, opening the file says
        folder.mkdir(parents=True, exist_ok=True)
    return Outbox(folder / f"{config.node}.outbox")


def open_evidence(config: Config, evidence: EvidenceConfig, path: Path, mqtt: Mqtt | None) -> Evidence:
    """The sink that keeps evidence, and shows the pictures to the broker. Raises ConfigError."""
    folder = evidence_dir(config, evidence, path)
    return Evidence(folder, evidence) if mqtt is None else Evidence(folder, evidence, pictured=mqtt.picture)


def kept_of_events(config: Config, path: Path) -> Path | None:
    """Where evidence is kept, none if none is. Raises ConfigError if nothing says so."""
    return None if config.evidence is None else evidence_dir(config, config.evidence, path)


def evidence_dir(config: Config, evidence: EvidenceConfig, path: Path) -> Path:
    """Where evidence is kept. Raises ConfigError if nothing says so."""
    folder = state_dir(config)
    if evidence.dir is None and folder is None:
        raise ConfigError(f"{path}: evidence.dir: missing, expected a folder there or as state_dir")
    return evidence.dir or folder / "evidence"  # type: ignore[operator]


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
    curve = opened.curve
    rests = "extrapolated from" if curve.extrapolated(stream.false_alarms_per_day) else "vouched for by"
    return (
        f"{stream.kind}, model {opened.model.hash}, {stream.false_alarms_per_day:g} false alarms a day,"
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
