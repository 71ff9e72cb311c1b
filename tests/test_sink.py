"""What goes out is valid JSON, what waits is bounded, and standard output gets lines."""

from __future__ import annotations

import dataclasses
import errno
import io
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from fcntl import F_SETPIPE_SZ, fcntl
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.daemon import attach
from monitor.errors import SinkError
from monitor.records import Event
from monitor.sink import Sink
from monitor.sink.jsonl import JsonLines
from monitor.sink.payload import json_text, payload
from tests.broker import until
from tests.disk import no_room
from tests.events import EVENT, READING, step
from tests.scripted import QUIET, STRANGE, Kept, Scripted, blocks, pipeline, told


class Full(io.StringIO):
    """A file on a disk that is full until there is room."""

    room = False

    def write(self, text: str) -> int:
        """Fails without room."""
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(text)


# Payload


def test_payload_has_the_records_fields_in_order() -> None:
    """The JSON is the record field by field, without a reason before the end."""
    names = [field.name for field in dataclasses.fields(Event)]
    assert names[:-1] == list(json.loads(payload(EVENT)))
    assert names == list(json.loads(payload(step(3, type="end", reason="quiet"))))


def test_payload_rounds_scores_to_six_digits_and_times_to_milliseconds() -> None:
    """Nobody reads more digits than were measured."""
    values = json.loads(payload(EVENT))
    assert (4.12346, 1.23457e-7, 1767323045.678) == (values["score"], values["p_value"], values["start_unix"])


@settings(max_examples=50)
@given(
    st.dictionaries(
        st.text(max_size=8),
        st.floats() | st.integers() | st.booleans() | st.text(max_size=8) | st.lists(st.floats(), max_size=3),
        max_size=5,
    )
)
def test_every_payload_is_valid_json_on_one_line(values: dict[str, object]) -> None:
    """NaN and infinity, which JSON does not know, never get out."""

    def refuse(name: str) -> float:
        raise AssertionError(name)

    text = json_text(values)
    assert values.keys() == json.loads(text, parse_constant=refuse).keys()
    assert "\n" not in text


# Lines of JSON


def test_json_lines_writes_each_event_and_nothing_else() -> None:
    """Readings, statuses and statistics are left out; at the end all is written."""
    stream = io.StringIO()
    sink = JsonLines(stream)
    told: Sink = sink
    told.event(EVENT)
    told.reading(READING)
    told.status("fan", "online")
    told.stats({"windows": 1})
    told.event(step(1))
    told.close()
    told.close()
    assert [payload(EVENT), payload(step(1))] == stream.getvalue().splitlines()
    assert {"jsonl.written": 2, "jsonl.lost": 0} == sink.counters()


def test_json_lines_takes_standard_output_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a stream the lines go where a shell can pipe them, at once."""
    with closing(JsonLines()) as sink:
        sink.event(EVENT)
        until(lambda: sink.counters()["jsonl.written"])
        assert payload(EVENT) + "\n" == capsys.readouterr().out


def test_a_full_disk_is_said_once_and_ends_nothing(logs: list[dict[str, object]]) -> None:
    """What cannot be written is counted, and goes out once there is room again."""
    full = Full()
    with closing(JsonLines(full)) as sink:
        for seq in range(3):
            sink.event(step(seq))
        until(lambda: sink.counters()["jsonl.lost"] == 3)
        assert ["No space left on device"] == [line["reason"] for line in logs if line["event"] == "jsonl.failed"]
        full.room = True
        sink.event(step(3))
        until(lambda: sink.counters()["jsonl.written"] == 1)
        full.room = False
        sink.event(step(4))
    assert [payload(step(3))] == full.getvalue().splitlines()
    assert {"jsonl.written": 1, "jsonl.lost": 4} == sink.counters()
    assert 2 == sum(line["event"] == "jsonl.failed" for line in logs)


def test_a_reader_that_left_is_told_to_whoever_wants_to_know(logs: list[dict[str, object]]) -> None:
    """Once; closing stays quiet."""
    reader, writer = os.pipe()
    os.close(reader)
    left: list[str] = []
    with io.TextIOWrapper(io.FileIO(writer, "w"), write_through=True) as stream, closing(JsonLines(stream)) as sink:
        sink.left = lambda: left.append("left")
        sink.event(EVENT)
        sink.event(step(1))
        until(lambda: sink.counters()["jsonl.lost"] == 2)
    assert ["left"] == left
    assert 1 == sum(line["event"] == "jsonl.failed" for line in logs)


def test_a_stream_that_is_closed_ends_nothing(logs: list[dict[str, object]]) -> None:
    """Whoever closed it."""
    stream = io.StringIO()
    stream.close()
    with closing(JsonLines(stream)) as sink:
        sink.event(EVENT)
    assert 1 == sum(line["event"] == "jsonl.failed" for line in logs)


def test_a_line_that_a_full_disk_tore_spoils_no_other(tmp_path: Path) -> None:
    """What it took of one is a line of its own."""
    path = tmp_path / "events.jsonl"
    lines = [payload(step(seq)) for seq in range(3)]
    with path.open("w") as stream, closing(JsonLines(stream)) as sink:
        with no_room(len(lines[0]) + 11):
            sink.event(step(0))
            sink.event(step(1))
            until(lambda: sink.counters()["jsonl.lost"])
        sink.event(step(2))
    assert [lines[0], lines[1][:10], lines[2]] == path.read_text().splitlines()


def test_a_pipe_that_nobody_reads_blocks_nobody(logs: list[dict[str, object]]) -> None:
    """More than it holds waits, bounded; the end does not wait for it, and says how many were not written."""
    reader, writer = os.pipe()
    fcntl(writer, F_SETPIPE_SZ, 4096)
    with open(writer, "w") as stream:
        with open(reader, "rb"):
            sink = JsonLines(stream, capacity=100)
            for seq in range(300):
                sink.event(step(seq))
            began_s = time.monotonic()
            sink.close()
            assert 1.0 > time.monotonic() - began_s
            assert [101] == [line["events"] for line in logs if line["event"] == "jsonl.unwritten"]
            assert 300 - 101 == _told_of(sink)
        until(lambda: _told_of(sink) == 300)


def _told_of(sink: JsonLines) -> int:
    """Lines whose fate is known."""
    return sum(int(str(count)) for count in sink.counters().values())


@pytest.fixture
def deserted() -> Iterator[JsonLines]:
    """Lines into a pipe whose reader has left."""
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as stream, closing(JsonLines(stream)) as sink:
        yield sink


def test_a_reader_that_left_does_not_end_the_daemon_while_a_broker_is_told(deserted: JsonLines) -> None:
    """Its lines are counted among the node's counters as lost."""
    kept = Kept()
    spine = pipeline({"fan": Scripted(*blocks((STRANGE, 400), (QUIET, 600)))}, deserted, kept)
    attach(deserted, spine, alone=False)
    spine.run()
    assert "end: quiet" == told(kept.events)[-1]
    assert {"jsonl.written": 0, "jsonl.lost": len(kept.events)} == spine.also()


def test_a_reader_that_left_ends_a_daemon_that_nobody_else_hears(deserted: JsonLines) -> None:
    """By a sentence and an exit code, so that its service is started anew."""
    spine = pipeline({"fan": Scripted(*blocks((STRANGE, 400)), threading.Event())}, deserted)
    attach(deserted, spine, alone=True)
    with pytest.raises(SinkError, match="closed by its reader"):
        spine.run()
