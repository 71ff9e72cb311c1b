"""What waits for the broker: statuses and states, scores, and the bell that wakes who sends them."""

from __future__ import annotations

import select
import socket
from contextlib import closing

from monitor.sink.latest import Latest
from monitor.sink.outbox import Outbox
from monitor.sink.outgoing import Outgoing
from monitor.sink.retained import Retained


def test_retained_repeats_what_it_has_but_never_piles_it_up() -> None:
    """A heartbeat while nobody listens is one thing to tell, however long that lasts."""
    retained = Retained()
    retained.repeat("a")
    assert retained.take() is None
    retained.put("a", "1")
    assert ("a", "1") == retained.take()
    for _ in range(5):
        retained.repeat("a")
    assert [("a", "1"), None] == [retained.take(), retained.take()]


def test_retained_tells_every_change_and_after_renewal_only_what_stands() -> None:
    """A broker that stays hears ON and OFF; one that comes back hears how things stand."""
    retained = Retained()
    for value in ("ON", "OFF", "OFF"):
        retained.put("s", value)
    assert [("s", "ON"), ("s", "OFF"), None] == [retained.take() for _ in range(3)]
    retained.put("s", "ON")
    retained.put("s", "OFF")
    retained.renew()
    assert [("s", "OFF"), None] == [retained.take() for _ in range(2)]


def test_retained_is_bounded() -> None:
    """Changes that nobody fetches shrink to the values as they stand."""
    retained = Retained(capacity=3)
    for i in range(100):
        retained.put("s", str(i))
    assert 4 >= len(retained)
    last = None
    while change := retained.take():
        last = change
    assert ("s", "99") == last


def test_of_pictures_only_the_newest_waits() -> None:
    """A night without a broker must not fill the memory; what else changed is told in its order."""
    retained = Retained()
    for i in range(100):
        retained.put("picture", b"PNG %d" % i)
        retained.put("s", ("ON", "OFF")[i % 2])
    assert 101 == len(retained)
    told = [retained.take() for _ in range(101)]
    assert [("picture", b"PNG 99")] == [t for t in told if t and t[0] == "picture"]
    assert ["ON", "OFF"] * 50 == [t[1] for t in told if t and t[0] == "s"]


def test_latest_hands_out_the_newest_once_an_interval() -> None:
    """What comes too soon waits for its time and is replaced by what is newer."""
    latest = Latest(interval_s=1.0)
    latest.put("t", "a")
    assert [("t", "a")] == latest.take(0.0)
    latest.put("t", "b")
    latest.put("t", "c")
    assert [] == latest.take(0.9)
    assert 0.25 == latest.wait_s(0.75)
    assert [("t", "c")] == latest.take(1.0)
    assert [] == latest.take(5.0)


def test_latest_lets_each_topic_rest_by_itself() -> None:
    """Whatever comes in between, none has two values within an interval, and the first that is due comes first."""
    latest = Latest(interval_s=1.0)
    latest.put("a", 1)
    assert [("a", 1)] == latest.take(0.0)
    latest.put("b", 1)
    assert [("b", 1)] == latest.take(0.5)
    for topic in "bac":
        latest.put(topic, 2)
    assert [("c", 2)] == latest.take(0.5)
    assert 0.25 == latest.wait_s(0.75)
    assert [("a", 2)] == latest.take(1.25)
    assert 0.25 == latest.wait_s(1.25)
    assert [("b", 2)] == latest.take(1.5)
    assert 1.0 == latest.wait_s(1.5)


def test_the_bell_rings_once_until_it_is_hushed() -> None:
    """Who waits is woken by the first ring, and by the first after he was; there is one byte to take back, however many ring."""
    with closing(Outgoing(Outbox())) as outgoing:
        for _ in range(3):
            assert not select.select([outgoing], [], [], 0)[0]
            for _ in range(5):
                outgoing.ring()
            assert select.select([outgoing], [], [], 0)[0]
            assert b"\0" == outgoing._ear.recv(16, socket.MSG_PEEK)
            outgoing.hush()
