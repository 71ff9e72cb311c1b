"""Two made places, as both protocols' tables, and their evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf

from monitor.learn.evaluation import ProtocolName, evaluate
from monitor.learn.report import Report
from monitor.records import Progress

PLACES = ("hall", "mill")
LENGTH = 36_000


def hum(place: str, seed: int) -> np.ndarray:
    """A little more than one window of a place: a tone of its own in noise."""
    time_s = np.arange(LENGTH) / 16000
    tone = 0.1 * np.sin(2 * np.pi * (200 + 400 * PLACES.index(place)) * time_s)
    return (tone + np.random.default_rng(seed).normal(0, 0.02, LENGTH)).astype(np.float32)


def tables(folder: Path) -> Path:
    """Two places of three training and two test clips each, with both tables; a place's fault is a chirp at two ratios."""
    time_s = np.arange(16000) / 16000
    sf.write(folder / "chirp.wav", 0.3 * np.sin(2 * np.pi * 3000 * time_s**2), 16000)
    sites, ovr = ["site,role,file,event,event_class,snr_db,onset_s"], ["split,label,file"]
    for place in PLACES:
        for i in range(5):
            name = f"{place}-{i}.wav"
            sf.write(folder / name, hum(place, seed=10 * PLACES.index(place) + i), 16000)
            sites.append(f"{place},{'train' if i < 3 else 'normal'},{name},,,,")
            ovr.append(f"{'train' if i < 3 else 'test'},{place},{name}")
        sites += [f"{place},anomaly,{place}-3.wav,chirp.wav,chirp,{snr_db},1.0" for snr_db in (0, 10)]
    (folder / "sites.csv").write_text("\n".join(sites) + "\n")
    (folder / "ovr.csv").write_text("\n".join(ovr) + "\n")
    return folder


def evaluated(protocol: ProtocolName, data: Path, **options: Any) -> tuple[list[Progress], Report]:
    """What is yielded; without training unless a budget is given."""
    steps = list(evaluate(protocol, data, **{"budget_s": 0.0, "seed": 0} | options))
    assert isinstance(steps[-1], Report)
    return [step for step in steps if isinstance(step, Progress)], steps[-1]
