"""Tones as files, and what a source makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from monitor.source import Source

RATE_HZ = 16000


def tone(seconds: float, *, rate_hz: int, hz: float = 440.0) -> NDArray[np.float32]:
    """A sine of half of full scale, `[n]`."""
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz)).astype(np.float32)


def written(path: Path, seconds: float = 1.0, *, rate_hz: int = RATE_HZ, hz: float = 440.0, **more: Any) -> Path:
    """A file with a tone."""
    soundfile.write(path, tone(seconds, rate_hz=rate_hz, hz=hz), rate_hz, **more)
    return path


def joined(source: Source) -> NDArray[np.float32]:
    """All items of a source, once its blocks prove to follow one another."""
    blocks = list(source.blocks())
    assert [0, *(b.end for b in blocks[:-1])] == [b.start for b in blocks]
    assert all(b.items.dtype == np.float32 and b.items.shape[1:] == source.item for b in blocks)
    return np.concatenate([b.items for b in blocks])
