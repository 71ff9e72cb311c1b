"""Whether a stream comes back, and every item is accounted for, when its capture process fails.

  python -m tests.bench.capture_faults [--times 20]

A real child process hangs, crashes, leaves, says that its device is gone, floods, or delivers what is no signal (sound that is not
finite, or zeros; pictures that are black, covered or frozen), and is replaced by one that is well. Exits with 1 unless it is heard
or seen again within ten seconds each time, the items judged and those counted as lost come to all there were, and the right status
and reason are told.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass

import click

from monitor import log
from monitor.reader import Reader
from monitor.records import Window
from monitor.ring import Ring
from monitor.source import pulse
from monitor.source.process import Process
from monitor.source.pulse import Pulse
from monitor.window import Windower
from tests import capture, filmed

FAILURES = {"hang": "offline", "crash": "offline", "leave": "offline", "fail": "offline", "flood": "online"}
BACK_S = 10.0


@dataclass(frozen=True, slots=True)
class Sense:
    """What a child captures."""

    faults: Mapping[str, str]
    """What it does, and the status, or the reason why there is no signal, that must be told of it."""
    opened: Callable[[str], Process]
    """Such a child."""
    pulse: Callable[[float], Pulse]
    rate_hz: float
    item: tuple[int, ...]
    dtype: str
    length: int
    """Items of a window."""
    hop: int
    flood: int
    """Items after which a flood is over."""


def _microphone(behaviour: str) -> Process:
    return Process(capture.command(behaviour), name="microphone", rate_hz=capture.RATE_HZ)


def _camera(behaviour: str) -> Process:
    lasts_s = {"black": pulse.BLIND_S, "covered": pulse.BLIND_S, "frozen": pulse.FROZEN_S}.get(behaviour, 0.0)
    return filmed.process(f"{behaviour}:{lasts_s + 0.6}")


SENSES = {
    "sound": Sense(
        FAILURES | {"nan": "not finite", "zeros": "constant"},
        _microphone,
        pulse.SoundPulse,
        rate_hz=capture.RATE_HZ,
        item=(1,),
        dtype="float32",
        length=2 * capture.RATE_HZ,
        hop=capture.RATE_HZ // 2,
        flood=1000 * capture.SIZE,
    ),
    "picture": Sense(
        FAILURES | {"black": "black", "covered": "covered", "frozen": "frozen"},
        _camera,
        pulse.PicturePulse,
        rate_hz=filmed.RATE_HZ,
        item=(filmed.SIDE, filmed.SIDE, 3),
        dtype="uint8",
        length=1,
        hop=1,
        flood=round(filmed.FLOOD_S * filmed.RATE_HZ),
    ),
}


@dataclass(slots=True)
class Outcome:
    """What came of one kind of fault."""

    times: int = 0
    slowest_back_s: float = 0.0
    unaccounted: int = 0
    """Items neither judged nor counted as lost, or both."""
    untold: int = 0
    """Times at which the right status was not told."""

    @property
    def good(self) -> bool:
        """Whether all that must be is."""
        return self.slowest_back_s < BACK_S and not self.unaccounted and not self.untold


def once(sense: Sense, behaviour: str, outcome: Outcome) -> None:
    """One fault, until it is heard or seen again."""
    behaviours = iter([behaviour])
    ring = Ring(round(60 * sense.rate_hz), item=sense.item, rate_hz=sense.rate_hz, dtype=sense.dtype)
    windower = Windower(ring, stream="fan", length=sense.length, hop=sense.hop)
    reader = Reader("fan", lambda: sense.opened(next(behaviours, "live")), ring, pulse=sense.pulse, live=True)
    began_s, statuses = time.monotonic(), set()
    windows: list[Window] = []
    with closing(reader):
        reader.start()
        while time.monotonic() < began_s + 60:
            statuses.add(reader.reason if reader.status == "no_signal" else reader.status)
            windows += iter(windower.next, None)
            told = sense.faults[behaviour] in statuses
            if told and windows and _well(reader, ring, sense, behaviour) and windows[-1].end > ring.end - 2 * sense.length:
                break
            time.sleep(0.02)
    ring.finish()
    windows += iter(windower.next, None)
    outcome.times += 1
    outcome.slowest_back_s = max(outcome.slowest_back_s, round(_away_s(ring, began_s, sense, behaviour), 2))
    outcome.unaccounted += abs(_judged(windows) + sum(w.lost for w in windows) - windows[-1].end)
    outcome.untold += sense.faults[behaviour] not in statuses


def _well(reader: Reader, ring: Ring, sense: Sense, behaviour: str) -> bool:
    """Whether it is heard again, after its fault."""
    over = bool(reader.restarts or ring.gaps) if behaviour != "flood" else ring.end > sense.flood
    return over and reader.status == "online" and ring.end > (ring.gaps[-1][1] if ring.gaps else 0) + sense.length


def _away_s(ring: Ring, began_s: float, sense: Sense, behaviour: str) -> float:
    """How long nothing was heard: the longest gap; of a flood, which is none in time, how long all took."""
    if behaviour == "flood":
        return time.monotonic() - began_s
    return max((after - first) / sense.rate_hz for first, after in ring.gaps)


def _judged(windows: list[Window]) -> int:
    """Items in any window."""
    count = end = 0
    for window in windows:
        count += window.end - max(end, window.start)
        end = window.end
    return count


def run(times: int, sense: Sense, behaviour: str) -> Outcome:
    """One fault so often."""
    outcome = Outcome()
    for _ in range(times):
        once(sense, behaviour, outcome)
    return outcome


@click.command()
@click.option("--times", type=click.IntRange(1), default=20, show_default=True)
def main(times: int) -> None:
    """Has the capture process fail in every way and prints a line of JSON for each; exits with 1 if a must is not met."""
    log.configure("critical")
    good = True
    for name, sense in SENSES.items():
        for behaviour in sense.faults:
            outcome = run(times, sense, behaviour)
            told = {"slowest_back_s": outcome.slowest_back_s, "unaccounted": outcome.unaccounted, "untold": outcome.untold}
            click.echo(json.dumps({"sense": name, "fault": behaviour, "times": outcome.times, "good": outcome.good, **told}))
            good = good and outcome.good
    sys.exit(not good)


if __name__ == "__main__":
    main()
