"""What comes of a bench: a table for a person, keys for a program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from monitor.bench.roofline import Roofline
from monitor.bench.speed import Speed
from monitor.pipeline import BATCH

Latency = dict[str, float | None]
"""Milliseconds by share: `p50`, `p99`; none where there is nothing to count."""
NONE: Latency = {"p50": None, "p99": None}
_ROW = "{:>8} {:>8} {:>10} {:>10} {:>8} {:>13} {:>15} {:>13} {:>9}"


@dataclass(frozen=True, slots=True)
class Load:
    """So many streams at once, through the whole spine."""

    streams: int
    fed: str
    """How they are heard: `processes` or `in process`."""
    wanted_per_s: float
    """Windows that they deliver a second."""
    windows_per_s: float
    """Windows that are judged."""
    dropped: int
    sustained: bool
    """Whether nothing was dropped and every window was judged within a second, but for one in a hundred."""
    lag_ms: Latency
    """From a window's last sample to its judgement."""
    latency_ms: Latency
    """From the last sample of the window upon which an event was told to the event at a subscriber."""
    onset_ms: Latency
    """From the onset of a fault to its event at a subscriber."""
    faults: int
    heard: int
    """Of the faults, those that an event was told of."""
    peak_pss_mb: float | None
    """Of the daemon and its capture processes."""
    why_not: str = ""
    """Why it was not played, if so."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Another program at the same work."""

    windows_per_s: float | None
    """In batches of `BATCH`; none if it was not measured."""
    about: str
    """What was measured, or what is missing."""
    alone_per_s: float | None = None
    """One at a time."""


@dataclass(frozen=True, slots=True)
class Report:
    """All of it."""

    device: str
    model: str
    """Hash of the network."""
    trained: bool
    """Whether it is a trained one."""
    broker: str
    speed: Speed
    gflop_per_window: float
    roofline: Roofline
    loads: list[Load]
    realtime_streams: int | None
    """Streams of one window a second each that are kept up with; none if the model hears no sound."""
    seconds: float
    """For how long that was confirmed."""
    peers: dict[str, Peer]

    @property
    def told(self) -> Load | None:
        """The load whose latency and memory stand for all: the largest that was kept up with, else the smallest."""
        played = [load for load in self.loads if not load.why_not]
        return max((load for load in played if load.sustained), key=lambda load: load.streams, default=played[0] if played else None)


def as_keys(report: Report) -> dict[str, Any]:
    """The same for a program."""
    told, roof = report.told, report.roofline
    return {
        "windows_per_s": report.speed.windows_per_s,
        "realtime_streams": report.realtime_streams,
        "latency_ms": NONE if told is None else told.latency_ms,
        "stages_ms": report.speed.stages_ms,
        "peak_pss_mb": None if told is None else told.peak_pss_mb,
        "gflop_per_window": report.gflop_per_window,
        "device": report.device,
        "peers": {name: asdict(peer) for name, peer in report.peers.items()},
        "onset_ms": NONE if told is None else told.onset_ms,
        "alone_ms": report.speed.alone_ms,
        "windows_per_s_by_batch": {str(batch): each for batch, each in report.speed.by_batch.items()},
        "roofline": asdict(roof) | {"attainable_gflop_per_s": roof.attainable_gflop_per_s, "share": roof.share},
        "streams": [asdict(load) for load in report.loads],
        "model": report.model,
        "broker": report.broker,
        "seconds": report.seconds,
    }


def lines(report: Report) -> Iterator[str]:
    """The table."""
    speed = report.speed
    yield f"device              {report.device}"
    yield f"network             {report.model}{'' if report.trained else ', not trained'}, {report.gflop_per_window:.3g} GFLOP a window"
    by_batch = ", ".join(f"{each:.0f} in batches of {batch}" for batch, each in speed.by_batch.items())
    yield f"windows a second    {speed.windows_per_s:.0f} ({by_batch})"
    yield f"one window alone    p50 {speed.alone_ms['p50']:.1f} ms, p99 {speed.alone_ms['p99']:.1f} ms"
    yield "stages              " + ", ".join(f"{name} {each:.3g} ms" for name, each in speed.stages_ms.items()) + " a window"
    yield from _roofline(report.roofline)
    if report.loads:
        yield ""
        yield from _loads(report.loads)
        yield _realtime(report)
    if report.peers:
        yield ""
        yield from _peers(report.peers, speed.by_batch)


def _roofline(r: Roofline) -> Iterator[str]:
    roof = f"matrix {r.matrix_gflop_per_s:.3g} GFLOP/s, memory {r.bandwidth_gb_per_s:.3g} GB/s x {r.flop_per_byte:.3g} FLOP/byte"
    reached = f"{r.achieved_gflop_per_s:.3g} of {r.attainable_gflop_per_s:.3g} GFLOP/s attainable: {100 * r.share:.0f} %"
    yield f"roofline            {reached} ({roof})"


def _loads(loads: list[Load]) -> Iterator[str]:
    yield _ROW.format("streams", "windows", "judged", "dropped", "kept up", "last sample", "onset to event", "faults", "memory")
    yield _ROW.format("", "a second", "a second", "windows", "", "to event ms", "ms (p50, p99)", "heard", "PSS MB")
    for load in loads:
        if load.why_not:
            yield f"{load.streams:8d} not played: {load.why_not}"
            continue
        yield _ROW.format(
            load.streams,
            f"{load.wanted_per_s:.0f}",
            f"{load.windows_per_s:.1f}",
            load.dropped,
            "yes" if load.sustained else "no",
            _pair(load.latency_ms),
            _pair(load.onset_ms),
            f"{load.heard} of {load.faults}",
            "-" if load.peak_pss_mb is None else f"{load.peak_pss_mb:.0f}",
        ) + ("  fed in process" if load.fed != "processes" else "")


def _pair(latency: Latency) -> str:
    return " ".join("-" if each is None else f"{each:.0f}" for each in latency.values())


def _realtime(report: Report) -> str:
    return (
        f"in real time        {report.realtime_streams} streams of one window a second each, for {report.seconds:g} s: nothing dropped,"
        " 99 of 100 windows judged within a second"
    )


def _peers(peers: Mapping[str, Peer], ours: Mapping[int, float]) -> Iterator[str]:
    yield f"{'windows a second':26s} {'alone':>8} {'ours':>12} {f'batch of {BATCH}':>12} {'ours':>12}"
    for name, peer in peers.items():
        yield f"{name:26s} {_beside(peer.alone_per_s, ours[1])} {_beside(peer.windows_per_s, ours[BATCH], wide=12)}  {peer.about}"


def _beside(theirs: float | None, ours: float, *, wide: int = 8) -> str:
    """So many windows a second, and how many times as many we do."""
    return f"{'-':>{wide}} {'':12}" if theirs is None else f"{theirs:{wide}.1f} {f'{ours / theirs:.2g} times':>12}"
