"""Whom the daemon tells of what it hears: opened together, closed together."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, NoReturn, Protocol, TypeVar

import structlog

from monitor.config import Config, EvidenceConfig, HealthConfig, MqttConfig
from monitor.control import Told
from monitor.errors import ConfigError, SinkError
from monitor.evidence.sink import Evidence
from monitor.page.opening import open_page
from monitor.records import Command, Switch
from monitor.sink import Sink
from monitor.sink.healthz import Health
from monitor.sink.jsonl import JsonLines
from monitor.sink.metrics import Metrics
from monitor.sink.mqtt import Mqtt
from monitor.sink.newest import Newest
from monitor.sink.outbox import Outbox
from monitor.sink.vitals import Vitals
from monitor.sink.web import Web
from monitor.state import state_dir, take

if TYPE_CHECKING:
    from monitor.page.server import Page

_log = structlog.get_logger(__name__)


class Shown(Protocol):
    """Somebody's view of the running daemon."""

    left: Callable[[], None]
    """Called once when nobody looks any more; set before the pipeline runs."""

    def close(self) -> None:
        """Ends it; may be called twice."""


Show = Callable[[str, Vitals, Newest], Shown]
"""From the node's name, and what is written to while the daemon runs."""


@dataclass(frozen=True, slots=True)
class Outlets:
    """Whom there is to tell; none where the configuration asks for none."""

    outbox: Outbox
    """Where events wait for the broker."""
    orders: SimpleQueue[Command]
    """What was commanded, by whomever, and is to be obeyed."""
    metrics: Metrics
    newest: Newest
    shown: Shown | None
    mqtt: Mqtt | None
    jsonl: JsonLines | None
    page: Page | None
    evidence: Evidence | None

    @property
    def sinks(self) -> list[Sink]:
        """In the order in which they are told; evidence after whoever only passes on."""
        page = None if self.page is None else self.page.board
        newest = None if self.shown is None else self.newest
        sinks: tuple[Sink | None, ...] = (self.mqtt, self.jsonl, newest, page, self.evidence, self.metrics)
        return [sink for sink in sinks if sink is not None]

    @property
    def told(self) -> Told:
        """Says to everybody whom it concerns what is in force."""
        hearers = [] if self.mqtt is None else [self.mqtt.switch]
        return partial(_tell, [*hearers, *([] if self.page is None else [self.page.board.switch])])


@contextmanager
def opened_outlets(config: Config, path: Path, show: Show | None) -> Iterator[Outlets]:
    """All that the configuration `path` asks for, until the end of the block. Raises DiffmonError.

    Where it is shown to a person, no lines are printed.
    """
    seen = frozenset(s.name for s in config.stream if s.kind == "image")
    vitals = Vitals(dict.fromkeys([s.name for s in config.stream], "starting"), seen)
    newest, metrics, orders = Newest(), Metrics(vitals), SimpleQueue[Command]()
    with ExitStack() as closing:
        shown = None if show is None else _shown(show, config.node, vitals, newest, closing)
        outbox = _closed(closing, open_outbox(config))
        if (state := state_dir(config)) is not None:
            closing.callback(take(state))
        mqtt = None if config.mqtt is None else _closed(closing, open_mqtt(config, config.mqtt, outbox, orders))
        jsonl = _closed(closing, JsonLines()) if config.jsonl and shown is None else None
        vitals.delivery = None if mqtt is None else mqtt.delivery
        if config.health is not None:
            closing.callback(_served(config.health, metrics))
        page = _closed(closing, open_page(config, vitals, orders.put, evidence=kept_of_events(config, path)))
        evidence = None if config.evidence is None else _closed(closing, open_evidence(config, config.evidence, path, mqtt))
        if evidence is not None:
            vitals.evidence_failing = evidence.failing
        yield Outlets(outbox, orders, metrics, newest, shown, mqtt, jsonl, page, evidence)


class _Closable(Protocol):
    def close(self) -> None: ...


T = TypeVar("T", bound=_Closable | None)


def _closed(closing: ExitStack, one: T) -> T:
    """The same, which is closed in the end if it is there; the last one first."""
    if one is not None:
        closing.callback(one.close)
    return one


def _shown(show: Show, node: str, vitals: Vitals, newest: Newest, closing: ExitStack) -> Shown:
    """What is shown, until the end, however it comes: SIGTERM too ends it in good order, before there is a pipeline to stop."""
    signal.signal(signal.SIGTERM, _leave)
    shown = show(node, vitals, newest)
    closing.callback(shown.close)
    return shown


def _leave(number: int, _: object) -> NoReturn:
    raise SystemExit(128 + number)


def _tell(hearers: Sequence[Told], stream: str, switch: Switch, value: bool | float | str) -> None:
    for told in hearers:
        told(stream, switch, value)


def open_mqtt(config: Config, broker: MqttConfig, outbox: Outbox, orders: SimpleQueue[Command]) -> Mqtt:
    """The sink to the broker, which puts what is commanded among the orders. Raises SettingError."""
    streams = [s.name for s in config.stream]
    home = None if config.homeassistant is None else config.homeassistant.prefix
    return Mqtt(broker, outbox, node=config.node, topic=config.topic, streams=streams, commanded=orders.put, home=home)


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
