"""The composition root: from a configuration to a running spine. The only place that knows which classes make up a sense."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from models.checkpoint import Fitted, Model
from models.representation import Representation
from models.representation.audio import AudioRepresentation, AudioSettings
from monitor.alarm import AlarmCurve
from monitor.config import Config, FileConfig, MicrophoneConfig, StreamConfig
from monitor.engine import Engine, open_model, open_profile, pick_device
from monitor.errors import ModelError
from monitor.event import Rule
from monitor.health import Notifier
from monitor.pipeline import Pipeline
from monitor.reader import Reader
from monitor.ring import Ring
from monitor.sink import Sink
from monitor.source import Source
from monitor.source.child import command
from monitor.source.media import FileSource, Paced, probe, sound_files
from monitor.source.process import Process
from monitor.watch import Identity, Level, Watch
from monitor.window import Windower

RING_S = 30.0
"""Seconds a ring holds beyond what a window needs: how long judging may fall behind before windows are lost."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A model, ready to judge one stream."""

    model: Model
    fitted: Fitted
    representation: Representation

    @property
    def curve(self) -> AlarmCurve:
        """Alarm levels of the profile in force."""
        return AlarmCurve.from_arrays({k: v.double().numpy() for k, v in self.fitted.alarm.items()})


def representation(kind: str, grid: Mapping[str, int]) -> Representation:
    """The representation that a model of this kind was trained on."""
    match kind:
        case "audio":
            return AudioRepresentation(AudioSettings(**grid))
    raise ModelError(f"kind {kind!r} is unknown, expected 'audio'")


def open_for(model: Path, profile: Path | None, *, kind: str) -> Opened:
    """A model with the profile in force: its own, if none is named. Raises ModelError."""
    loaded, fitted = open_model(model, kind=kind)
    if profile is not None:
        fitted = open_profile(profile, loaded)
    return Opened(loaded, fitted, representation(kind, loaded.grid))


def rule(stream: StreamConfig, curve: AlarmCurve, sense: Representation) -> Rule:
    """When this stream's events begin and end."""
    level = curve.level(stream.false_alarms_per_day)
    return timed(sense, alarm_p=level, quiet_s=stream.quiet, cooldown_s=stream.cooldown, update_s=stream.update)


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
) -> Watch:
    """Ring, windows and decider of one stream."""
    sense, curve = opened.representation, opened.curve
    ring = Ring(sense.length + int(RING_S * sense.rate_hz), item=(1,), rate_hz=sense.rate_hz, arrived=arrived)
    decision = rule(stream, curve, sense)
    level = Level(decision, engine.score_at(stream.name, decision.alarm_p), curve.extrapolated(stream.false_alarms_per_day))
    identity = Identity(node, stream.name, stream.kind, opened.model.hash)
    windower = Windower(ring, stream=stream.name, length=sense.length, hop=sense.hop)
    return Watch(identity, level, ring=ring, windower=windower, unix=unix)


def source(stream: StreamConfig, rate_hz: int) -> Source:
    """Opens the source of one stream. Raises SourceError."""
    match stream.source:
        case MicrophoneConfig(device=device, channel=channel):
            wanted = {"type": "microphone", "device": device, "channel": channel, "rate_hz": rate_hz}
            return Process(command(wanted), name=f"microphone {device!r}" if device else "default microphone", rate_hz=rate_hz)
        case FileConfig(paths=paths, loop=loop):
            return Paced(FileSource(sound_files(paths), rate_hz=rate_hz, loop=loop))


def is_live(stream: StreamConfig) -> bool:
    """Whether what is not heard now is lost, and a source that fails may come back."""
    return isinstance(stream.source, MicrophoneConfig)


def recording_rate_hz() -> int:
    """At which rate normal is recorded: that of the models that will learn from it."""
    return AudioSettings().rate_hz


def live_clock(time_s: float) -> float:
    """Unix time of a monotonic time, by the wall clock as it is now."""
    return time.time() - (time.monotonic() - time_s)


def opened_streams(config: Config) -> dict[str, Opened]:
    """Every stream's model and profile, and its files found to be readable. Raises ModelError, SourceError."""
    opened = {}
    for stream in config.stream:
        opened[stream.name] = open_for(stream.model, stream.profile, kind=stream.kind)
        if isinstance(stream.source, FileConfig):
            for path in sound_files(stream.source.paths):
                probe(path)
    return opened


def engines(opened: Mapping[str, Opened], device: torch.device) -> dict[str, Engine]:
    """An engine by stream; streams of the same network get the same one, and so share its batches."""
    by_model: dict[str, list[str]] = {}
    for name, each in opened.items():
        by_model.setdefault(each.model.hash, []).append(name)
    result: dict[str, Engine] = {}
    for names in by_model.values():
        first = opened[names[0]]
        profiles = {name: opened[name].fitted.profile for name in names}
        engine = Engine(first.model, first.representation, profiles, device=device)
        engine.warm(names[0])
        result |= dict.fromkeys(names, engine)
    return result


def pipeline(config: Config, sinks: Sequence[Sink]) -> Pipeline:
    """The whole spine, warm, not yet running. Raises ModelError, SourceError."""
    opened = opened_streams(config)
    judges = engines(opened, pick_device(config.device))
    arrived = threading.Condition()
    watches = {s.name: watch(s, opened[s.name], judges[s.name], node=config.node, unix=live_clock, arrived=arrived) for s in config.stream}
    readers = {
        s.name: Reader(
            s.name,
            partial(source, s, opened[s.name].representation.rate_hz),
            watches[s.name].ring,
            live=is_live(s),
        )
        for s in config.stream
    }
    return Pipeline(watches=watches, readers=readers, engines=judges, sinks=sinks, arrived=arrived, notifier=Notifier())
