"""`diffmon bench`: what it measures, and how it tells it."""

from __future__ import annotations

import json
import os
import re
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from monitor.bench import peers
from monitor.bench.feeding import MOST_PROCESSES, Fed, feeder
from monitor.bench.memory import Peak, pss_mb
from monitor.bench.report import Load, Peer, Report, as_keys, lines
from monitor.bench.roofline import Roofline, bytes_moved
from monitor.bench.search import confirmed, largest
from monitor.bench.speed import Speed, windows
from monitor.bench.track import normal, track
from monitor.opened import open_for, representation, usual_grid
from monitor.parent import child
from monitor.ring import Ring
from tests.broker import until
from tests.command import diffmon

KEYS = {"windows_per_s", "realtime_streams", "latency_ms", "stages_ms", "peak_pss_mb", "gflop_per_window", "device", "peers"}


@pytest.fixture(scope="module")
def told(model: Path) -> dict[str, Any]:
    """What a short bench of one and of four streams comes to, in which no more than two are looked for that are kept up with."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("monitor.bench.measure._MOST", 2)  # dozens, in a process each, time and again
        done = diffmon("bench", "--json", "--streams", "1,4", "--seconds", "6", "--model", model)
    assert 0 == done.exit_code, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


# --- the whole of it


def test_the_keys_are_as_promised(told: dict[str, Any]) -> None:
    """A program finds each of them, and the shares of the latency."""
    assert set() == KEYS - told.keys()
    assert {"p50", "p99"} == told["latency_ms"].keys() == told["onset_ms"].keys()
    assert ["planes", "network", "score", "decision"] == list(told["stages_ms"])
    assert {} == told["peers"]


def test_windows_are_judged_and_events_heard(told: dict[str, Any]) -> None:
    """Through capture processes, the spine and a broker to a subscriber; an event comes after the sound that it is of."""
    one, four = told["streams"]
    assert (1, 4) == (one["streams"], four["streams"])
    assert {"processes"} == {one["fed"], four["fed"]}
    assert 0 < one["windows_per_s"] < four["windows_per_s"] < 1.5 * four["wanted_per_s"]
    assert 0 < four["latency_ms"]["p50"] <= four["latency_ms"]["p99"]
    assert 0 < four["heard"] <= four["faults"]
    assert 0 < four["onset_ms"]["p50"] <= four["onset_ms"]["p99"]


def test_all_else_is_measured(told: dict[str, Any]) -> None:
    """Nothing is left at nothing."""
    assert 1 <= told["realtime_streams"] <= 2
    assert told["windows_per_s"] == max(told["windows_per_s_by_batch"].values())
    assert all(ms > 0 for ms in told["stages_ms"].values())
    assert 100 < told["peak_pss_mb"] < 4000
    assert 0.5 < told["gflop_per_window"] < 1.0
    assert 0 < told["roofline"]["share"] < 1.5


# --- bad arguments


@pytest.mark.parametrize("streams", ["0", "-1", "1,", "many", "1.5", "100000", ""])
def test_what_is_no_count_of_streams_is_refused(streams: str) -> None:
    """With what was expected."""
    done = diffmon("bench", f"--streams={streams}")
    assert (2, "") == (done.exit_code, done.stdout)
    assert "expected numbers from 1 to 99999 with commas between" in done.stderr


@pytest.mark.parametrize("seconds", ["0", "-5", "nan", "4000", "soon"])
def test_what_is_no_time_is_refused(seconds: str) -> None:
    """It is told before anything is measured."""
    done = diffmon("bench", f"--seconds={seconds}")
    assert (2, "") == (done.exit_code, done.stdout)
    assert "--seconds" in done.stderr


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    """In a sentence."""
    done = diffmon("bench", "--model", tmp_path / "gone")
    assert (1, f"diffmon: {tmp_path / 'gone'}: no such file\n") == (done.exit_code, done.stderr)


# --- the table


def load(streams: int, *, sustained: bool, why_not: str = "") -> Load:
    """A load as it may be."""
    share = {"p50": 10.0, "p99": 20.0}
    fed = "processes" if streams <= MOST_PROCESSES else "in process"
    return Load(streams, fed, 2.0 * streams, 2.0 * streams, 0, sustained, share, share, {"p50": None, "p99": None}, 0, 0, 700.0, why_not)


def report(*loads: Load) -> Report:
    """What may come of a bench."""
    speed = Speed({1: 30.0, 32: 60.0}, {"p50": 30.0, "p99": 40.0}, {"planes": 1.0, "network": 14.0, "score": 1.0, "decision": 0.01})
    beside = {"other": Peer(20.0, "its network", 10.0), "absent": Peer(None, "needs absent: pip install 'diffmon[peers]'")}
    return Report("cpu: x", "0f0f", True, "mosquitto", speed, 0.73, Roofline(100, 10, 5, 25), [*loads], 48, 60.0, beside)


def test_the_table_says_all_of_it() -> None:
    """Each load in a line, how it was fed if not by processes, why it was not played if so; and each peer."""
    text = list(lines(report(load(16, sustained=True), load(256, sustained=False), load(4096, sustained=False, why_not="too large"))))
    assert "windows a second    60 (30 in batches of 1, 60 in batches of 32)" in text
    assert any(line.startswith("roofline            25 of 50 GFLOP/s attainable: 50 %") for line in text)
    (some,) = (line for line in text if line.startswith("      16 "))
    (many,) = (line for line in text if line.startswith("     256 "))
    assert "fed in process" not in some
    assert many.endswith("fed in process")
    assert "    4096 not played: too large" in text
    assert any("48 streams of one window a second each, for 60 s" in line for line in text)
    (other,) = (line for line in text if line.startswith("other "))
    assert ["10.0", "3 times", "20.0", "3 times", "its network"] == re.split("  +", other)[1:]
    assert any(line.startswith("absent ") and line.endswith("pip install 'diffmon[peers]'") for line in text)


def test_the_largest_load_that_was_kept_up_with_stands_for_all() -> None:
    """Latency under a load that is too large says nothing but that it was."""
    loads = [load(1, sustained=True), load(16, sustained=True), load(256, sustained=False)]
    assert loads[1] == report(*loads).told
    assert loads[2] == report(loads[2]).told
    assert report(load(9, sustained=False, why_not="too large")).told is None
    assert {"p50": None, "p99": None} == as_keys(report())["latency_ms"]


# --- the search


@pytest.mark.parametrize("limit", [0, 1, 2, 3, 7, 47, 64, 100, 1000])
@pytest.mark.parametrize("first", [1, 5, 64, 1000])
def test_the_largest_number_is_found(limit: int, first: int) -> None:
    """To a tenth, by few trials, wherever it begins."""
    tried: list[int] = []
    found = largest(lambda n: not tried.append(n) and n <= limit, first, 1000)  # type: ignore[func-returns-value]
    assert limit / 1.1 - 1 < found <= limit
    assert len(tried) == len(set(tried)) <= 16


def test_what_is_not_carried_for_long_is_lessened() -> None:
    """By a tenth at a time, down to nothing."""
    assert 81 == confirmed(lambda n: n <= 85, 100)
    assert 0 == confirmed(lambda n: False, 3)


# --- what it is made of


def test_the_track_is_a_loop_with_faults() -> None:
    """Any piece of it goes on where the last one ended, over its end; faults come again with it."""
    sound = track()
    n = sound.length
    assert (sound.piece(n - 3, 6) == sound.piece(5 * n - 3, 6)).all()
    assert np.ptp(sound.piece(n - 1, 2)) < 0.1
    assert [b + n for b in sound.begins] == sound.onsets(n, 2 * n)
    assert sound.onsets(sound.begins[0], sound.begins[0] + 1) == [sound.begins[0]]
    loud = sound.piece(sound.begins[0], 16_000).std() / normal().std()
    assert 1.5 < loud < 2.5


def test_more_streams_than_a_machine_has_microphones_are_fed_in_process() -> None:
    """Each hears a piece of the track of its own, in step with the clock: nothing before it is spoken."""
    sound, sense = track(), representation("audio", usual_grid("audio"))
    names = [f"s{i}" for i in range(MOST_PROCESSES + 1)]
    rings = {name: Ring(2 * sense.length, item=sense.item, rate_hz=sense.rate_hz) for name in names}
    with closing(feeder(rings, sound, sense)) as feeding:
        assert isinstance(feeding, Fed)
        feeding.start()
        until(lambda: all(ring.end for ring in rings.values()))
        for name in ("s0", names[-1]):
            voice = feeding.voices[name]
            heard = rings[name].read(0, sense.length)
            assert heard is not None
            assert (sound.piece(voice.first, sense.length) == heard).all()
            assert 0 == (rings[name].end - sense.length) % sense.hop
            assert voice.time_of(rings[name].end) <= time.monotonic()
        assert feeding.voices["s0"].first != feeding.voices["s1"].first


def test_the_memory_of_a_tree_is_that_of_all_its_processes() -> None:
    """More than that of one alone; a process that is gone has none."""
    import subprocess

    with subprocess.Popen(child("monitor.parent"), stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as gone:
        gone.wait()
    assert pss_mb(gone.pid) is None
    with Peak(os.getpid()) as peak:
        pass
    assert peak.mb is not None
    assert peak.mb > 50


def test_the_bytes_of_a_window_are_weights_and_features(model: Path) -> None:
    """In a batch each weight is read once for all, so that a window moves less; never less than its own input and answer."""
    opened = open_for(model, None)
    alone, together = bytes_moved(opened, 1), bytes_moved(opened, 8)
    weights = sum(each.nbytes for each in opened.model.denoiser.parameters())
    assert 4 * opened.model.bank.nbytes < together < alone
    assert weights < alone


@pytest.fixture
def work(model: Path) -> peers.Work:
    """What peers are given."""
    return peers.Work(open_for(model, None), track(), normal(), torch.device("cpu"), 0.01)


def test_a_peer_that_is_not_there_is_told(work: peers.Work) -> None:
    """With how it is installed; what goes wrong in another is told too, and ends nothing."""

    def absent(work: peers.Work) -> Peer:
        import nobody_has_this

        return nobody_has_this.rate  # type: ignore[no-any-return]

    def broken(work: peers.Work) -> Peer:
        raise ValueError("of another version\nwith much to say")

    assert Peer(None, "needs nobody_has_this: pip install 'diffmon[peers]'") == peers.guarded(absent, work)
    assert Peer(None, "failed: ValueError: of another version") == peers.guarded(broken, work)


@pytest.mark.parametrize("name", list(peers.PEERS))
def test_each_peer_is_measured_or_says_what_it_needs(name: str, work: peers.Work) -> None:
    """None fails where it is installed, and none is needed."""
    found = peers.guarded(peers.PEERS[name], work)
    if not found.about.endswith("pip install 'diffmon[peers]'"):
        assert (found.windows_per_s or 0) > 0 < (found.alone_per_s or 0)


@pytest.mark.parametrize(("fails", "said", "asked"), [(False, ", compiled", [False]), (True, ", not compiled (OSError)", [False, True])])
def test_a_network_is_compiled_where_that_works(*, fails: bool, said: str, asked: list[bool]) -> None:
    """On a GPU; where its first step fails by it, it is measured as it is."""

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.disabled: list[bool] = []

        def compile(self, *, disable: bool = False, **how: object) -> None:
            self.disabled.append(disable)

    def step(count: int) -> None:
        if fails:
            raise OSError("no compiler")

    network = Network()
    assert said == peers.compiled(network, step, torch.device("cuda"))
    assert "" == peers.compiled(network, step, torch.device("cpu"))
    assert asked == network.disabled


def test_peers_reconstruct_as_often_as_we_do(work: peers.Work) -> None:
    """Each level by each noise of the bank, in the shape of the network's input."""
    assert (6, (12, 32, 16)) == (work.forwards, work.shape)


def test_windows_of_pictures_are_pictures() -> None:
    """What looks at pictures is given some, of its own size and type."""
    sense = representation("image", {"side": 128, "rate_hz": 2.0})
    cut = windows(sense, track(), 2)
    assert [(1, 128, 128, 3)] * 2 == [w.items.shape for w in cut]
    assert {"uint8"} == {str(w.items.dtype) for w in cut}
