"""Whether a stream comes back, and every item is accounted for, when its capture process fails.

  python -m tests.bench.capture_faults [--times 20]

A real child process hangs, crashes, leaves, says that its device is gone, floods, delivers what is not finite, or zeros, and is
replaced by one that is well. Exits with 1 unless it is heard again within ten seconds each time, the items judged and those counted
as lost come to all there were, and the right status is told.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import click

from monitor import log
from monitor.reader import Reader
from monitor.records import Window
from monitor.ring import Ring
from monitor.source.process import Process
from monitor.source.pulse import SoundPulse
from monitor.window import Windower
from tests import capture
from tests.capture import RATE_HZ

FAULTS = {
    "hang": "offline",
    "crash": "offline",
    "leave": "offline",
    "fail": "offline",
    "flood": "online",
    "nan": "no_signal",
    "zeros": "no_signal",
}
"""What a child does, and the status that must be told of it."""
BACK_S = 10.0
LENGTH, HOP = 2 * RATE_HZ, RATE_HZ // 2


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


def once(behaviour: str, outcome: Outcome) -> None:
    """One fault, until it is heard again."""
    behaviours = iter([behaviour])
    ring = Ring(60 * RATE_HZ, item=(1,), rate_hz=RATE_HZ)
    windower = Windower(ring, stream="fan", length=LENGTH, hop=HOP)

    def opened() -> Process:
        command = capture.command(next(behaviours, "live"))
        return Process(command, name="microphone", rate_hz=RATE_HZ)

    reader = Reader("fan", opened, ring, pulse=SoundPulse, live=True)
    began_s, statuses = time.monotonic(), set()
    windows: list[Window] = []
    with closing(reader):
        reader.start()
        while time.monotonic() < began_s + 60:
            statuses.add(reader.status)
            windows += iter(windower.next, None)
            if ring.end and _well(reader, ring, behaviour) and windows and windows[-1].end > ring.end - 2 * LENGTH:
                break
            time.sleep(0.02)
    ring.finish()
    windows += iter(windower.next, None)
    outcome.times += 1
    outcome.slowest_back_s = max(outcome.slowest_back_s, round(_away_s(ring, began_s, behaviour), 2))
    outcome.unaccounted += abs(_judged(windows) + sum(w.lost for w in windows) - windows[-1].end)
    outcome.untold += FAULTS[behaviour] not in statuses


def _well(reader: Reader, ring: Ring, behaviour: str) -> bool:
    """Whether it is heard again, after its fault."""
    over = bool(reader.restarts or ring.gaps) if behaviour != "flood" else ring.end > 1000 * capture.SIZE
    return over and reader.status == "online" and ring.end > (ring.gaps[-1][1] if ring.gaps else 0) + LENGTH


def _away_s(ring: Ring, began_s: float, behaviour: str) -> float:
    """How long nothing was heard: the longest gap; of a flood, which is none in time, how long all took."""
    if behaviour == "flood":
        return time.monotonic() - began_s
    return max((after - first) / RATE_HZ for first, after in ring.gaps)


def _judged(windows: list[Window]) -> int:
    """Items in any window."""
    count = end = 0
    for window in windows:
        count += window.end - max(end, window.start)
        end = window.end
    return count


def run(times: int, behaviours: Iterator[str]) -> dict[str, Outcome]:
    """Each fault so often."""
    outcomes = {}
    for behaviour in behaviours:
        outcomes[behaviour] = Outcome()
        for _ in range(times):
            once(behaviour, outcomes[behaviour])
    return outcomes


@click.command()
@click.option("--times", type=click.IntRange(1), default=20, show_default=True)
def main(times: int) -> None:
    """Has the capture process fail in every way and prints a line of JSON for each; exits with 1 if a must is not met."""
    log.configure("critical")
    outcomes = run(times, iter(FAULTS))
    for behaviour, outcome in outcomes.items():
        told = {"slowest_back_s": outcome.slowest_back_s, "unaccounted": outcome.unaccounted, "untold": outcome.untold}
        click.echo(json.dumps({"fault": behaviour, "times": outcome.times, "good": outcome.good, **told}))
    sys.exit(not all(outcome.good for outcome in outcomes.values()))


if __name__ == "__main__":
    main()
