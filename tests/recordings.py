"""A folder of small recordings, each of which holds its number, and what a source hears of them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import soundfile

from monitor.records import Block
from monitor.source.folder import FolderSource
from monitor.source.position import Position, Trail
from monitor.source.sound import SoundFiles
from tests.scripted import PATIENCE_S, RATE

NOW_S = float(int(time.time()) - 1000)


def put(folder: Path, number: int, written_s: float, name: str = "") -> None:
    """A recording of a second that holds its number, written at a time."""
    path = folder / (name or f"{number}.wav")
    soundfile.write(path.with_suffix(".part"), np.full(RATE, number, np.float32), RATE, format="WAV", subtype="FLOAT")
    os.utime(path.with_suffix(".part"), (written_s,) * 2)
    path.with_suffix(".part").replace(path)


@contextmanager
def opened(folder: Path, trail: Trail | None = None, position: Position | None = None, settled_s: float = 0.0) -> Iterator[FolderSource]:
    """The folder's source, that is closed at the end."""
    trail = trail or Trail(position)
    source = FolderSource(
        folder, SoundFiles(RATE), position=position, trail=trail, room=lambda start: True, settled_s=settled_s, silence_s=0.0
    )
    with closing(source):
        yield source


def heard(blocks: Iterator[Block], count: int) -> list[Block]:
    """So many recordings, to their last item."""
    return heard_until(blocks, lambda found: sum(len(b.items) for b in found) >= count * RATE)


def heard_until(blocks: Iterator[Block], enough: Callable[[list[Block]], bool]) -> list[Block]:
    """Blocks with items until they are enough; fails after the time."""
    found: list[Block] = []
    deadline_s = time.monotonic() + PATIENCE_S
    while not enough(found):
        assert time.monotonic() < deadline_s, f"heard of {numbers(found)} so far"
        found += [b for b in [next(blocks)] if len(b.items)]
    return found


def numbers(blocks: list[Block]) -> list[int]:
    """Which recordings they are of."""
    return list(dict.fromkeys(int(b.items[0, 0]) for b in blocks))


def nothing_more(blocks: Iterator[Block]) -> bool:
    """Whether some looks at the folder find nothing new."""
    return not any(len(next(blocks).items) for _ in range(5))


def left_off(folder: Path, count: int) -> Position:
    """Where a process is that has heard so many recordings, and judged them up to the last one's last item."""
    trail = Trail()
    with opened(folder, trail) as source:
        end = heard(source.blocks(), count)[-1].end
    position = trail.at(end - 1)
    assert position is not None
    return Position.read(position.text())
