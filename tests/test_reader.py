"""The reader: what it carries into the ring, and how it goes on when a source fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from types import SimpleNamespace

import pytest

from monitor.errors import SourceError
from monitor.reader import Reader
from monitor.records import Block
from monitor.ring import Ring
from monitor.source import Source
from monitor.source.pulse import SoundPulse
from tests.broker import until
from tests.scripted import PATIENCE_S, RATE, Scripted, block


def ring() -> Ring:
    """A ring with room for all that is read here."""
    return Ring(10_000, item=(1,), rate_hz=RATE)


def later(start: int, values: list[float], *, at_s: float) -> Block:
    """A block whose last item came at a time."""
    each = block(start, values)
    return Block(start, each.items, at_s)


def one_after_another(*sources: Source | Exception) -> Callable[[], Source]:
    """Opens the first source, then the next; an exception among them fails to open."""
    rest = iter(sources)

    def opened() -> Source:
        source = next(rest)
        if isinstance(source, Exception):
            raise source
        return source

    return opened


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses of a few milliseconds."""
    monkeypatch.setattr("monitor.reader._FIRST_S", 0.002)
    monkeypatch.setattr("monitor.reader._MOST_S", 0.01)


def read(into: Ring, open_source: Callable[[], Source], *, live: bool) -> Reader:
    """A reader that has read all there is."""
    reader = Reader("fan", open_source, into, pulse=SoundPulse, live=live)
    reader.start()
    until(lambda: into.finished, timeout_s=PATIENCE_S)
    reader.close()
    return reader


# One source


def test_carries_blocks_into_the_ring_until_the_source_ends() -> None:
    """Items and gaps arrive as they were delivered; the source is closed; the end is no error."""
    into, source = ring(), Scripted(block(0, [1, 2, 3]), block(5, [6, 7]))
    read(into, lambda: source, live=False)
    assert (7, ((3, 5),), None) == (into.end, into.gaps, into.error)
    assert source.closed.is_set()
    kept = into.read(5, 7)
    assert kept is not None
    assert [6, 7] == kept[:, 0].tolist()


def test_what_can_be_opened_once_is_not_tried_again() -> None:
    """Live or not: its failure is the stream's."""
    into, fault = ring(), SourceError("cannot be read")
    reader = Reader("fan", lambda: Scripted(block(0, [1, 2]), fault), into, pulse=SoundPulse, live=True, once=True)
    reader.start()
    until(lambda: into.finished, timeout_s=PATIENCE_S)
    reader.close()
    assert (fault, 2, 0) == (into.error, into.end, reader.restarts)


def test_its_status_follows_the_source() -> None:
    """Starting until items come, online while they do, offline after."""
    go, stay = threading.Event(), threading.Event()
    reader = Reader("fan", lambda: Scripted(go, block(0, [1]), stay), ring(), pulse=SoundPulse, live=False)
    assert "starting" == reader.status
    reader.start()
    assert "starting" == reader.status
    go.set()
    until(lambda: "online" == reader.status, timeout_s=PATIENCE_S)
    stay.set()
    until(lambda: "offline" == reader.status, timeout_s=PATIENCE_S)
    reader.close()


@pytest.mark.parametrize("steps", [[SourceError("cut short")], [block(0, [1]), SourceError("cut short")]])
def test_without_reopening_a_failure_is_the_end(steps: list[Block | Exception], logs: list[dict[str, object]]) -> None:
    """A file that fails will not mend: the ring knows why it ended, and the log says it."""
    into = ring()
    reader = read(into, lambda: Scripted(*steps), live=False)
    assert ("cut short", "offline") == (str(into.error), reader.status)
    failed = [entry for entry in logs if entry["event"] == "source.failed"]
    assert [("fan", "cut short")] == [(entry["stream"], entry["error"]) for entry in failed]


def test_a_source_that_cannot_be_opened_is_the_end_without_reopening() -> None:
    """The same as one that fails later."""
    into = ring()
    read(into, one_after_another(SourceError("no such device")), live=False)
    assert "no such device" == str(into.error)


