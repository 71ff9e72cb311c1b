"""The demo's judgement of itself, its broker and its subscriber."""

from __future__ import annotations

from contextlib import closing

import pytest
from paho.mqtt import publish

from monitor.config import MqttConfig
from monitor.demo.broker import HOST, Broker
from monitor.demo.conveyor import Conveyor
from monitor.demo.fault import Planted
from monitor.demo.happening import Passing, stage
from monitor.demo.learning import own_model
from monitor.demo.line import LIVE_S, RATE_HZ, AssemblyLine
from monitor.demo.room import MachineRoom
from monitor.demo.scene import Staged
from monitor.demo.show import matched, run, table
from monitor.errors import DiffmonError
from monitor.sink.login import login
from monitor.sink.payload import payload
from monitor.sink.subscriber import Heard, Subscriber
from tests.broker import until
from tests.events import step

BEGAN_S = 1000.0


def heard(at_s: float, kind: str = "new", name: str = "a") -> Heard:
    """A message that arrived so long after the beginning."""
    return Heard(BEGAN_S + at_s, {"type": kind, "id": name, "seq": 0, "peak_score": 9.0})


def knock(onset_s: float) -> Planted:
    """A fault of three seconds."""
    return Planted("knock", onset_s, onset_s + 3, 0.0)


def test_an_alarm_in_time_is_found_with_its_delay() -> None:
    """An alarm a second after the onset counts for that fault, and nothing is left over."""
    (found,), false = matched([knock(20)], [heard(21)], BEGAN_S)
    assert (True, 1.0, []) == (found.in_time, found.delay_s, false)


def test_an_alarm_that_is_late_is_told_but_does_not_count() -> None:
    """More than two seconds after the onset is too late, though no false alarm."""
    (found,), false = matched([knock(20)], [heard(22.5)], BEGAN_S)
    assert (False, 2.5, []) == (found.in_time, found.delay_s, false)


def test_an_alarm_before_the_onset_is_false() -> None:
    """What comes before a fault, or long after its end, was not about it."""
    (found,), false = matched([knock(20)], [heard(19), heard(40)], BEGAN_S)
    assert (False, 2) == (found.in_time, len(false))


def test_updates_are_no_alarms() -> None:
    """Only `new` announces; the last message of the event is kept for the picture."""
    (found,), false = matched([knock(20)], [heard(21), heard(26, "update"), heard(27, "end"), heard(50, "update", "b")], BEGAN_S)
    assert ("end", []) == (found.whole["type"], false)


def flawed(where: dict[str, float], *, start_s: float) -> dict[str, object]:
    """An event of the conveyor that was strangest half a second after it began."""
    return {
        "type": "new",
        "id": "a",
        "score": 9.0,
        "start_index": round(start_s * RATE_HZ),
        "where": where | {"start_s": 0.5, "end_s": 0.75},
    }


def test_the_cameras_table_tells_box_and_overlap_and_of_the_shadow() -> None:
    """One fault is found where it is, one beside itself, one not; the shadow is let pass."""
    _, flaws, shadow = stage(Conveyor.drawn(0), seconds=LIVE_S, seed=0)
    starts_s = [round(flaw.onset_s + 1) for flaw in flaws]
    x, y, width, height = flaws[0].box(starts_s[0] + 0.5)
    whole = {"x": x, "y": y, "width": width, "height": height}
    events = [flawed(whole, start_s=starts_s[0]), flawed({"x": 0, "y": 0, "width": 9, "height": 9}, start_s=starts_s[1])]
    told = [Heard(BEGAN_S + start_s + 0.5, event) for start_s, event in zip(starts_s, events, strict=False)]
    rows = list(table(AssemblyLine(0), Staged(flaws, [shadow]), told, BEGAN_S))
    assert ["1.00", "0.00", "-"] == [row[12:].split()[0] if "px" in row else "-" for row in rows[1:4]]
    assert [False, False, True] == [row.endswith("not announced") for row in rows[1:4]]
    assert rows[4].startswith("shadow")
    assert rows[4].endswith("not announced, as it should be")


def test_a_shadow_that_is_announced_is_a_false_alarm() -> None:
    """And it says of which."""
    alarm = Heard(BEGAN_S + 21, flawed({"x": 0, "y": 0, "width": 9, "height": 9}, start_s=20))
    rows = list(table(AssemblyLine(0), Staged([], [Passing(20, 24)]), [alarm], BEGAN_S))
    assert rows[1].endswith("announced, though it is no fault")
    assert rows[2].endswith("9 x 9 px at 0, 0  FALSE ALARM")


def test_the_demos_own_broker_serves_a_subscriber() -> None:
    """What is published at QoS 1 arrives once, doubles left out."""
    got: list[Heard] = []
    with Broker() as broker:
        config = MqttConfig(host=HOST, port=broker.port)
        with closing(Subscriber(login(config, node="demo", will_topic=None), ["diffmon/+/+/event"], got.append)) as subscriber:
            assert subscriber.ready(10)
            for event in (step(0), step(0), step(1, type="end")):
                publish.single("diffmon/box/room/event", payload(event), qos=1, hostname=HOST, port=broker.port)
            until(lambda: len(got) == 2)
    assert ["new", "end"] == [h.event["type"] for h in got]


def test_a_broker_is_named_as_host_and_port(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Anything else is refused before a minute of training."""
    with pytest.raises(DiffmonError, match="expected HOST:PORT"):
        run(MachineRoom(0), seed=0, out=tmp_path_factory.mktemp("demo"), learn=own_model(1.0), broker="localhost")
