"""Events wait on disk until the broker has them, whatever becomes of the process, the disk or the file."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import SinkError
from monitor.sink.outbox import LIFE_S, Outbox
from tests.broker import Mosquitto, Subscriber, free_port, until
from tests.disk import no_room
from tests.events import EVENT, messages, mqtt, said, step

TOPIC = "diffmon/barn/fan/event"
PAGE, FRAME, HEADER = 4096, 24, 32
"""Bytes of SQLite's write-ahead log: a page, what stands before each, what stands before all."""


def waiting(outbox: Outbox) -> list[tuple[str, int]]:
    """Type and sequence number of every event that waits, in order."""
    told = [json.loads(message.payload) for message in messages(outbox)]
    return [(each["type"], each["seq"]) for each in told]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a test's database goes."""
    return tmp_path / "barn.outbox"


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 5), st.integers(0, 12))
def test_the_newest_are_kept_in_order_and_the_rest_is_counted(capacity: int, count: int) -> None:
    """A full outbox drops its oldest, one for one."""
    with closing(Outbox(capacity=capacity)) as outbox:
        for seq in range(count):
            outbox.put(TOPIC, step(seq))
        assert [("new", seq) for seq in range(count)][-capacity:] == waiting(outbox)
        assert (min(capacity, count), max(0, count - capacity)) == (len(outbox), outbox.dropped)


def test_an_event_stays_until_it_is_done() -> None:
    """Looking does not remove; being done does, in any order, and is counted."""
    with closing(Outbox()) as outbox:
        outbox.put(TOPIC, EVENT)
        outbox.put(TOPIC, step(1))
        first, second = outbox.after(0), outbox.after(1)
        assert first is not None
        assert second is not None
        outbox.done(second)
        assert first == outbox.after(0)
        assert not outbox.wait_empty(0)
        outbox.done(first)
        outbox.done(first)
        assert outbox.wait_empty(0)
        assert 2 == outbox.sent


def test_what_is_too_old_is_dropped_and_counted(path: Path) -> None:
    """An alarm of last week wakes nobody, however long the broker was away."""
    now = 1e9
    with closing(Outbox(path, unix=lambda: now, monotonic=lambda: now)) as outbox:
        outbox.put(TOPIC, EVENT)
        now += LIFE_S + 1
        assert ([], 0, 1) == (waiting(outbox), len(outbox), outbox.dropped)
        outbox.put(TOPIC, step(1, type="end", reason="quiet"))
        assert ([("end", 1)], 1, 1) == (waiting(outbox), len(outbox), outbox.dropped)


def test_events_outlive_the_outbox_and_numbers_are_never_used_again(path: Path) -> None:
    """What was not done is there the next time; what was done is not."""
    with closing(Outbox(path)) as outbox:
        for seq, kind in enumerate(["new", "update", "end"]):
            outbox.put(TOPIC, step(seq, type=kind))
        for _ in range(2):
            oldest = outbox.after(0)
            assert oldest is not None
            outbox.done(oldest)
    with closing(Outbox(path)) as outbox:
        assert [("end", 2)] == waiting(outbox)
        last = outbox.after(0)
        assert last is not None
        outbox.done(last)
    with closing(Outbox(path)) as outbox:
        assert 0 == len(outbox)
        outbox.put(TOPIC, step(0, id="another"))
        later = outbox.after(0)
        assert later is not None
        assert later.id > last.id


def test_what_was_open_at_a_crash_is_ended_before_anything_new(path: Path, logs: list[dict[str, object]]) -> None:
    """Only events without an end get one, with the next number, what was last known, and the reason."""
    with closing(Outbox(path)) as outbox:
        outbox.put(TOPIC, step(0, id="ended"))
        outbox.put(TOPIC, step(1, id="ended", type="end", reason="quiet"))
        outbox.put(TOPIC, step(0, id="open"))
        outbox.put(TOPIC, step(1, id="open", type="update", windows=7))
    with closing(Outbox(path)) as outbox:
        outbox.put(TOPIC, step(0, id="fresh"))
        told = [json.loads(message.payload) for message in messages(outbox)]
    assert [("open", "end", 2), ("fresh", "new", 0)] == [(t["id"], t["type"], t["seq"]) for t in told[-2:]]
    assert ("interrupted", 7, TOPIC.split("/")[2]) == (told[-2]["reason"], told[-2]["windows"], told[-2]["stream"])
    assert ["open"] == [entry["id"] for entry in said(logs, "event.interrupted")]
    with closing(Outbox(path)) as outbox:
        assert 2 == sum(t["reason"] == "interrupted" for m in messages(outbox) if "reason" in (t := json.loads(m.payload)))