@pytest.mark.parametrize("live", [False, True])
def test_a_fault_of_ours_is_not_tried_again(live: bool) -> None:
    """What is no SourceError ends the stream with it, whatever the source."""
    into, fault = ring(), ZeroDivisionError("ours")
    read(into, one_after_another(Scripted(block(0, [1]), fault)), live=live)
    assert fault is into.error


# Again and again


@pytest.mark.usefixtures("quick")
def test_a_source_that_fails_is_opened_again() -> None:
    """However it fails, at opening or later, until one ends by itself; each that was open is closed."""
    sources = [Scripted(block(0, [1, 2]), SourceError("unplugged")), Scripted(SourceError("again")), Scripted(block(0, [2, 3]))]
    into = ring()
    read(into, one_after_another(SourceError("not there yet"), *sources[:2], SourceError("away"), sources[2]), live=True)
    assert into.error is None
    assert all(source.closed.is_set() for source in sources)
    assert 1 == len(into.gaps)


@pytest.mark.usefixtures("quick")
def test_how_often_a_source_was_opened_again_is_counted() -> None:
    """Every attempt after the first, whether it came to anything or not."""
    reader = read(ring(), one_after_another(SourceError("away"), Scripted(SourceError("again")), Scripted()), live=True)
    assert 2 == reader.restarts


def test_a_live_source_that_is_stuck_has_no_signal() -> None:
    """What never changes is not heard but counted as lost, and is told; it is online again with the first change."""
    go, stay = threading.Event(), threading.Event()
    steps = [block(0, [1, 2]), *(block(2 + 10 * i, [0] * 10) for i in range(20)), go, block(202, [3, 4]), stay]
    into = ring()
    reader = Reader("fan", lambda: Scripted(*steps), into, pulse=SoundPulse, live=True)
    reader.start()
    until(lambda: reader.status == "no_signal", timeout_s=PATIENCE_S)
    assert 2 == into.end
    go.set()
    until(lambda: reader.status == "online" and into.end == 204, timeout_s=PATIENCE_S)
    assert ((2, 202),) == into.gaps
    reader.close()


def test_silence_of_a_recording_is_heard_and_told() -> None:
    """A recording is what it is: nothing of it is left out; but that it has no signal is said, until it has one."""
    go, stay = threading.Event(), threading.Event()
    into = ring()
    steps = [*(block(100 * i, [0] * 100) for i in range(3)), go, block(300, [1, 2]), stay]
    reader = Reader("fan", lambda: Scripted(*steps), into, pulse=SoundPulse, live=False)
    reader.start()
    until(lambda: (300, "no_signal") == (into.end, reader.status), timeout_s=PATIENCE_S)
    go.set()
    until(lambda: (302, "online") == (into.end, reader.status), timeout_s=PATIENCE_S)
    assert () == into.gaps
    reader.close()


def test_pauses_grow_until_items_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each pause is twice the one before, up to a limit; after items have come it begins anew."""
    monkeypatch.setattr("monitor.reader._FIRST_S", 0.02)
    monkeypatch.setattr("monitor.reader._MOST_S", 0.08)
    # The longest that may be drawn, so that what is measured has a lower bound.
    monkeypatch.setattr("monitor.reader.random", SimpleNamespace(uniform=lambda low, high: high))
    opened_s: list[float] = []
    away, there = SourceError("away"), Scripted(block(0, [1, 2]), SourceError("unplugged"))
    sources = one_after_another(away, away, away, there, away, Scripted())

    def timed() -> Source:
        opened_s.append(time.monotonic())
        return sources()

    read(ring(), timed, live=True)
    for (before_s, after_s), pause_s in zip(pairwise(opened_s), [0.04, 0.08, 0.08, 0.02, 0.04], strict=True):
        assert pause_s <= after_s - before_s


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("first", [0, 30])
def test_the_index_goes_on_behind_what_was_missed(first: int) -> None:
    """Two seconds between the last item of one and the first of the next are a gap of two seconds, wherever the next begins to count."""
    into = ring()
    before = Scripted(later(0, [1.0, 2.0] * 50, at_s=51.0), SourceError("unplugged"))
    after = Scripted(later(first, [2.0, 3.0] * 25, at_s=53.5), later(first + 50, [3.0, 4.0] * 5, at_s=53.6))
    read(into, one_after_another(before, after), live=True)
    assert (360, ((100, 300),)) == (into.end, into.gaps)
    assert pytest.approx(53.0) == into.time_of(300)


@pytest.mark.usefixtures("quick")
def test_a_gap_is_at_least_one_item() -> None:
    """Even if the new source's first block claims to be older than the last item."""
    into = ring()
    before, after = Scripted(later(0, [1.0, 2.0] * 50, at_s=51.0), SourceError("unplugged")), Scripted(later(0, [2.0, 3.0] * 25, at_s=51.2))
    read(into, one_after_another(before, after), live=True)
    assert ((100, 101),) == into.gaps


