"""The serving side of the models: windows of many streams in, judgements out, one network call a batch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from models.calibrate import score_at
from models.checkpoint import CheckpointError, Fitted, Model, load_model, load_profile, model_kind
from models.halved import halved
from models.normalise import standardise, unsplit
from models.profile import Profile, stack
from models.reconstruct import reconstruct
from models.representation import Representation
from models.score import PARTS
from models.verdict import Pass, Verdict, verdict
from monitor.captured import Capturing
from monitor.errors import ModelError, OutOfMemoryError
from monitor.records import Explanation, Judgement, Kind, Window
from monitor.staging import Direct, Ladder, Run

_EXPLAINED = -1  # of the noise levels, the one whose reconstruction is shown: the noisiest
_SOME = {"cpu": 1 << 16, "cuda": 1 << 23}  # numbers in the planes at a time: more would only take more memory, on a CPU 4 MB a window
BATCH = {"cpu": 32, "cuda": 1024}
"""Windows that are judged together at most, by device: a GPU is only fast with many."""


class Engine:
    """Judges windows of the streams that share one network. Called from one thread, but for `explain`.

    The result for a window depends neither on its batch nor on the other streams in it.
    """

    def __init__(self, model: Model, representation: Representation, profiles: Mapping[str, Profile], *, device: torch.device) -> None:
        self.representation = representation.to(device)
        self._device = device
        self._pass = Pass.of(served(model, device), self.representation)
        self._some = at_once(representation, device)
        self._rows = {name: i for i, name in enumerate(profiles)}
        self._profiles = stack(list(profiles.values())).to(device)
        self._run = self._runs()

    def judge(self, windows: Sequence[Window]) -> list[Judgement]:
        """A judgement of every window, in their order. Raises OutOfMemoryError."""
        judgements: list[Judgement] = []
        for some in (windows[i : i + self._some] for i in range(0, len(windows), self._some)):
            with _memory(len(some)):
                judgements += self._judged(some)
        return judgements

    @torch.inference_mode()
    def _judged(self, windows: Sequence[Window]) -> list[Judgement]:
        told = self._run(windows, [self._rows[w.stream] for w in windows])
        return [self._judgement(window, verdict(row)) for window, row in zip(windows, told, strict=True)]

    @torch.inference_mode()
    def planes(self, windows: Sequence[Window]) -> NDArray[np.float16]:
        """What windows look like to the network before any profile, `[n, C, H, W]`, in their order. Raises OutOfMemoryError."""
        items = torch.from_numpy(np.stack([w.items for w in windows]))
        with _memory(min(self._some, len(windows))):
            return np.concatenate(
                [self.representation.look(s.to(self._device)).planes.half().cpu().numpy() for s in items.split(self._some)]
            )

    def replace(self, stream: str, fitted: Fitted) -> None:
        """Judges a stream by another profile of this network from now on."""
        self._profiles.put(self._rows[stream], fitted.profile)

    @torch.inference_mode()
    def explain(self, windows: Sequence[Window]) -> list[Explanation]:
        """What every window was judged by, in their order. Any thread may ask. Raises OutOfMemoryError."""
        with _memory(len(windows)):
            items, profile = self._inputs(windows)
            sense = self.representation
            look = sense.look(items)
            x = standardise(look.planes, profile)
            restored = reconstruct(self._pass.denoiser, x, sense.recipe.judged[_EXPLAINED:], self._pass.bank)
            unusual = unsplit(x[:, None] - restored, profile)[:, 0] * profile.deviation
            shown = sense.visible(items)
            rows = zip(shown, shown - sense.visibly(unusual, look), self._pass.heat(look, profile), strict=True)
            return [Explanation(*(each.cpu().numpy() for each in row)) for row in rows]

    def warm(self, stream: str) -> None:
        """Runs once on silence, so that the first real window does not wait for the libraries."""
        sense = self.representation
        self.judge([Window(stream, 0, np.zeros((sense.length, *sense.item), sense.dtype), 0)])

    def score_at(self, stream: str, p: float) -> float:
        """The score that has p-value p on a stream."""
        return score_of(p, self._profiles.gather(torch.tensor(self._rows[stream], device=self._device)))

    def _runs(self) -> Run:
        """How batches are run on the device."""
        if self._device.type == "cuda":
            return Ladder(self._told, self.representation, self._some, device=self._device, capture=Capturing())
        return Direct(self._told, self.representation, self._some)

    def _told(self, items: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        return self._pass.told(items, self._profiles.gather(rows))

    def _inputs(self, windows: Sequence[Window]) -> tuple[torch.Tensor, Profile]:
        items = torch.from_numpy(np.stack([w.items for w in windows])).to(self._device)
        return items, self._profiles.gather(torch.tensor([self._rows[w.stream] for w in windows], device=self._device))

    def _judgement(self, window: Window, told: Verdict) -> Judgement:
        first, after = self.representation.span(told.columns)
        return Judgement(
            stream=window.stream,
            start=window.start,
            end=window.end,
            lost=window.lost,
            score=told.score,
            p_value=told.p_value,
            parts=dict(zip(PARTS, told.parts, strict=False)),
            level_db=told.level_db,
            place=self.representation.place(told.rows, told.columns),
            span=(window.start + first, window.start + after),
        )


def served(model: Model, device: torch.device) -> Model:
    """A model as it judges on a device: on a GPU its network computes in half precision."""
    return replace(model, denoiser=halved(model.denoiser)).to(device) if device.type == "cuda" else model.to(device)


def at_once(sense: Representation, device: torch.device) -> int:
    """How many windows of a sense a device judges at a time."""
    kind = device.type if device.type in _SOME else "cpu"
    return min(BATCH[kind], max(1, _SOME[kind] // math.prod(sense.shape)))


@contextmanager
def _memory(windows: int) -> Iterator[None]:
    """Says in our words that the device has no memory for so many windows."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        torch.cuda.empty_cache()
        raise OutOfMemoryError(f"device: no memory for {windows} windows at once: {str(error).splitlines()[0]}") from None


