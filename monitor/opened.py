"""Models and profiles, opened to judge streams."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import structlog
import torch
from torch import Tensor

from models.checkpoint import Fitted, Model
from models.pose import Frame
from models.representation import Representation
from models.representation.audio import AudioRepresentation, AudioSettings
from models.representation.image import ImageRepresentation, ImageSettings
from monitor.alarm import AlarmCurve
from monitor.config import Config, FileConfig, NetworkConfig, StreamConfig, ViewConfig
from monitor.engine import Engine, open_model, open_profile
from monitor.errors import ModelError, SettingError
from monitor.live import password
from monitor.source.image import ImageFiles
from monitor.source.medium import Medium, search
from monitor.source.pulse import PicturePulse, Pulse, SoundPulse
from monitor.source.sound import SoundFiles
from monitor.source.view import View
from monitor.state import profile_path, state_dir

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Opened:
    """A model, ready to judge one stream."""

    model: Model
    fitted: Fitted
    representation: Representation
    made_here: bool = False
    """Whether the profile was made on this box."""

    @property
    def curve(self) -> AlarmCurve:
        """Alarm levels of the profile in force."""
        return AlarmCurve.from_arrays({k: v.double().numpy() for k, v in self.fitted.alarm.items()})


def representation(kind: str, grid: Mapping[str, float], constants: Mapping[str, Tensor] | None = None) -> Representation:
    """The representation of a kind, with what it learned from normal if it did."""
    match kind:
        case "audio":
            return AudioRepresentation(AudioSettings(**{name: int(value) for name, value in grid.items()}))
        case "image":
            return ImageRepresentation(
                ImageSettings(side=int(grid["side"]), rate_hz=grid["rate_hz"]), Frame(**constants) if constants else None
            )
    raise ModelError(f"kind {kind!r} is unknown, expected 'audio' or 'image'")


def usual_grid(kind: str) -> dict[str, float]:
    """The settings of the representation that a model of this kind has, if it is not told others."""
    return asdict(ImageSettings() if kind == "image" else AudioSettings())


def view(stream: StreamConfig, side: int) -> View | None:
    """How a stream is looked at by models that look at so many pixels; none of one that is heard."""
    match stream.kind:
        case "image":
            seen = stream.view or ViewConfig()
            return View(side, seen.crop, seen.masks)
    return None


def medium(kind: str, sense: Representation, looks: View | None = None) -> Medium:
    """What reads files of a kind, as a representation takes them; of pictures all there is, if it is not said how they are looked at."""
    if kind == "image":
        return ImageFiles(looks or View(sense.item[0]), rate_hz=sense.rate_hz)
    return SoundFiles(round(sense.rate_hz))


def pulse(stream: StreamConfig) -> Callable[[float], Pulse]:
    """What tells whether a stream has a signal, by its rate."""
    return PicturePulse if stream.kind == "image" else SoundPulse


def open_for(model: Path, profile: Path | None, *, kind: str | None = None) -> Opened:
    """A model with the profile in force: its own, if none is named; of a kind, if one is asked for. Raises ModelError."""
    loaded, fitted = open_model(model, kind=kind)
    if profile is not None:
        fitted = open_profile(profile, loaded)
    return Opened(loaded, fitted, representation(loaded.kind, loaded.grid, loaded.constants))


def open_stream(stream: StreamConfig, state: Path | None) -> Opened:
    """A stream's model with the profile in force, at the stream's own rate if it has one. Raises ModelError.

    That which was made on this box, else the configured, else the model's own. One that was made on this box for another model is
    ignored, and that is said.
    """
    opened = _in_force(stream, state)
    if stream.view is None or stream.view.rate_hz is None:
        return opened
    grid = {**opened.model.grid, "rate_hz": stream.view.rate_hz}
    return replace(opened, representation=representation(stream.kind, grid, opened.model.constants))


def _in_force(stream: StreamConfig, state: Path | None) -> Opened:
    made_here = None if state is None else profile_path(state, stream.name)
    if made_here is None or not made_here.exists():
        return open_for(stream.model, stream.profile, kind=stream.kind)
    opened = open_for(stream.model, None, kind=stream.kind)
    try:
        fitted = open_profile(made_here, opened.model)
    except ModelError as error:
        log.warning("profile.ignored", stream=stream.name, reason=str(error), expected="one that was calibrated here for this model")
        return open_for(stream.model, stream.profile, kind=stream.kind)
    log.info("profile.made_here", stream=stream.name, path=str(made_here))
    return replace(opened, fitted=fitted, made_here=True)


def about(kind: str, model: Model) -> str:
    """Which representation a log of normal holds planes of: those of another one are not comparable."""
    return json.dumps([kind, dict(model.grid)], sort_keys=True)


def check_source(stream: StreamConfig, index: int, sense: Representation) -> None:
    """Raises SourceError or SettingError if the source cannot be opened, as far as it is known before."""
    match stream.source:
        case FileConfig(paths=paths):
            reads = medium(stream.kind, sense, view(stream, sense.item[0]))
            for path in search(paths, reads.files):
                reads.probe(path)
        case NetworkConfig() as network:
            password(network, key=f"stream[{index}].source.password_file")


def opened_streams(config: Config) -> dict[str, Opened]:
    """Every stream's model and profile, and its files found to be readable. Raises SettingError, ModelError, SourceError."""
    opened, state = {}, state_dir(config)
    for i, stream in enumerate(config.stream):
        if state is None and (stream.learn_for is not None or stream.recalibrate == "auto"):
            key = "recalibrate" if stream.learn_for is None else "learn_for"
            raise SettingError(f"stream[{i}].{key}: there is no state folder to learn in, expected one as state_dir")
        opened[stream.name] = open_stream(stream, state)
        check_source(stream, i, opened[stream.name].representation)
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