# Closing


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses of minutes."""
    monkeypatch.setattr("monitor.reader._FIRST_S", 600.0)
    monkeypatch.setattr("monitor.reader._MOST_S", 600.0)


@pytest.mark.usefixtures("patient")
def test_close_during_a_pause_returns_at_once() -> None:
    """Nobody waits for the next attempt; the ring ends, and not by an error."""
    into, tried = ring(), threading.Event()

    def open_source() -> Source:
        tried.set()
        raise SourceError("away")

    reader = Reader("fan", open_source, into, pulse=SoundPulse, live=True)
    reader.start()
    assert tried.wait(PATIENCE_S)
    began_s = time.monotonic()
    reader.close()
    assert time.monotonic() - began_s < 2.0
    assert (True, None) == (into.finished, into.error)


def test_close_ends_a_source_that_waits() -> None:
    """A microphone that hears nothing is closed from outside; twice does no harm."""
    into, source = ring(), Scripted(block(0, [1, 2]), threading.Event())
    reader = Reader("fan", lambda: source, into, pulse=SoundPulse, live=True)
    reader.start()
    until(lambda: 2 == into.end, timeout_s=PATIENCE_S)
    reader.close()
    reader.close()
    assert (True, None, True) == (into.finished, into.error, source.closed.is_set())


def test_close_reaches_a_source_that_is_being_opened() -> None:
    """A device that takes its time to open is closed as soon as it has, and nothing is read of it."""
    into, opening, go = ring(), threading.Event(), threading.Event()
    source = Scripted(block(0, [1, 2]), threading.Event())

    def open_source() -> Source:
        opening.set()
        assert go.wait(PATIENCE_S)
        return source

    reader = Reader("fan", open_source, into, pulse=SoundPulse, live=True)
    reader.start()
    assert opening.wait(PATIENCE_S)
    closing = threading.Thread(target=reader.close)
    closing.start()
    until(reader._closing.is_set, timeout_s=PATIENCE_S)
    go.set()
    closing.join(PATIENCE_S)
    assert (True, 0, True) == (into.finished, into.end, source.closed.is_set())


class Touchy(Scripted):
    """A source that fails when it is closed."""

    def blocks(self) -> Iterator[Block]:
        """One block, then the failure."""
        yield from super().blocks()
        raise SourceError("the device was closed")


@pytest.mark.parametrize("live", [False, True])
def test_a_failure_by_closing_is_none(live: bool) -> None:
    """What fails because it is closed has not failed."""
    into = ring()
    reader = Reader("fan", lambda: Touchy(block(0, [1, 2]), threading.Event()), into, pulse=SoundPulse, live=live)
    reader.start()
    until(lambda: 2 == into.end, timeout_s=PATIENCE_S)
    reader.close()
    assert (True, None) == (into.finished, into.error)


def test_close_without_start() -> None:
    """A reader that never ran has nothing to close."""
    Reader("fan", lambda: Scripted(), ring(), pulse=SoundPulse, live=True).close()
