"""The composition root: from a configuration to a running spine. The only place that knows which classes make up a sense."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue

import structlog
import torch

from models.representation import Representation
from monitor import exhibits
from monitor.config import (
    Config,
    FolderConfig,
    StreamConfig,
)
from monitor.control import Control, Told
from monitor.engine import BATCH, Engine, open_profile, pick_device
from monitor.event import Rule
from monitor.evidence.sink import Evidence
from monitor.feed import files, is_live, is_once, source
from monitor.health import Notifier
from monitor.measured import measured
from monitor.normal import NormalLog
from monitor.opened import Opened, about, engines, opened_streams, pulse
from monitor.pipeline import Judge, Pipeline
from monitor.reader import Reader
from monitor.recalibration import Recalibration
from monitor.records import Command
from monitor.ring import Ring
from monitor.sink import Sink
from monitor.sink.metrics import Metrics
from monitor.sink.outbox import Outbox
from monitor.sink.vitals import Vitals
from monitor.source import Source
from monitor.source.folder import FolderSource
from monitor.source.medium import Medium
from monitor.source.position import Position, Trail
from monitor.state import normal_dir, profile_path, state_dir
from monitor.student import Lessons, Student
from monitor.watch import Identity, Level, Watch
from monitor.window import Windower
from monitor.words import Normal

log = structlog.get_logger(__name__)

RING_S = 30.0
"""Seconds a ring holds beyond what a window needs: how long judging may fall behind before windows are lost."""


def rule(stream: StreamConfig, alarm_p: float, sense: Representation) -> Rule:
    """When this stream's events begin and end, given its alarm level."""
    decision = timed(sense, alarm_p=alarm_p, quiet_s=stream.quiet, cooldown_s=stream.cooldown, update_s=stream.update)
    match stream.source:
        case FolderConfig(silence=silence_s):
            return replace(decision, silence_s=decision.silence_s + silence_s)
    return decision


def timed(sense: Representation, *, alarm_p: float, quiet_s: float, cooldown_s: float, update_s: float) -> Rule:
    """A rule that fits the sense's windows."""
    hop_s, length_s = sense.hop / sense.rate_hz, sense.length / sense.rate_hz
    return Rule(
        alarm_p=alarm_p,
        confirm_s=2 * hop_s,  # two of three windows
        quiet_s=quiet_s,
        cooldown_s=cooldown_s,
        update_s=update_s,
        silence_s=length_s + 3.0,
        rate_hz=sense.rate_hz,
    )


def watch(
    stream: StreamConfig,
    opened: Opened,
    engine: Engine,
    *,
    node: str,
    unix: Callable[[float], float],
    arrived: threading.Condition | None = None,
    begin: int = 0,
    told_to: int = 0,
    evidence: Evidence | None = None,
) -> Watch:
    """Ring, windows and decider of one stream, whose first item will have the index `begin`, and which was told of up to `told_to`."""
    sense = opened.representation
    held_s = RING_S if evidence is None else RING_S + evidence.config.before
    ring = Ring(
        sense.length + int(held_s * sense.rate_hz),
        item=sense.item,
        dtype=sense.dtype,
        rate_hz=sense.rate_hz,
        begin=begin,
        arrived=arrived,
    )
    identity = Identity(node, stream.name, stream.kind, opened.model.hash)
    windower = Windower(ring, stream=stream.name, length=sense.length, hop=sense.hop)
    decides = level(stream, opened, engine)
    opened_watch = partial(Watch, identity, decides, ring=ring, windower=windower, unix=unix, told_to=told_to)
    return opened_watch() if evidence is None else opened_watch(evidence=exhibits.names(stream, evidence.config))


def level(stream: StreamConfig, opened: Opened, engine: Engine) -> Level:
    """When this stream alarms."""
    curve = opened.curve
    sense = opened.representation
    # The curve was counted at the model's own rate: with more windows a day, each may alarm the more rarely.
    per_day = stream.false_alarms_per_day * opened.model.grid["rate_hz"] / sense.rate_hz
    decision = rule(stream, curve.level(per_day), sense)
    normal = Normal(sense.hop / sense.rate_hz, curve.held_out_s, curve.vouched_per_day)
    return Level(decision, engine.score_at(stream.name, decision.alarm_p), curve.extrapolated(per_day), normal)


def live_clock(time_s: float) -> float:
    """Unix time of a monotonic time, by the wall clock as it is now."""
    return time.time() - (time.monotonic() - time_s)


def recording_clock(time_s: float) -> float:
    """Unix time on the clock of a source that tells it: as it is."""
    return time_s


@dataclass(frozen=True, slots=True)
class Filled:
    """A folder stream: what it is read by, and kept for when it is read again."""

    config: FolderConfig
    position: Position | None
    """Where it was left off."""
    trail: Trail
    medium: Medium
    """What reads its recordings."""

    def source(self, watched: Watch, evidence: Evidence | None) -> Source:
        """The recordings from there on, no faster than they are judged and kept."""
        ring, windower = watched.ring, watched.windower
        stream = watched.identity.stream
        # So that the ring still holds what was before an event when a batch that was cut so far ahead is judged.
        ahead = int(RING_S / 3 * ring.rate_hz)
        return FolderSource(
            self.config.path,
            self.medium,
            position=self.position,
            trail=self.trail,
            room=lambda start: windower.reaches(start, ahead) and not (evidence is not None and evidence.behind(stream)),
            settled_s=self.config.settled,
            silence_s=self.config.silence,
        )

    def reached(self, keep: Callable[[str], None], index: int) -> None:
        """Has the position of an index kept."""
        position = self.trail.at(index)
        if position is not None:
            keep(position.text())


