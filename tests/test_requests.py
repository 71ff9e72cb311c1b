"""What a running pipeline is asked to do: from any thread, done in its own."""

from __future__ import annotations

import threading

from monitor.pipeline import Pipeline
from tests.broker import until
from tests.scripted import PATIENCE_S, QUIET, STRANGE, Kept, Scripted, blocks, pipeline, running, told

FAULT = blocks((QUIET, 400), (STRANGE, 400))
MORE = blocks((QUIET, 400), (STRANGE, 400), (QUIET, 800), (STRANGE, 400))[len(FAULT) :]


def asked(spine: Pipeline, *requests: tuple[str, bool]) -> None:
    """Returns when the pipeline has done these: (mute or disable, on)."""
    done = threading.Event()
    for name, on in requests:
        spine.soon(lambda name=name, on=on: getattr(spine, name)("fan", on))  # type: ignore[misc]
    spine.soon(done.set)
    assert done.wait(PATIENCE_S)


def test_a_muted_stream_ends_its_event_and_goes_on_saying_how_strange_it_is() -> None:
    """What is open ends as stopped, nothing new begins, readings go on; unmuted, it tells again."""
    sink, gates = Kept(), [threading.Event(), threading.Event()]
    spine = pipeline({"fan": Scripted(*FAULT, gates[0], *MORE, gates[1])}, sink)
    with running(spine):
        until(lambda: told(sink.events) == ["new", "update"], timeout_s=PATIENCE_S)
        asked(spine, ("mute", True))
        assert ["new", "update", "end: stopped"] == told(sink.events)
        before = len(sink.readings)
        gates[0].set()
        until(lambda: len(sink.readings) >= before + 20, timeout_s=PATIENCE_S)
        asked(spine, ("mute", False))
    assert ["new", "update", "end: stopped"] == told(sink.events)


def test_a_disabled_stream_is_not_judged_and_says_so() -> None:
    """Its status is `disabled`, its windows are thrown away, and enabled again it is judged on."""
    sink, gates = Kept(), [threading.Event(), threading.Event()]
    spine = pipeline({"fan": Scripted(gates[0], *FAULT, gates[1], *MORE, threading.Event())}, sink)
    with running(spine):
        asked(spine, ("disable", True))
        until(lambda: sink.statuses[-1:] == [("fan", "disabled")], timeout_s=PATIENCE_S)
        gates[0].set()
        until(lambda: spine.watches["fan"].ring.end == 800, timeout_s=PATIENCE_S)
        until(lambda: spine.watches["fan"].windower.next() is None, timeout_s=PATIENCE_S)
        assert [] == sink.readings
        asked(spine, ("disable", False))
        gates[1].set()
        until(lambda: "new" in told(sink.events), timeout_s=PATIENCE_S)
        until(lambda: sink.statuses[-1] != ("fan", "disabled"), timeout_s=PATIENCE_S)
