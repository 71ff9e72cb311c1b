"""The composition root: from a configuration to a running spine. The only place that knows which classes make up a sense."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue

import structlog
import torch

from models.representation import Representation
from monitor import exhibits, live
from monitor.config import (
    CameraConfig,
    Config,
    FileConfig,
    FolderConfig,
    MicrophoneConfig,
    NetworkConfig,
    StdinConfig,
    StreamConfig,
)
from monitor.control import Control, Told
from monitor.engine import Engine, open_profile, pick_device
from monitor.errors import ConfigError
from monitor.event import Rule
from monitor.evidence.sink import Evidence
from monitor.filled import filled
from monitor.flac import Sound
from monitor.health import Notifier
from monitor.measured import measured
from monitor.normal import NormalLog
from monitor.opened import Opened, about, engines, medium, opened_streams, pulse, representation, usual_grid, view
from monitor.pipeline import Judge, Pipeline
from monitor.reader import Reader
from monitor.recalibration import Recalibration
from monitor.records import Command
from monitor.ring import Ring
from monitor.segment import SegmentKind
from monitor.sink import Sink
from monitor.sink.metrics import Metrics
from monitor.sink.outbox import Outbox
from monitor.sink.vitals import Vitals
from monitor.source import Source
from monitor.source.file import FileSource, Paced
from monitor.source.medium import Medium, search
from monitor.state import normal_dir, profile_path, state_dir
from monitor.student import Lessons, Student
from monitor.watch import Identity, Level, Watch
from monitor.window import Windower

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
    return Level(decision, engine.score_at(stream.name, decision.alarm_p), curve.extrapolated(per_day))


def source(stream: StreamConfig, sense: Representation) -> Source:
    """Opens the source of one stream, for what a representation takes. Raises SourceError."""
    looks = view(stream, sense.item[0])
    match stream.source:
        case CameraConfig() | NetworkConfig() as section if looks is not None:
            return live.seen(section, sense.rate_hz, looks)
        case MicrophoneConfig() | NetworkConfig() | StdinConfig() as section:
            return live.heard(section, round(sense.rate_hz))
        case FileConfig(paths=paths, loop=loop):
            reads = files(stream, sense)
            return Paced(FileSource(search(paths, reads.files), reads, loop=loop))
    raise ConfigError(f"stream {stream.name}: its source is a folder of recordings, expected one that is heard as it plays")


def is_live(stream: StreamConfig) -> bool:
    """Whether what is not heard now is lost, and a source that fails may come back."""
    return isinstance(stream.source, MicrophoneConfig | CameraConfig | NetworkConfig | StdinConfig)


def is_once(stream: StreamConfig) -> bool:
    """Whether the source can be opened only once: what one process has taken from standard input, another would miss."""
    return isinstance(stream.source, StdinConfig)


def recorded_source(stream: StreamConfig) -> Source:
    """Opens the source of one stream as normal of it is recorded. Raises SourceError."""
    return source(stream, recorded_sense(stream))


def files(stream: StreamConfig, sense: Representation) -> Medium:
    """What reads a stream's files."""
    return medium(stream.kind, sense, view(stream, sense.item[0]))


def recorded_sense(stream: StreamConfig) -> Representation:
    """As what normal is recorded: as the models take it that will learn from it."""
    rate = {} if stream.view is None or stream.view.rate_hz is None else {"rate_hz": stream.view.rate_hz}
    return representation(stream.kind, usual_grid(stream.kind) | rate)


def segment(stream: StreamConfig) -> SegmentKind:
    """As which files normal of a stream is recorded, without loss."""
    if stream.kind == "image":
        from monitor.ffv1 import Video

        return SegmentKind(".mkv", Video)
    return SegmentKind(".flac", lambda path, rate_hz: Sound(path, round(rate_hz)))


def live_clock(time_s: float) -> float:
    """Unix time of a monotonic time, by the wall clock as it is now."""
    return time.time() - (time.monotonic() - time_s)


def recording_clock(time_s: float) -> float:
    """Unix time on the clock of a source that tells it: as it is."""
    return time_s


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
        folder = filled(stream, files(stream, sense), outbox)
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
            opening = partial(folder.source, watched, evidence, ahead_s=RING_S / 3)
            reached[name] = partial(folder.reached, partial(outbox.keep, f"position/{name}"))
        watches[name] = watched
        heard = pulse(stream)
        readers[name] = Reader(name, opening, watched.ring, pulse=heard, live=is_live(stream), once=is_once(stream))
    judging: Mapping[str, Judge] = judges
    if metrics is not None:
        judging = measured(judges, metrics.judged)
        _show(metrics.vitals, notifier, readers, watches, device)
    spine = Pipeline(watches=watches, readers=readers, engines=judging, sinks=sinks, arrived=arrived, notifier=notifier, reached=reached)
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
    vitals.restarts = lambda stream: readers[stream].restarts
    vitals.lost = lambda stream: watches[stream].windower.lost
    if device.type == "cuda":
        vitals.gpu_bytes = partial(torch.cuda.memory_reserved, device)
