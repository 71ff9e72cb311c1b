"""The clips of a protocol as its detectors look at them, and what a network is trained on."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from models.normalise import fit_normal, standardise
from models.representation import Representation
from monitor.learn.comparator import Statistics, statistics
from monitor.learn.corpus import planes, windows
from monitor.learn.places import Place, System
from monitor.learn.protocol import Clip, Row, waveforms
from monitor.learn.teaching import Stream, windows_for
from monitor.records import Progress


@dataclass(frozen=True, slots=True)
class Heard:
    """A clip, as both kinds of detector look at it."""

    planes: Tensor
    """`[n, C, H, W]`: a window every half hop of a clip to learn from, every hop of one to judge."""
    statistics: Statistics


Clips = dict[Row, Heard]


def decoded(rows: Sequence[Row], data: Path, sense: Representation) -> Generator[Progress, None, Clips]:
    """Every row's clip; each is looked at once, whatever number of networks will see it."""
    heard = {}
    for row, clip in waveforms(rows, data):
        seen = planes(clip[:, None], sense, sense.hop // 2) if row.role == "train" else _planes_to_judge(clip, sense)
        heard[row] = Heard(seen, statistics(clip))
        yield Progress("decoding", len(heard) / len(rows))
    return heard


def normal_planes(place: Place, heard: Clips) -> Tensor:
    """Planes `[n, C, H, W]` of the place's normal, windows one hop apart, in order of time."""
    return torch.cat([heard[row].planes[::2] for row in place.normal])


def inputs(system: System, heard: Clips, sense: Representation) -> Tensor:
    """What a system's network is trained on: windows half a hop apart, standardised by their own place's moments."""
    dense = [torch.cat([heard[row].planes for row in place.normal]) for place in system]
    return torch.cat(
        [standardise(each, fit_normal(normal_planes(place, heard), sense.recipe)) for place, each in zip(system, dense, strict=True)]
    )


def streams(system: System, data: Path, sense: Representation, seconds: float) -> list[Stream]:
    """What its discriminator is taught on in so many seconds: as many windows of each place's normal as there is time for."""
    return [partial(_some_windows, place, data, sense, max(1, windows_for(seconds) // len(system))) for place in system]


def _some_windows(place: Place, data: Path, sense: Representation, count: int) -> Tensor:
    """At most so many windows `[n, length, 1]`, evenly spaced."""
    every = torch.cat([windows(clip[:, None], sense, sense.hop // 2) for _, clip in waveforms(place.normal, data)])
    return every[:: math.ceil(len(every) / count)]


def _planes_to_judge(clip: Clip, sense: Representation) -> Tensor:
    """Planes of a window every hop and, as where a stream ends, of one that ends with the last sample."""
    samples = clip[:, None]
    every = planes(samples, sense, sense.hop)
    if max(0, len(samples) - sense.length) % sense.hop == 0:
        return every
    return torch.cat([every, planes(samples[-sense.length :], sense, sense.hop)])
