"""Models and profiles on disk: safetensors with a JSON header. Nothing is ever unpickled; what does not match is refused."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from models.denoiser import Denoiser
from models.discriminator import Discriminator, DiscriminatorSettings
from models.prior import Folded, Gaussian
from models.profile import Profile, of_tensors
from models.recipe import Recipe
from models.unet import UNetSettings

_FORMAT = 6
_KEY = "diffmon"
_PROFILE = "profile."


class CheckpointError(ValueError):
    """A file that is no checkpoint, is damaged, or is not the one that was asked for."""


@dataclass(frozen=True, slots=True)
class Model:
    """A network and what it was trained to look at."""

    kind: str
    """The sense: audio."""
    grid: Mapping[str, float]
    """Settings of its representation."""
    denoiser: Denoiser
    bank: Tensor
    """Fixed noise `[P, 4C, H/2, W/2]`."""
    constants: Mapping[str, Tensor] = field(default_factory=dict)
    """What its representation has learned."""
    discriminator: Discriminator | None = None
    """D; none of a network for which none was taught."""
    folded: Folded | None = None
    """While the inputs that it learned from are at hand, the Gaussian of each fold of the others; not kept on disk."""

    @property
    def hash(self) -> str:
        """Sixteen hex digits that name this network and no other."""
        return _digest(_network(self), json.dumps([self.kind, dict(self.grid), *_settings(self).values()], sort_keys=True))

    def to(self, device: torch.device) -> Model:
        """The same on a device; its networks are moved, not copied."""
        discriminator = None if self.discriminator is None else self.discriminator.to(device)
        return replace(self, denoiser=self.denoiser.to(device), bank=self.bank.to(device), discriminator=discriminator)

    def follows(self, recipe: Recipe) -> Recipe:
        """Its sense's recipe, with what its discriminator says as a fourth part of the score if it has one."""
        if self.discriminator is None or recipe.discriminating is None:
            return recipe
        return replace(recipe, pooling=recipe.discriminating.pooling(self.discriminator))


@dataclass(frozen=True, slots=True)
class Fitted:
    """A profile, and the alarm levels that were found for it."""

    profile: Profile
    alarm: Mapping[str, Tensor]
    """Whatever the decider needs, as plain arrays by name."""


def save_model(path: Path, model: Model, fitted: Fitted, notes: Mapping[str, Any]) -> None:
    """Writes a model with its own profile; `notes` says how it came about. The file is whole or not there."""
    header = {"type": "model", "kind": model.kind, "grid": dict(model.grid), **_settings(model)}
    _write(path, _network(model) | _tensors(fitted), header | {"model": model.hash, "notes": dict(notes)})


def save_profile(path: Path, fitted: Fitted, *, kind: str, model: str, notes: Mapping[str, Any]) -> None:
    """Writes a profile alone; it names its model by hash. The file is whole or not there."""
    _write(path, _tensors(fitted), {"type": "profile", "kind": kind, "model": model, "notes": dict(notes)})


def model_kind(path: Path) -> str:
    """The sense of a model, without its numbers being read. Raises CheckpointError."""
    return str(_header_of(path, "model").get("kind"))


def load_model(path: Path) -> tuple[Model, Fitted]:
    """A model and its own profile. Raises CheckpointError."""
    header, tensors = _read(path, "model")
    try:
        network = header["network"]
        weights = _named(tensors, "network.")
        prior = Gaussian(*(weights[f"prior.{name}"] for name in ("directions", "variances", "rest"))) if network["told"] else None
        denoiser = Denoiser(UNetSettings(network["channels"], tuple(network["widths"]), network["told"]), prior)
        denoiser.load_state_dict(weights)
        denoiser.requires_grad_(False).eval()
        discriminator = _discriminator(header.get("discriminator"), _named(tensors, "discriminator."))
        model = Model(header["kind"], header["grid"], denoiser, tensors["bank"], _named(tensors, "sense."), discriminator)
        fitted = _fitted(tensors)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path}: a diffmon model, but damaged or of another version: {error}") from None
    if model.hash != header.get("model"):
        raise CheckpointError(f"{path}: damaged: its weights have hash {model.hash}, its header says {header.get('model')}")
    return model, fitted