def filled(stream: StreamConfig, sense: Representation, outbox: Outbox) -> Filled | None:
    """A folder stream as it was left off, or none if the stream is none."""
    match stream.source:
        case FolderConfig() as config:
            place = outbox.kept(f"position/{stream.name}")
            position = None if place is None else Position.read(place)
            return Filled(config, position, Trail(position), files(stream, sense))
    return None


def pipeline(
    config: Config,
    sinks: Sequence[Sink],
    outbox: Outbox,
    *,
    orders: SimpleQueue[Command],
    told: Told,
    metrics: Metrics | None = None,
    path: Path | None = None,
    evidence: Evidence | None = None,
) -> tuple[Pipeline, Control]:
    """The whole spine, warm, not yet running, and who decides what is in force on it; measured, if there are metrics.

    Streams learn, if there is a file `path` of the configuration. Raises SettingError, ModelError, SourceError.
    """
    opened, device, notifier = opened_streams(config), pick_device(config.device), Notifier()
    judges = engines(opened, device)
    arrived = threading.Condition()
    watches, readers, reached = {}, {}, {}
    outbox.going_on = frozenset(s.name for s in config.stream if isinstance(s.source, FolderConfig))
    for stream in config.stream:
        name, sense = stream.name, opened[stream.name].representation
        folder = filled(stream, sense, outbox)
        begin = 0 if folder is None or folder.position is None else folder.position.index
        unix = live_clock if folder is None else recording_clock
        watched = watch(
            stream,
            opened[name],
            judges[name],
            node=config.node,
            unix=unix,
            arrived=arrived,
            begin=begin,
            told_to=0 if folder is None or folder.position is None else outbox.told_to(name),
            evidence=evidence,
        )
        if folder is None:
            opening = partial(source, stream, sense)
        else:
            opening = partial(folder.source, watched, evidence)
            reached[name] = partial(folder.reached, partial(outbox.keep, f"position/{name}"))
        watches[name] = watched
        heard = pulse(stream)
        readers[name] = Reader(name, opening, watched.ring, pulse=heard, live=is_live(stream), once=is_once(stream))
    judging: Mapping[str, Judge] = judges
    if metrics is not None:
        judging = measured(judges, metrics.judged)
        _show(metrics.vitals, notifier, readers, watches, device)
    spine = Pipeline(
        watches=watches,
        readers=readers,
        engines=judging,
        sinks=sinks,
        arrived=arrived,
        notifier=notifier,
        reached=reached,
        batch=BATCH[device.type],
        max_wait_s=config.max_wait,
    )
    control = Control(spine, config.stream, orders=orders, level=lambda s: level(s, opened[s.name], judges[s.name]), kept=outbox, told=told)
    spine.attend = control.tick
    if path is not None:
        if metrics is not None:
            metrics.vitals.drift = lambda stream: spine.students[stream].drift.log10
        spine.students = {
            s.name: student(s, opened, judges[s.name], watches[s.name], control, config=config, path=path) for s in config.stream
        }
    if evidence is not None:
        evidence.begin = {s.name: exhibits.begin(s, watches[s.name].ring, evidence, judges[s.name].explain) for s in config.stream}
        spine.also = evidence.counters
    return spine, control


def student(
    stream: StreamConfig, opened: dict[str, Opened], engine: Engine, watched: Watch, control: Control, *, config: Config, path: Path
) -> Student:
    """Who follows a stream; a profile that it has made takes the place of the one among the opened."""
    name, state, sense = stream.name, state_dir(config), opened[stream.name].representation
    model = opened[name].model
    has_profile = stream.profile is not None or opened[name].made_here
    lessons = Lessons(None if has_profile else stream.learn_for, renews=stream.recalibrate == "auto", hop=sense.hop)
    if state is None or not stream.keep_normal:
        return Student(watched, lessons, planes=engine.planes, kept=None, calibration=None, adopt=lambda: None)

    def adopt() -> None:
        opened[name] = replace(opened[name], fitted=open_profile(profile_path(state, name), model), made_here=True)
        engine.replace(name, opened[name].fitted)
        control.recalibrated(name)

    kept = NormalLog(normal_dir(state, name), about=about(stream.kind, model), hop_s=sense.hop / sense.rate_hz, keep_s=stream.keep_normal)
    calibrates = lessons.learn_s is not None or lessons.renews
    calibration = Recalibration(path, name) if calibrates else None
    return Student(watched, lessons, planes=engine.planes, kept=kept, calibration=calibration, adopt=adopt)


def _show(vitals: Vitals, notifier: Notifier, readers: Mapping[str, Reader], watches: Mapping[str, Watch], device: torch.device) -> None:
    """Says where what the daemon shows of itself is read."""
    vitals.pulse = notifier
    vitals.threshold = lambda stream: watches[stream].level.threshold
    vitals.restarts = lambda stream: readers[stream].restarts
    vitals.reason = lambda stream: readers[stream].why
    vitals.lost = lambda stream: watches[stream].windower.lost
    vitals.dropped = lambda stream: watches[stream].windower.dropped
    if device.type == "cuda":
        vitals.gpu_bytes = partial(torch.cuda.memory_reserved, device)
