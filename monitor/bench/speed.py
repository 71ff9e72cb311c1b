"""How fast windows are judged when there are always more of them: in all, one alone, and stage by stage."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from models.normalise import standardise
from models.profile import stack
from models.representation import Representation
from models.score import observe
from models.verdict import Pass
from monitor.bench.track import Track
from monitor.build import timed
from monitor.engine import Engine, served
from monitor.event import State
from monitor.event import observe as decide
from monitor.opened import Opened
from monitor.pipeline import BATCH
from monitor.records import Window
from monitor.staging import Staging

STREAM = "bench"
BATCHES = {"cpu": (1, 8, BATCH), "cuda": (1, 8, BATCH, 128, 512, 2048)}
_RULE = {"quiet_s": 2.0, "cooldown_s": 5.0, "update_s": 5.0}


@dataclass(frozen=True, slots=True)
class Speed:
    """What one process judges."""

    by_batch: dict[int, float]
    """Windows a second by how many are handed over at a time."""
    alone_ms: dict[str, float]
    """One window, from its samples to its judgement: `p50`, `p99`."""
    stages_ms: dict[str, float]
    """Of one window in a batch of `BATCH`: planes, network, score, decision; each by itself, so on a GPU uncaptured."""

    @property
    def windows_per_s(self) -> float:
        """At the best batch."""
        return max(self.by_batch.values())


def windows(sense: Representation, sound: Track, count: int, streams: Sequence[str] = (STREAM,)) -> list[Window]:
    """Windows to judge, of the streams in turn: of the sound, a hop apart, or pictures of noise."""
    names = (streams[i % len(streams)] for i in range(count))
    if sense.item == (1,):
        return [Window(name, i * sense.hop, sound.piece(i * sense.hop, sense.length), 0) for i, name in enumerate(names)]
    rng = np.random.default_rng(0)
    return [Window(name, i, rng.integers(0, 256, (sense.length, *sense.item), np.uint8), 0) for i, name in enumerate(names)]


def speed(opened: Opened, sound: Track, device: torch.device, seconds: float) -> Speed:
    """Measured for so long at each batch, and each other thing."""
    engine = Engine(opened.model, opened.representation, {STREAM: opened.fitted.profile}, device=device)
    cut = windows(opened.representation, sound, max(BATCHES[device.type]))
    by_batch = {count: count / mean_s(lambda count=count: engine.judge(cut[:count]), seconds) for count in BATCHES[device.type]}  # type: ignore[misc]
    alone_ms = 1000 * np.array(list(_times(lambda: engine.judge(cut[:1]), seconds)))
    told = {f"p{share}": float(np.percentile(alone_ms, share)) for share in (50, 99)}
    return Speed(by_batch, told, stages(opened, cut[:BATCH], device, seconds))


def stages(opened: Opened, cut: Sequence[Window], device: torch.device, seconds: float) -> dict[str, float]:
    """Milliseconds a window that each stage takes, in one batch."""
    sense = opened.representation.to(device)
    through = Pass.of(served(opened.model, device), sense)
    staging = Staging(sense, len(cut), pinned=device.type == "cuda")
    profile = stack([opened.fitted.profile] * len(cut)).to(device)
    judgements = Engine(opened.model, sense, {STREAM: opened.fitted.profile}, device=device).judge(cut)
    rule = timed(opened.representation, alarm_p=1e-4, **_RULE)

    def items() -> torch.Tensor:
        return staging.put(cut, [0] * len(cut))[0].to(device, non_blocking=True)

    with torch.inference_mode():
        brought = items()
        look = sense.look(brought)
        inputs = standardise(look.planes, profile)
        observed = through.observe(look, profile)

        def decided() -> None:
            state = State()
            for judgement in judgements:
                state, _ = decide(state, rule, judgement)

        work: dict[str, Callable[[], object]] = {
            "planes": lambda: standardise(sense.look(items()).planes, profile),
            "network": lambda: observe(through.denoiser, inputs, profile, through.bank, through.recipe),
            "score": lambda: through.judged(brought, look, observed, profile).tolist(),
            "decision": decided,
        }
        return {name: 1000 * mean_s(lambda each=each: done(each, device), seconds) / len(cut) for name, each in work.items()}  # type: ignore[misc]


def done(work: Callable[[], object], device: torch.device) -> None:
    """Does it, and waits until the device has."""
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def mean_s(work: Callable[[], object], seconds: float) -> float:
    """Seconds that it takes, on average over so many."""
    times = list(_times(work, seconds))
    return sum(times) / len(times)


def _times(work: Callable[[], object], seconds: float) -> Iterator[float]:
    """How long it takes each time, at least once, until the seconds are over; a first time is not counted."""
    work()
    until_s = time.perf_counter() + seconds
    while True:
        began_s = time.perf_counter()
        work()
        ended_s = time.perf_counter()
        yield ended_s - began_s
        if ended_s >= until_s:
            return
