"""Standard input as a source: raw PCM through a real pipe, alone, in its process, and in the daemon."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from monitor.config import StdinConfig, parse
from monitor.errors import ConfigError, SourceError
from monitor.live import heard
from monitor.records import Block
from monitor.source.stdin import StandardInput
from tests import command
from tests.broker import until
from tests.scripted import PATIENCE_S
from tests.sounds import RATE_HZ, joined, tone

FORMS: dict[str, Callable[[NDArray[np.float64]], bytes]] = {
    "s16le": lambda x: np.rint(x * 2**15).astype("<i2").tobytes(),
    "s24le": lambda x: np.rint(x * 2**23).astype("<i4")[..., None].view(np.uint8)[..., :3].tobytes(),
    "s32le": lambda x: np.rint(x * 2**31).astype("<i4").tobytes(),
    "f32le": lambda x: x.astype("<f4").tobytes(),
}


class Pipe:
    """A pipe, whose end may be closed at any time."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()

    def write(self, data: bytes) -> None:
        """Puts all of it in, which must fit."""
        assert len(data) == os.write(self.writing, data)

    def close(self) -> None:
        """Ends the input; may be called twice."""
        with suppress(OSError):
            os.close(self.writing)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """A pipe for one test."""
    pipe = Pipe()
    yield pipe
    pipe.close()
    os.close(pipe.reading)


def mono(pipe: Pipe, form: str = "s16le", *, from_hz: int = RATE_HZ) -> StandardInput:
    """A source of one channel."""
    return StandardInput(pipe.reading, rate_hz=RATE_HZ, from_hz=from_hz, channels=1, channel=0, form=form)


@pytest.mark.parametrize(("form", "error"), [("s16le", 2**-15), ("s24le", 2**-23), ("s32le", 2**-24), ("f32le", 2**-24)])
def test_every_form_gives_the_samples_of_the_chosen_channel(pipe: Pipe, form: str, error: float) -> None:
    """To its precision, both signs, to the last whole frame before the end of input."""
    sound = np.random.default_rng(0).uniform(-0.999, 0.999, (1700, 3))
    pipe.write(FORMS[form](sound) + b"\x01")
    pipe.close()
    with closing(StandardInput(pipe.reading, rate_hz=RATE_HZ, from_hz=RATE_HZ, channels=3, channel=1, form=form)) as source:
        assert sound[:, 1] == pytest.approx(joined(source)[:, 0], abs=error)


def test_comes_at_the_asked_rate(pipe: Pipe) -> None:
    """A tone keeps its pitch."""
    pipe.write(FORMS["s16le"](tone(0.5, rate_hz=48_000).astype(float)))
    pipe.close()
    with closing(mono(pipe, from_hz=48_000)) as source:
        items = joined(source)[:, 0]
    assert 0.45 * RATE_HZ < len(items) <= 0.5 * RATE_HZ
    assert tone(0.5, rate_hz=RATE_HZ)[400 : len(items) - 400] == pytest.approx(items[400:-400], abs=1e-3)


def test_a_recording_is_taken_no_faster_than_it_plays(pipe: Pipe) -> None:
    """What is piped in at once is heard as if it were live."""
    pipe.write(FORMS["s16le"](np.zeros(16_000)))
    pipe.close()
    began_s = time.monotonic()
    with closing(mono(pipe)) as source:
        assert 16_000 == len(joined(source))
    assert 0.85 < time.monotonic() - began_s


@pytest.mark.parametrize("data", [b"", b"\x01"])
def test_an_input_without_a_sample_is_an_error(pipe: Pipe, data: bytes) -> None:
    """Nothing is piped in: the daemon does not end as if all were well."""
    pipe.write(data)
    pipe.close()
    with closing(mono(pipe)) as source, pytest.raises(SourceError, match=r"^standard input: ended before a sample came, expected raw PCM"):
        list(source.blocks())


def test_a_terminal_is_no_input() -> None:
    """Nobody types PCM."""
    first, second = os.openpty()
    try:
        with pytest.raises(SourceError, match="standard input: is a terminal"):
            StandardInput(second, rate_hz=RATE_HZ, from_hz=RATE_HZ, channels=1, channel=0, form="s16le")
    finally:
        os.close(first)
        os.close(second)


def test_what_is_not_finite_is_a_gap(pipe: Pipe) -> None:
    """A block of it is left out; after a second of it there are blocks without items, so that the source counts as alive."""
    sound = np.zeros(20 * 200)
    sound[300], sound[1000:3000] = np.nan, np.inf
    pipe.write(FORMS["f32le"](sound))
    pipe.close()
    with closing(StandardInput(pipe.reading, rate_hz=2000, from_hz=2000, channels=1, channel=0, form="f32le")) as source:
        heard = [(b.start, len(b.items)) for b in source.blocks()]
    assert [(0, 200), *((i, 200) for i in (400, 600, 800)), (3000, 0), *((i, 200) for i in range(3000, 4000, 200))] == heard


