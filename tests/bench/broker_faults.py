"""Whether an event is lost, or scoring held up, when the broker fails.

  python -m tests.bench.broker_faults [--rounds 50]

Events are put into a real sink with its outbox on disk, twenty a second, while a real Mosquitto is in turn killed, paused, told to
refuse every publication, taken over by another client with the same client id, and restarted. A subscriber counts. Exits with 1
unless every event arrived, putting one never took long, and after each fault events came through again within ten seconds.
"""

from __future__ import annotations

import json
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import click
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from monitor import log
from monitor.sink.mqtt import Mqtt
from monitor.sink.outbox import Message
from tests.broker import Mosquitto, Subscriber, until
from tests.events import mqtt, step

EVERY_S = 0.05
PUT_S = 0.5
"""Putting an event takes less than it takes until the next window."""
BACK_S = 10.0
"""Within which events come through again."""
AWAY_S = 1.0
"""For which a broker that dies or ends is away at least: what waits for it takes longer."""
_ALLOWED, _REFUSED = "topic readwrite #\n", "topic read #\n"


Fault = Callable[[Mosquitto, Subscriber], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it."""

    rounds: int
    put: int
    lost: int
    """Events that never arrived, but for the next."""
    lost_in: dict[str, int]
    """The same by the fault before whose end they were put."""
    forgotten: int
    """Events that a broker had acknowledged when it was killed, and had not handed on: its own loss, as it keeps them in memory."""
    doubles: int
    slowest_put_s: float
    slowest_back_s: dict[str, float]
    """From the broker's return to an event's arrival, the slowest of each kind of fault."""

    @property
    def good(self) -> bool:
        """Whether all that must be is."""
        return not self.lost and self.slowest_put_s < PUT_S and max(self.slowest_back_s.values()) < BACK_S


class Feed:
    """Puts events, numbered by their ids, until it is closed."""

    def __init__(self, sink: Mqtt) -> None:
        self.put = 0
        self.slowest_s = 0.0
        self._sink = sink
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feed")
        self._thread.start()

    def close(self) -> None:
        """No more after this."""
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._done.wait(EVERY_S):
            began_s = time.monotonic()
            self._sink.event(step(0, id=f"{self.put:016x}", type="end", reason="quiet"))
            self.slowest_s = max(self.slowest_s, time.monotonic() - began_s)
            self.put += 1


def killed(broker: Mosquitto, subscriber: Subscriber) -> None:
    """Dies, and is started again; it has forgotten its subscribers, so it takes nothing before they are back."""
    broker.signal(signal.SIGKILL)
    time.sleep(AWAY_S)
    subscriber.subscribed.clear()
    _rule(broker, _REFUSED)
    broker.stop()
    broker.start()
    assert subscriber.subscribed.wait(30)
    _rule(broker, _ALLOWED)


def restarted(broker: Mosquitto, subscriber: Subscriber) -> None:
    """Ends in good order, and is started again."""
    broker.stop()
    time.sleep(AWAY_S)
    broker.start()


def paused(broker: Mosquitto, subscriber: Subscriber) -> None:
    """Answers nothing for longer than a sign of life may take."""
    broker.signal(signal.SIGSTOP)
    time.sleep(12.0)
    broker.signal(signal.SIGCONT)


def refusing(broker: Mosquitto, subscriber: Subscriber) -> None:
    """Takes no publication for a while."""
    _rule(broker, _REFUSED)
    time.sleep(5.0)
    _rule(broker, _ALLOWED)


def rivalled(broker: Mosquitto, subscriber: Subscriber) -> None:
    """Another client has our client id, and connects again whenever it is thrown out."""
    rival = Client(CallbackAPIVersion.VERSION2, client_id="diffmon-barn", protocol=MQTTProtocolVersion.MQTTv5)
    rival.reconnect_delay_set(1, 1)
    rival.connect("127.0.0.1", broker.port)
    rival.loop_start()
    time.sleep(5.0)
    rival.disconnect()
    rival.loop_stop()


FAULTS: tuple[Fault, ...] = (killed, paused, refusing, rivalled, restarted)


def _rule(broker: Mosquitto, text: str) -> None:
    broker.log.with_name("acl").write_text(text, encoding="utf-8")
    broker.signal(signal.SIGHUP)


def run(rounds: int, folder: Path, faults: tuple[Fault, ...] = FAULTS) -> Outcome:
    """So many faults, in turn; what came of it."""
    (folder / "acl").write_text(_ALLOWED, encoding="utf-8")
    broker = Mosquitto(folder, f"acl_file {folder}/acl").start()
    slowest_s: dict[str, float] = {}
    try:
        with Subscriber(broker.port, "diffmon/barn/+/event") as subscriber, closing(mqtt(broker.port, folder / "outbox")) as sink:
            acknowledged = noted(sink)
            feed, began = Feed(sink), [(0, "none")]
            with closing(feed):
                for i in range(rounds):
                    fault = faults[i % len(faults)]
                    fault(broker, subscriber)
                    began.append((feed.put, fault.__name__))
                    slowest_s[fault.__name__] = max(slowest_s.get(fault.__name__, 0.0), _back_s(feed, subscriber))
            until(lambda: sink.counters()["mqtt.waiting"] == 0, timeout_s=60)
            with suppress(AssertionError):  # what has not come by then is lost
                until(lambda: len({*_ids(subscriber)}) == feed.put, timeout_s=30)
            ids = _ids(subscriber)
            missing = {n: next((name for after, name in began if int(n, 16) < after), "the end") for n in all_of(feed) - {*ids}}
            forgotten = {n for n, name in missing.items() if name == "killed" and n in acknowledged}
            lost_in = Counter(name for n, name in missing.items() if n not in forgotten)
            return Outcome(
                rounds,
                feed.put,
                lost_in.total(),
                dict(lost_in),
                len(forgotten),
                len(ids) - len({*ids}),
                round(feed.slowest_s, 3),
                slowest_s,
            )
    finally:
        broker.stop()


def noted(sink: Mqtt) -> set[str]:
    """The ids that the broker acknowledges from now on."""
    outbox, found = sink._outgoing.outbox, set()
    done = outbox.done

    def note(message: Message) -> None:
        found.add(json.loads(message.payload)["id"])
        done(message)

    outbox.done = note  # type: ignore[method-assign]
    return found


def all_of(feed: Feed) -> set[str]:
    """The ids that were put."""
    return {f"{n:016x}" for n in range(feed.put)}


def _ids(subscriber: Subscriber) -> list[str]:
    return [json.loads(m.payload)["id"] for m in list(subscriber.messages)]


def _back_s(feed: Feed, subscriber: Subscriber) -> float:
    """How long until what is put now has arrived (s)."""
    began_s, number = time.monotonic(), f"{feed.put:016x}"
    until(lambda: any(number in m.payload for m in subscriber.messages[-200:]), timeout_s=60)
    return round(time.monotonic() - began_s, 2)


@click.command()
@click.option("--rounds", type=click.IntRange(1), default=50, show_default=True)
def main(rounds: int) -> None:
    """Has the broker fail in turn and prints what came of it as a line of JSON; exits with 1 if a must is not met."""
    log.configure("critical")
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(rounds, Path(folder))
    click.echo(json.dumps({"good": outcome.good} | asdict(outcome)))
    sys.exit(not outcome.good)


if __name__ == "__main__":
    main()
