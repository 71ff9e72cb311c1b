"""Made pictures of parts and surfaces, and the table of the image protocol over them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 32
CATEGORIES = ("plate", "cloth")


def picture(category: str, seed: int, *, fault: bool = False) -> NDArray[np.uint8]:
    """A plate with a hole, or a woven cloth, `[32, 32, 3]`; a fault is a bright blot."""
    rng = np.random.default_rng([CATEGORIES.index(category), seed])
    y, x = np.mgrid[:SIDE, :SIDE]
    if category == "plate":
        seen = np.where((x - 16) ** 2 + (y - 16) ** 2 < 36, 60.0, 150.0)
    else:
        seen = 110.0 + 40 * np.sin(x + rng.uniform(0, 6)) * np.sin(y + rng.uniform(0, 6))
    seen = seen + rng.normal(0, 6, seen.shape)
    if fault:
        seen[blot(seed)] = 250.0
    return np.repeat(seen.clip(0, 255).astype(np.uint8)[..., None], 3, 2)


def blot(seed: int) -> NDArray[np.bool_]:
    """Where a fault is."""
    left, top = np.random.default_rng(seed).integers(4, 22, 2)
    y, x = np.mgrid[:SIDE, :SIDE]
    return (abs(x - left - 3) < 4) & (abs(y - top - 3) < 4)


def gallery(folder: Path, *, train: int = 12, test: int = 4) -> Path:
    """Two categories with their table; the plates' faults have masks."""
    rows = ["category,split,label,file,mask"]
    for category in CATEGORIES:
        for i in range(train + 2 * test):
            name, fault = f"{category}-{i}.png", i >= train + test
            Image.fromarray(picture(category, i, fault=fault)).save(folder / name)
            mask = f"mask-{name}" if fault and category == "plate" else ""
            if mask:
                Image.fromarray(255 * blot(i).astype(np.uint8)).save(folder / mask)
            rows.append(f"{category},{'train' if i < train else 'test'},{'blot' if fault else 'good'},{name},{mask}")
    (folder / "images.csv").write_text("\n".join(rows) + "\n")
    return folder