def test_a_program_that_pauses_is_alive_without_a_signal(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """What came is delivered, then blocks without items; a long pause is a gap of its length."""
    monkeypatch.setattr("monitor.source.stdin._IDLE_S", 0.05)
    monkeypatch.setattr("monitor.source.stdin._PAUSE_S", 0.3)
    monkeypatch.setattr("monitor.source.stdin._POLL_S", 0.02)
    with closing(mono(pipe)) as source:
        blocks = source.blocks()
        began_s = time.monotonic()
        pipe.write(FORMS["s16le"](np.zeros(100)))
        assert (0, 100) == (lambda b: (b.start, len(b.items)))(next(blocks))
        assert [(100, 0)] * 10 == [(b.start, len(b.items)) for b in islice(blocks, 10)]
        pipe.write(FORMS["s16le"](np.zeros(1600)))
        after = next(b for b in blocks if len(b.items))
        took_s = time.monotonic() - began_s
    assert 1600 == len(after.items)
    assert 0.5 * RATE_HZ <= after.start - 100 <= took_s * RATE_HZ


def test_closing_ends_a_source_that_waits(pipe: Pipe) -> None:
    """From another thread, and twice."""
    source = mono(pipe)
    got: list[Block] = []
    reading = threading.Thread(target=lambda: got.extend(source.blocks()))
    reading.start()
    source.close()
    source.close()
    reading.join(PATIENCE_S)
    assert not reading.is_alive()


@pytest.fixture
def as_stdin(pipe: Pipe) -> Iterator[Pipe]:
    """A pipe in place of this process's standard input."""
    before = os.dup(0)
    os.dup2(pipe.reading, 0)
    yield pipe
    os.dup2(before, 0)
    os.close(before)


def test_its_process_delivers_it_to_the_end(as_stdin: Pipe) -> None:
    """Every sample, and then no error; the process is gone."""
    sound = tone(0.5, rate_hz=RATE_HZ)
    as_stdin.write(FORMS["f32le"](sound.astype(float)))
    as_stdin.close()
    config = StdinConfig(type="stdin", rate_hz=RATE_HZ, format="f32le")
    with closing(heard(config, RATE_HZ)) as source:
        assert sound.tolist() == joined(source)[:, 0].tolist()


def test_closing_ends_its_process_while_it_waits(as_stdin: Pipe) -> None:
    """Without an error, while the input is still open."""
    source = heard(StdinConfig(type="stdin", rate_hz=RATE_HZ), RATE_HZ)
    got: list[Block] = []
    reading = threading.Thread(target=lambda: got.extend(source.blocks()))
    reading.start()
    as_stdin.write(FORMS["s16le"](np.zeros(1600)))
    until(lambda: bool(got), timeout_s=PATIENCE_S)
    source.close()
    reading.join(PATIENCE_S)
    assert not reading.is_alive()


def configured(folder: Path, model: Path | str) -> Path:
    """A configuration of one stream from standard input."""
    path = folder / "diffmon.toml"
    path.write_text(f'[[stream]]\nname = "radio"\nmodel = "{model}"\nsource = {{ type = "stdin", rate_hz = {RATE_HZ} }}\n')
    return path


def test_record_keeps_what_is_piped_in(as_stdin: Pipe, tmp_path: Path) -> None:
    """All of it, also if it ends before the time that was asked for."""
    sound = tone(1.0, rate_hz=RATE_HZ)
    as_stdin.write(FORMS["s16le"](sound.astype(float)))
    as_stdin.close()
    out = tmp_path / "normal"
    config = configured(tmp_path, "not-yet.safetensors")
    done = command.diffmon("record", "radio", "--config", config, "--for", "1h", "--out", out, "--json")
    assert 0 == done.exit_code, done.stderr
    assert (1.0, 0.0) == (lambda told: (told["seconds"], told["lost_s"]))(json.loads(done.stdout))
    [path] = out.iterdir()
    assert sound == pytest.approx(soundfile.read(path)[0], abs=1e-4)


def test_an_input_without_a_sample_is_no_recording(as_stdin: Pipe, tmp_path: Path) -> None:
    """An error, no segment, and no folder that was not there."""
    as_stdin.close()
    config = configured(tmp_path, "not-yet.safetensors")
    done = command.diffmon("record", "radio", "--config", config, "--for", "1h", "--out", tmp_path / "normal")
    assert 1 == done.exit_code
    assert "standard input: ended before a sample came" in done.stderr
    assert not (tmp_path / "normal").exists()


def test_the_daemon_ends_well_when_the_input_does(tmp_path: Path, model: Path) -> None:
    """It goes online, and its exit code is 0; `check` needs no input."""
    config = configured(tmp_path, model)
    sound = FORMS["s16le"](0.1 * np.random.default_rng(0).standard_normal(3 * RATE_HZ))
    program = [sys.executable, "-m", "monitor.cli", "run", "--config", str(config)]
    done = subprocess.run(program, input=sound, capture_output=True, timeout=120, check=False)
    assert 0 == done.returncode, done.stderr
    assert b"online" in done.stderr
    assert 0 == command.diffmon("check", "--config", config).exit_code


STREAM = {"name": "radio", "model": "radio.model"}


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ([{}], "stream[0].source.rate_hz: missing"),
        ([{"rate_hz": 10}], "stream[0].source.rate_hz: 10: input should be greater than or equal to 1000"),
        ([{"rate_hz": 8000, "channel": 2, "channels": 2}], "stream[0].source: channel 2 (from 0) is not one of 2 channels"),
        ([{"rate_hz": 8000, "format": "mp3"}], "stream[0].source.format: 'mp3': input should be 's16le', 's24le', 's32le' or 'f32le'"),
        ([{"rate_hz": 8000}, {"rate_hz": 8000}], "stream[1].source.type: 'stdin' is taken by stream[0]"),
    ],
)
def test_a_configuration_that_is_wrong_is_refused(sources: list[dict[str, object]], expected: str) -> None:
    """By key, value and what was expected; one stream alone reads standard input."""
    streams = [{**STREAM, "name": f"radio-{i}", "source": {"type": "stdin", **source}} for i, source in enumerate(sources)]
    with pytest.raises(ConfigError) as caught:
        parse({"stream": streams}, name="a.toml", folder=Path("/etc"))
    assert f"a.toml: {expected}" == str(caught.value)