def load_profile(path: Path, model: Model) -> Fitted:
    """A profile for this very model. Raises CheckpointError."""
    header, tensors = _read(path, "profile")
    if header.get("model") != model.hash:
        raise CheckpointError(f"{path}: profile of model {header.get('model')}, expected one of model {model.hash}")
    try:
        return _fitted(tensors)
    except KeyError as error:
        raise CheckpointError(f"{path}: a diffmon profile, but damaged or of another version: {error}") from None


def _digest(tensors: Mapping[str, Tensor], about: str = "") -> str:
    digest = hashlib.sha256(about.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(name.encode() + tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def _settings(model: Model) -> dict[str, Any]:
    """How large its networks are."""
    discriminator = {} if model.discriminator is None else {"discriminator": asdict(model.discriminator.settings)}
    return {"network": asdict(model.denoiser.settings), **discriminator}


def _network(model: Model) -> dict[str, Tensor]:
    weights = {f"network.{k}": v for k, v in model.denoiser.state_dict().items()} | {"bank": model.bank}
    if model.discriminator is not None:
        weights |= {f"discriminator.{k}": v for k, v in model.discriminator.state_dict().items()}
    return weights | {f"sense.{k}": v for k, v in model.constants.items()}


def _discriminator(settings: Mapping[str, Any] | None, weights: Mapping[str, Tensor]) -> Discriminator | None:
    if settings is None:
        return None
    discriminator = Discriminator(DiscriminatorSettings(**settings))
    discriminator.load_state_dict(weights)
    return discriminator.requires_grad_(False).eval()


def _named(tensors: Mapping[str, Tensor], room: str) -> dict[str, Tensor]:
    """Those whose names begin so, by the rest of their names."""
    return {name.removeprefix(room): each for name, each in tensors.items() if name.startswith(room)}


def _tensors(fitted: Fitted) -> dict[str, Tensor]:
    profile = {f"{_PROFILE}{name}": tensor for name, tensor in fitted.profile.tensors().items()}
    return profile | {f"alarm.{k}": v for k, v in fitted.alarm.items()}


def _fitted(tensors: Mapping[str, Tensor]) -> Fitted:
    return Fitted(of_tensors(_named(tensors, _PROFILE)), _named(tensors, "alarm."))


def _write(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    text = json.dumps({"format": _FORMAT, **header, "tensors": _digest(tensors)})
    data = save({k: _small(v.cpu().contiguous()) for k, v in tensors.items()}, {_KEY: text})
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _small(tensor: Tensor) -> Tensor:
    """In half precision, where that holds every number of it."""
    half = tensor.half()
    return half if tensor.dtype == torch.float32 and torch.equal(half.float(), tensor) else tensor


def _read(path: Path, wanted: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    header = _header_of(path, wanted)
    with safe_open(path, framework="pt") as file:
        stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    tensors = {name: each.float() if each.dtype == torch.half else each for name, each in stored.items()}
    if _digest(tensors) != header.get("tensors"):
        raise CheckpointError(f"{path}: damaged: its numbers have hash {_digest(tensors)}, its header says {header.get('tensors')}")
    return header, tensors


def _header_of(path: Path, wanted: str) -> dict[str, Any]:
    header = _read_header(path)
    if header.get("type") != wanted:
        raise CheckpointError(f"{path}: is a {header.get('type')}, expected a {wanted}")
    return header


def _read_header(path: Path) -> dict[str, Any]:
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(_KEY)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file") from None
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: not a diffmon checkpoint, or cut short ({error})") from None
    if text is None:
        raise CheckpointError(f"{path}: a safetensors file, but not written by diffmon")
    try:
        header: dict[str, Any] = json.loads(text)
    except json.JSONDecodeError as error:
        raise CheckpointError(f"{path}: damaged: its header is not JSON ({error})") from None
    if header.get("format") != _FORMAT:
        raise CheckpointError(f"{path}: format {header.get('format')}, this version reads {_FORMAT}: train and calibrate again")
    return header