WRITER = """
import sys
from pathlib import Path
from monitor.sink.outbox import Outbox
from tests.events import step
outbox = Outbox(Path(sys.argv[1]))
for seq in range(1_000_000):
    outbox.put("t", step(seq, type="update"))
    print(seq, flush=True)
"""


@pytest.mark.parametrize("after", [1, 7, 40])
def test_a_kill_loses_no_event_that_was_put(after: int, path: Path) -> None:
    """All that `put` returned from is there, in order, and the open event ends."""
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(after):
            process.stdout.readline()
        process.kill()
        put = after + len(process.stdout.read().splitlines())
    with closing(Outbox(path)) as outbox:
        found = waiting(outbox)
    # The last one may have been written but not been said.
    assert len(found) - 1 in (put, put + 1)
    assert [("update", seq) for seq in range(len(found) - 1)] == found[:-1]
    assert ("end", len(found) - 1) == found[-1]


def test_a_power_cut_at_any_write_loses_no_event_that_was_put(path: Path, tmp_path: Path) -> None:
    """The log cut after each page, and in the middle of one: it opens, and has all that were put before the cut."""
    log, ends = path.with_name(path.name + "-wal"), []
    with closing(Outbox(path)) as outbox:
        for seq in range(5):
            outbox.put(TOPIC, step(seq, type="update"))
            ends.append(log.stat().st_size)
        whole, database = log.read_bytes(), path.read_bytes()
    pages = range(HEADER, len(whole) + 1, FRAME + PAGE)
    assert len(pages) > 2 * len(ends)
    for cut in sorted({*pages, *(page + 1000 for page in pages if page + 1000 < len(whole))}):
        broken = tmp_path / f"{cut}.outbox"
        broken.write_bytes(database)
        broken.with_name(broken.name + "-wal").write_bytes(whole[:cut])
        with closing(Outbox(broken)) as outbox:
            found = [each for each in waiting(outbox) if each[0] == "update"]
        assert [("update", seq) for seq in range(sum(end <= cut for end in ends))] == found


@pytest.mark.parametrize("damage", ["text", "middle", "version"])
def test_a_damaged_database_is_set_aside_and_a_new_one_begun(damage: str, path: Path, logs: list[dict[str, object]]) -> None:
    """Nothing is deleted, the new one works, and it is said."""
    with closing(Outbox(path)) as outbox:
        for seq in range(200):
            outbox.put(TOPIC, step(seq))
    spoil = bytearray(path.read_bytes())
    match damage:
        case "text":
            spoil[:] = b"not a database " * 1000
        case "middle":
            spoil[PAGE : len(spoil) - PAGE] = b"\xff" * (len(spoil) - 2 * PAGE)
        case "version":
            spoil[60:64] = (99).to_bytes(4, "big")  # user_version in SQLite's header
    path.write_bytes(spoil)
    with closing(Outbox(path)) as outbox:
        outbox.put(TOPIC, step(0, type="end"))
        assert [("end", 0)] == waiting(outbox)
    [entry] = said(logs, "outbox.damaged")
    assert bytes(spoil) == Path(str(entry["kept"])).read_bytes()
    with closing(Outbox(path)) as outbox:
        assert [("end", 0)] == waiting(outbox)


def test_a_second_daemon_on_the_same_outbox_is_refused(path: Path) -> None:
    """It would send everything twice."""
    with closing(Outbox(path)), pytest.raises(SinkError, match="another process has it"):
        Outbox(path)


@pytest.mark.parametrize("place", ["file", "missing"])
def test_without_a_folder_to_write_to_events_wait_in_memory(place: str, tmp_path: Path, logs: list[dict[str, object]]) -> None:
    """The daemon goes on, and says what it cannot do."""
    (tmp_path / "file").touch()
    with closing(Outbox(tmp_path / place / "barn.outbox")) as outbox:
        outbox.put(TOPIC, EVENT)
        assert [("new", 0)] == waiting(outbox)
    assert 1 == len(said(logs, "outbox.failed"))