def pick_device(wanted: str) -> torch.device:
    """The device to run on: `cpu`, `cuda`, or with `auto` the GPU if there is one. Raises ModelError."""
    if wanted == "cuda" and not torch.cuda.is_available():
        raise ModelError("device: 'cuda': torch finds no GPU, expected one (or 'auto', 'cpu')")
    # Profiles are made on a CPU: a score must not depend on where it is computed by more than rounding.
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False
    return torch.device("cuda" if wanted == "cuda" or (wanted == "auto" and torch.cuda.is_available()) else "cpu")


def gpu() -> str | None:
    """The GPU's name, after it has counted to two; none if torch finds none. Raises ModelError if it cannot count."""
    if not torch.cuda.is_available():
        return None
    try:
        found = torch.ones(2, device="cuda").sum().item()
    except RuntimeError as error:
        raise ModelError(f"the GPU does not compute: {str(error).splitlines()[0]}") from None
    if found != 2:
        raise ModelError(f"the GPU counts 1 + 1 = {found:g}")
    return torch.cuda.get_device_name()


def open_model(path: Path, *, kind: str | None = None) -> tuple[Model, Fitted]:
    """A model, of the sense that is asked for if one is, with its own profile. Raises ModelError."""
    try:
        model, fitted = load_model(path)
    except CheckpointError as error:
        raise ModelError(str(error)) from None
    _check_kind(path, model.kind, get_args(Kind) if kind is None else (kind,))
    return model, fitted


def kind_of(path: Path) -> Kind:
    """The sense of a model, by its header. Raises ModelError."""
    try:
        kind = model_kind(path)
    except CheckpointError as error:
        raise ModelError(str(error)) from None
    _check_kind(path, kind, get_args(Kind))
    return cast("Kind", kind)


def _check_kind(path: Path, kind: str, expected: Sequence[str]) -> None:
    if kind not in expected:
        raise ModelError(f"{path}: a model of kind {kind!r}, expected {' or '.join(map(repr, expected))}")


def open_profile(path: Path, model: Model) -> Fitted:
    """A profile of this very model. Raises ModelError."""
    try:
        return load_profile(path, model)
    except CheckpointError as error:
        raise ModelError(str(error)) from None


def score_of(p: float, profile: Profile) -> float:
    """The score that has p-value p under one profile."""
    return score_at(p, profile.quantiles.cpu(), profile.tail.cpu())
