"""`replay`: what the daemon would have said of files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from monitor import config
from monitor.base import base_file
from monitor.build import watch
from monitor.config import Config, FileConfig, StreamConfig
from monitor.engine import Engine, kind_of, pick_device
from monitor.errors import ConfigError, SinkError, SourceError
from monitor.feed import files
from monitor.opened import Opened, engines, open_stream
from monitor.recording import Recording, open_recording
from monitor.records import Event
from monitor.replay import Tally, replay
from monitor.sink.link import Link
from monitor.sink.login import login
from monitor.sink.outbox import Outbox
from monitor.sink.outgoing import Outgoing
from monitor.source.medium import Medium, search
from monitor.state import state_dir


@dataclass(frozen=True, slots=True)
class Replayed:
    """What one file came to."""

    file: str
    seconds: float
    short: bool
    """Whether it had to be repeated to fill a window."""
    windows: int
    score: float
    """Of its worst window."""
    threshold: float
    events: int


@dataclass(frozen=True, slots=True)
class Setting:
    """Whose place the replay takes: a stream of a daemon's configuration, or one of its own."""

    stream: StreamConfig
    node: str
    config: Config | None
    path: Path | None = None
    """Of the configuration."""
    state: Path | None = None
    """Where a profile that was made on this box may lie; none if model or profile were named."""


@dataclass(frozen=True, slots=True)
class Judging:
    """By what recordings are judged."""

    opened: Opened
    engine: Engine
    reads: Medium
    """What reads them."""


def ready(chosen: Setting) -> Judging:
    """Opens the model in force, warm. Raises ModelError."""
    opened = open_stream(chosen.stream, chosen.state)
    device = pick_device(chosen.config.device if chosen.config else "auto")
    engine = engines({chosen.stream.name: opened}, device)[chosen.stream.name]
    return Judging(opened, engine, files(chosen.stream, opened.representation))


def setting(
    *, config_path: Path | None, name: str | None, model: Path | None, profile: Path | None, rate: float | None, paths: Sequence[Path]
) -> Setting:
    """The stream to replay as; what is named on the command line goes before the configuration. Raises ConfigError, ModelError."""
    if config_path is None:
        model = model or base_file()
        source = FileConfig(type="file", paths=tuple(paths))
        stream = StreamConfig(name="replay", kind=kind_of(model), source=source, model=model, profile=profile)
        chosen = Setting(stream, Config.model_fields["node"].default, None)
    else:
        whole = config.load(config_path)
        state = None if model or profile else state_dir(whole)
        chosen = Setting(_named(whole, name, config_path), whole.node, whole, config_path, state)
    named = {"model": model, "profile": profile, "false_alarms_per_day": rate}
    return replace(chosen, stream=chosen.stream.model_copy(update={k: v for k, v in named.items() if v is not None}))


def _named(whole: Config, name: str | None, path: Path) -> StreamConfig:
    for stream in whole.stream:
        if name is None or stream.name == name:
            return stream
    raise ConfigError(f"{path}: no stream {name!r}, expected one of {', '.join(s.name for s in whole.stream)}")


def replay_files(
    paths: Sequence[Path],
    chosen: Setting,
    by: Judging,
    *,
    publish: bool,
    failed: Callable[[str], None],
    tally: Callable[[Recording], Tally] = lambda recording: Tally(),
) -> Iterator[tuple[Recording, Event] | Replayed]:
    """Every event of every file below the paths, and after each file what it came to; what `tally` gives for a file is kept up beside.

    A file that cannot be read is told to `failed` and left out. Raises DiffmonError.
    """
    found = search(paths, by.reads.files)
    links = [_broker(chosen)] if publish else []
    began: set[float] = set()
    with ExitStack() as closing:
        for link in links:
            closing.callback(link.close)
        for path in found:
            try:
                recording = open_recording(path, by.reads, length=by.opened.representation.length)
                yield from _replayed(recording, chosen, by, links, began, tally(recording))
            except SourceError as error:
                failed(str(error))
        for link in links:
            lost = link.drain(), link.counters()["mqtt.dropped"]
            if any(lost):
                raise SinkError(f"events did not reach the broker: {lost[0]} still wait, {lost[1]} were dropped")


def _broker(chosen: Setting) -> Link:
    if chosen.path is None or chosen.config is None or chosen.config.mqtt is None:
        raise ConfigError(f"{chosen.path}: mqtt: missing, expected a broker to publish to")
    # A client id of its own: with the daemon's, the broker would throw the daemon out.
    mqtt = chosen.config.mqtt.model_copy(update={"client_id": f"diffmon-{chosen.node}-replay"})
    with config.inside(chosen.path):
        me = login(mqtt, node=chosen.node, will_topic=None)
    return Link(me, Outgoing(Outbox()), root=f"{chosen.config.topic}/{chosen.node}")


def _beginning(path: Path, seconds: float, taken: set[float]) -> float:
    """Unix time at which a recording began, as far as can be told: a recorder closes a file when its last sample is in.

    No two recordings begin at the same time, or their events would share ids: copies may all bear one time.
    """
    began = path.stat().st_mtime - seconds
    while round(began, 3) in taken:
        began += 0.001
    taken.add(round(began, 3))
    return began


def _replayed(
    recording: Recording, chosen: Setting, by: Judging, links: Sequence[Link], taken: set[float], tally: Tally
) -> Iterator[tuple[Recording, Event] | Replayed]:
    sense, path = by.opened.representation, recording.path
    began = _beginning(path, recording.seconds, taken)
    watching = watch(chosen.stream, by.opened, by.engine, node=chosen.node, unix=lambda time_s: began + time_s)
    events = 0
    for event in replay(recording.source, watching, by.engine, tally):
        events += event.type == "new"
        for link in links:
            link.event(event)
        yield recording, event
    if tally.worst is None:
        raise SourceError(f"{path}: ends before one window of {sense.length / sense.rate_hz:.1f} s could be read")
    yield Replayed(
        str(path), round(recording.seconds, 3), recording.short, tally.windows, tally.worst.score, watching.level.threshold, events
    )