def test_a_full_disk_loses_nothing(path: Path, logs: list[dict[str, object]]) -> None:
    """What does not fit waits in memory, in order, behind what did; it is said once."""
    with no_room(200_000), closing(Outbox(path)) as outbox:
        for seq in range(1000):
            outbox.put(TOPIC, step(seq))
        assert [("new", seq) for seq in range(1000)] == waiting(outbox)
    assert 1 == len(said(logs, "outbox.failed"))


@pytest.mark.usefixtures("logs")
def test_after_the_disk_fails_whoever_sends_still_finds_what_is_new(path: Path) -> None:
    """Numbers go on, though all that had one was acknowledged and gone."""
    with closing(Outbox(path)) as outbox:
        for seq in range(5):
            outbox.put(TOPIC, step(seq))
        for message in list(messages(outbox)):
            outbox.done(message)
        with no_room(1):
            outbox.put(TOPIC, step(5))
        new = outbox.after(message.id)
        assert new is not None
        assert 5 == json.loads(new.payload)["seq"]
        with pytest.raises(SinkError, match="another process has it"):
            Outbox(path)


def test_a_disk_that_is_full_at_the_start_stops_nobody(path: Path, logs: list[dict[str, object]]) -> None:
    """What was open at a crash is ended all the same, in memory."""
    with closing(Outbox(path)) as outbox:
        outbox.put(TOPIC, EVENT)
    with no_room(1), closing(Outbox(path)) as outbox:
        outbox.put(TOPIC, step(7, id="another"))
        assert [("new", 0), ("end", 1), ("new", 7)] == waiting(outbox)
        assert 3 == len(outbox)
    assert 1 == len(said(logs, "outbox.failed"))


def test_a_closed_outbox_has_nothing_to_send() -> None:
    """A thread that is late finds it empty, and no error."""
    outbox = Outbox()
    outbox.put(TOPIC, EVENT)
    message = outbox.after(0)
    assert message is not None
    outbox.close()
    outbox.close()
    assert outbox.after(0) is None
    outbox.done(message)
    assert 0 == outbox.sent


def test_a_daemon_killed_without_a_broker_is_made_good_by_the_next(path: Path, tmp_path: Path) -> None:
    """What the dead one had not sent arrives from the next, the open event ends, and the retained state is true."""
    script = (
        "import sys, time; from pathlib import Path; from tests.events import EVENT, mqtt\n"
        f"sink = mqtt({free_port()}, Path(sys.argv[1])); sink.event(EVENT); sys.stdout.write('put\\n'); sys.stdout.flush(); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        # That there is no broker is said on the way, by another thread, perhaps in the middle of a line.
        assert any(line.endswith(b"put\n") for line in iter(process.stdout.readline, b""))
        process.send_signal(signal.SIGKILL)
    broker = Mosquitto(tmp_path).start()
    try:
        with Subscriber(broker.port) as subscriber, closing(mqtt(broker.port, path)):
            until(lambda: len(subscriber.on(TOPIC)) == 2)
            told = [json.loads(text) for text in subscriber.on(TOPIC)]
            assert [("new", 0), ("end", 1)] == [(t["type"], t["seq"]) for t in told]
            assert EVENT.id == told[0]["id"] == told[1]["id"]
            assert "interrupted" == told[1]["reason"]
            subscriber.wait("diffmon/barn/fan/state", ["OFF"])
    finally:
        broker.stop()
    with closing(Outbox(path)) as outbox:
        assert [] == waiting(outbox)


def test_how_far_a_stream_was_told_of_outlives_the_outbox(path: Path) -> None:
    """With each step, of streams whose indices go on; those of a microphone mean nothing to the next life."""
    with closing(Outbox(path)) as outbox:
        outbox.going_on = frozenset({"fan"})
        assert 0 == outbox.told_to("fan")
        for end in (48_000, 56_000):
            outbox.put("t", step(0, end_index=end))
        outbox.put("t", step(1, stream="pump", end_index=7))
    with closing(Outbox(path)) as outbox:
        assert (56_000, 0) == (outbox.told_to("fan"), outbox.told_to("pump"))
