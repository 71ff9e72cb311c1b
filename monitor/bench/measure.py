"""The whole bench, one measurement after the other."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from monitor.bench import load as daemon
from monitor.bench import peers
from monitor.bench.broker import broker
from monitor.bench.feeding import MOST_PROCESSES
from monitor.bench.memory import Peak
from monitor.bench.report import NONE, Latency, Load, Peer, Report
from monitor.bench.roofline import bytes_moved, roofline
from monitor.bench.search import confirmed, largest
from monitor.bench.speed import speed
from monitor.bench.stage import Stage, prepared
from monitor.bench.timing import Played
from monitor.bench.track import normal, track
from monitor.build import RING_S
from monitor.config import MqttConfig
from monitor.demo.broker import HOST
from monitor.engine import gpu, pick_device
from monitor.errors import DiffmonError
from monitor.learn.network import gflop
from monitor.opened import Opened
from monitor.parent import child
from monitor.pipeline import BATCH
from monitor.records import Progress
from monitor.sink.login import login
from monitor.sink.subscriber import Heard, Subscriber

_ANSWER_S = 10.0
_OVERHEAD_S = 300.0
_TRIAL, _LEAST_TRIAL_S = 0.1, 2.0  # of the time that is confirmed; and the least
_STAGE, _MOST_STAGE_S = 0.05, 3.0
_NEAR_S = (1.0, 1.5)  # an event is of a fault if it begins so shortly before or after its onset
_MOST = 1 << 16


def bench(*, streams: Sequence[int], seconds: float, model: Path | None, with_peers: bool) -> Iterator[Progress | Report]:
    """Measures everything, yields how far it has got, and last of all what came of it. Raises DiffmonError."""
    device, each_s = pick_device("auto"), min(_MOST_STAGE_S, _STAGE * seconds)
    with TemporaryDirectory(prefix="diffmon-bench-") as folder, broker() as (port, called):
        stage = yield from prepared(model, Path(folder))
        sound = track()
        yield Progress("judging", 0.0)
        # Counted before the network is moved to the device.
        work, moved = gflop(stage.opened.model, stage.opened.representation), bytes_moved(stage.opened, BATCH)
        fast = speed(stage.opened, sound, device, each_s)
        roof = roofline(device, gflop=work, moved=moved, network_ms=fast.stages_ms["network"], seconds=each_s)
        # Of what hears no sound, no stream can be played.
        counts = streams if stage.opened.model.kind == "audio" else ()
        loads, realtime = [], None
        for i, count in enumerate(counts):
            yield Progress("streams", i / (len(counts) + 1))
            loads.append(played(stage, port, count, seconds))
        if counts:
            yield Progress("streams", len(counts) / (len(counts) + 1))
            realtime = realtime_streams(stage, port, fast.windows_per_s, seconds)
        beside: dict[str, Peer] = {}
        for name, measured in (peers.PEERS if with_peers else {}).items():
            yield Progress("peers", len(beside) / len(peers.PEERS))
            beside[name] = peers.guarded(measured, peers.Work(stage.opened, sound, normal(), device, each_s))
        yield Report(_named(device), stage.opened.model.hash, stage.trained, called, fast, work, roof, loads, realtime, seconds, beside)


def realtime_streams(stage: Stage, port: int, windows_per_s: float, seconds: float) -> int:
    """The largest number that is kept up with at one window a second each: by short trials, then for as long as it is asked."""

    def carried(count: int, seconds: float) -> bool:
        return played(stage, port, count, seconds, hop_s=1.0).sustained

    short_s = max(_LEAST_TRIAL_S, _TRIAL * seconds)
    # What is judged when there are always more windows is more than can be kept up with, and not much more.
    found = largest(lambda n: carried(n, short_s), max(1, int(0.75 * windows_per_s)), min(_MOST, max(1, int(1.2 * windows_per_s))))
    return confirmed(lambda n: carried(n, seconds), found)


def played(stage: Stage, port: int, count: int, seconds: float, hop_s: float | None = None) -> Load:
    """So many streams, for so long, by a daemon of their own; or why not. Raises DiffmonError if the broker refuses."""
    fed = "processes" if count <= MOST_PROCESSES else "in process"
    not_played = partial(Load, count, fed, 0.0, 0.0, 0, False, NONE, NONE, NONE, 0, 0, None)
    if (why_not := _no_room(stage.opened, count)) is not None:
        return not_played(why_not)
    heard: list[Heard] = []
    node = f"bench-{os.getpid()}"
    with TemporaryDirectory(prefix="diffmon-bench-") as folder, _subscribed(port, node, heard):
        profile = None if stage.profile is None else str(stage.profile)
        job = daemon.Job(str(stage.model), profile, count, seconds, hop_s, port, node, folder)
        try:
            done, peak_mb = _run(job)
        except DiffmonError as error:
            return not_played(str(error))
        _await(done, heard)
    return _load(count, fed, done, heard, hop_s or stage.opened.representation.hop / stage.opened.representation.rate_hz, peak_mb)


def _run(job: daemon.Job) -> tuple[Played, float | None]:
    """What came of it, and the most memory that it took. Raises DiffmonError."""
    process = subprocess.Popen(child(daemon.__name__), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        with Peak(process.pid) as peak:
            out, said = process.communicate(json.dumps(asdict(job)), timeout=job.seconds + _OVERHEAD_S)
    except subprocess.TimeoutExpired:
        raise DiffmonError(f"no answer after {job.seconds + _OVERHEAD_S:g} s") from None
    finally:
        process.kill()
        process.wait()
    if process.returncode:
        raise DiffmonError((said.strip().splitlines() or [f"exit code {process.returncode}"])[-1])
    return Played(**json.loads(out)), peak.mb


@contextmanager
def _subscribed(port: int, node: str, heard: list[Heard]) -> Iterator[None]:
    me = login(MqttConfig(host=HOST, port=port, client_id=f"diffmon-{node}-subscriber"), node=node, will_topic=None)
    subscriber = Subscriber(me, [f"diffmon/{node}/+/event"], heard.append)
    try:
        if not subscriber.ready(_ANSWER_S):
            raise DiffmonError(f"bench: the broker at {HOST}:{port} does not let us subscribe")
        yield
    finally:
        subscriber.close()


def _await(done: Played, heard: list[Heard]) -> None:
    """Waits until all that was told is heard."""
    until_s = time.monotonic() + _ANSWER_S
    while done.told.keys() - {h.event["id"] for h in list(heard)} and time.monotonic() < until_s:
        time.sleep(0.05)


def _load(count: int, fed: str, done: Played, heard: Sequence[Heard], hop_s: float, peak_mb: float | None) -> Load:
    news = [h for h in heard if h.event["type"] == "new"]
    lag_ms = _shares(done.lags_s)
    kept_up = not done.dropped and done.behind_s <= hop_s and lag_ms["p99"] is not None and lag_ms["p99"] <= 1000 * max(hop_s, 1.0)
    delays = [delay for stream, onset_s in done.onsets if (delay := _delay_s(stream, onset_s, news)) is not None]
    return Load(
        streams=count,
        fed=fed,
        wanted_per_s=done.wanted / done.seconds,
        windows_per_s=done.judged / done.seconds,
        dropped=done.dropped,
        sustained=kept_up,
        lag_ms=lag_ms,
        latency_ms=_shares([h.at_s - done.told[h.event["id"]] for h in news if h.event["id"] in done.told]),
        onset_ms=_shares(delays),
        faults=len(done.onsets),
        heard=len(delays),
        peak_pss_mb=peak_mb,
    )


def _delay_s(stream: str, onset_s: float, news: Sequence[Heard]) -> float | None:
    """How long after its onset a fault's event was heard; none if it was not. Events bear the daemon's monotonic time."""
    before_s, after_s = _NEAR_S
    mine = [h.at_s - onset_s for h in news if h.event["stream"] == stream and -before_s <= h.event["start_unix"] - onset_s <= after_s]
    return min(mine, default=None)


def _shares(seconds: Sequence[float]) -> Latency:
    return {f"p{p}": float(np.percentile(seconds, p)) * 1000 for p in (50, 99)} if len(seconds) else NONE


def _no_room(opened: Opened, count: int) -> str | None:
    """Why a machine cannot hold so many streams; none if it can, or does not tell."""
    sense = opened.representation
    ring = (sense.length + RING_S * sense.rate_hz) * np.dtype(sense.dtype).itemsize
    profile = sum(each.nbytes for each in opened.fitted.profile.tensors().values())
    needed_gb = count * (ring + 2 * profile) / 1e9
    try:
        told = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    except OSError:
        return None
    free_gb = int(told["MemAvailable"].split()[0]) * 1024 / 1e9
    return f"rings and profiles take {needed_gb:.1f} GB, {free_gb:.1f} GB are free" if needed_gb > free_gb / 2 else None


def _named(device: torch.device) -> str:
    """The device in words."""
    if device.type == "cuda":
        return gpu() or "cuda"
    try:
        told = [line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    except OSError:
        told = []
    threads = torch.get_num_threads()
    return f"cpu: {told[0] if told else 'unknown'}, {os.cpu_count()} cores, {threads} thread{'s' * (threads > 1)}"
