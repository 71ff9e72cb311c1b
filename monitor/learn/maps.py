"""Heat maps of judged pictures: on disk, and how well they tell the anomaly's pixels from all others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from monitor.errors import DiffmonError, SourceError
from monitor.learn.gallery import Row
from monitor.learn.judge import auroc_of

SIDE = 256
"""Rows and columns of a map."""

Map = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Folder:
    """Where maps lie, `ROW.npy` float32 `[256, 256]` each."""

    path: Path

    def check(self) -> None:
        """Makes the folder. Raises DiffmonError if nothing can be written there."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._part.touch()
            self._part.unlink()
        except OSError as error:
            raise DiffmonError(f"{self.path}: cannot be written: {(error.strerror or str(error)).lower()}, expected a folder") from None

    def write(self, row: Row, heat: Map) -> None:
        """Writes a row's map, whole or not at all. Raises DiffmonError."""
        try:
            with self._part.open("wb") as file:
                np.save(file, heat)
            self._part.replace(self.path / f"{row.number}.npy")
        except OSError as error:
            self._part.unlink(missing_ok=True)
            raise DiffmonError(f"{self.path}: cannot be written: {(error.strerror or str(error)).lower()}") from None

    @property
    def _part(self) -> Path:
        return self.path / ".map.part"


def scaled(heat: Tensor) -> Map:
    """Maps `[n, 256, 256]` of heat `[n, H, W]`."""
    values: Map = F.interpolate(heat[:, None], (SIDE, SIDE), mode="bilinear", align_corners=False)[:, 0].cpu().float().numpy()
    return values


def pixel_auroc(data: Path, maps: Sequence[tuple[Row, Map]]) -> float:
    """Probability that a pixel of an anomaly is hotter than another. Raises SourceError for a mask that cannot be read."""
    where = [_mask(data / row.mask) if row.mask else np.zeros((SIDE, SIDE), bool) for row, _ in maps]
    return auroc_of(np.concatenate([each.ravel() for each in where]), np.concatenate([heat.ravel() for _, heat in maps]))


def _mask(path: Path) -> NDArray[Any]:
    from PIL import Image

    try:
        with Image.open(path) as picture:
            share = np.asarray(picture.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX))
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error}, expected a mask") from None
    return share > 127
