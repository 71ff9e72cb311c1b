"""Evidence of streams whose items tell their index, and what was kept of an event."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import soundfile

from monitor.config import EvidenceConfig
from monitor.evidence.audio import AudioExhibit, suffixes
from monitor.evidence.names import namer
from monitor.evidence.sink import Evidence
from monitor.records import Block, Event
from monitor.ring import Ring
from tests.events import step

RATE = 1000
"""At which sound is small."""
ID = "0123456789abcdef"
AUDIO = f"fan/2026-01-02/030405-{ID}.flac"


def ramp(start: int, end: int) -> np.ndarray:
    """Items that tell their index, exactly in 24 bits."""
    return (np.arange(start, end, dtype=np.float32) / 2**20)[:, None]


def indices(path: Path) -> list[int]:
    """The indices that a clip holds."""
    samples, rate_hz = soundfile.read(path, dtype="float32")
    assert RATE == rate_hz
    return np.rint(samples * 2**20).astype(int).tolist()


def pour(ring: Ring, start: int, end: int) -> None:
    """Sound from one index to another."""
    ring.write(Block(start, ramp(start, end), end / ring.rate_hz))


def ring(end: int, *, capacity: int = 60_000) -> Ring:
    """A stream that has come so far."""
    made = Ring(capacity, item=(1,), rate_hz=RATE)
    pour(made, 0, end)
    return made


def of(rings: dict[str, Ring], evidence: Evidence) -> Evidence:
    """The same, told of these streams."""
    kept = {"store": evidence.store, "config": evidence.config, "pictured": evidence.pictured}
    evidence.begin = {stream: partial(AudioExhibit, ring=ring, **kept) for stream, ring in rings.items()}
    return evidence


@contextmanager
def keeping(folder: Path, rings: dict[str, Ring], *, clock: Callable[[], float] = time.monotonic, **settings: object) -> Iterator[Evidence]:
    """Evidence of these streams, a second before and after each event, without pictures and on however full a disk."""
    config = EvidenceConfig.model_validate({"picture": False, "free": 0, "before": "1s", "after": "1s", **settings})
    evidence = of(rings, Evidence(folder, config, clock=clock))
    try:
        yield evidence
    finally:
        evidence.close()


def told(evidence: Evidence, kind: str, start: int, end: int, *, stream: str = "fan", number: str = ID) -> Event:
    """Tells of an event; `start` and `end` are indices."""
    paths = namer(stream, suffixes(evidence.config))(number, 1767323045.678)
    seconds = {"start_unix": start / RATE, "end_unix": end / RATE, "start_index": start, "end_index": end}
    event = step(0, type=kind, id=number, stream=stream, evidence=paths, **seconds)
    evidence.event(event)
    return event


def files(folder: Path) -> list[str]:
    """Every file there is, hidden or not."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def sounding() -> Ring:
    """Ten seconds of noise at the usual rate."""
    made = Ring(160_000, item=(1,), rate_hz=16_000)
    made.write(Block(0, np.random.default_rng(0).normal(0, 0.1, (160_000, 1)).astype(np.float32), 10.0))
    return made
