"""What goes out is valid JSON, what waits is bounded, and standard output gets lines."""

from __future__ import annotations

import dataclasses
import io
import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import SinkError
from monitor.records import Event
from monitor.sink import Sink
from monitor.sink.jsonl import JsonLines
from monitor.sink.latest import Latest
from monitor.sink.payload import json_text, payload
from monitor.sink.retained import Retained
from tests.events import EVENT, READING, step

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


def test_json_lines_writes_each_event_at_once_and_nothing_else() -> None:
    """Readings, statuses and statistics are left out."""
    stream = io.StringIO()
    sink: Sink = JsonLines(stream)
    sink.event(EVENT)
    sink.reading(READING)
    sink.status("fan", "online")
    sink.stats({"windows": 1})
    sink.event(step(1))
    sink.close()
    sink.close()
    assert [payload(EVENT), payload(step(1))] == stream.getvalue().splitlines()


def test_json_lines_takes_standard_output_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a stream the lines go where a shell can pipe them."""
    JsonLines().event(EVENT)
    assert payload(EVENT) + "\n" == capsys.readouterr().out


def test_a_closed_pipe_is_a_sink_error() -> None:
    """A reader that has gone is told in one sentence, and closing stays quiet."""
    reader, writer = os.pipe()
    os.close(reader)
    stream = io.TextIOWrapper(io.FileIO(writer, "w"), write_through=True)
    sink = JsonLines(stream)
    with pytest.raises(SinkError, match="closed by its reader"):
        sink.event(EVENT)
    sink.close()
    stream.close()
    with pytest.raises(SinkError, match="closed file"):
        sink.event(EVENT)


# What waits


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
