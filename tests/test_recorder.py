"""`record`: normal on disk, whole segments without gaps, that go on where they stopped."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import DiffmonError, SourceError
from monitor.flac import Sound
from monitor.recorder import Segments, found_s, pour, record
from monitor.records import Block
from monitor.ring import Ring
from monitor.segment import SegmentKind
from monitor.source.sound import SoundFiles
from tests.broker import until
from tests.command import diffmon, names
from tests.disk import no_room
from tests.sounds import RATE_HZ, tone, written

SLOW_HZ = 1000
"""A rate at which a segment of a minute is small."""
SOUND = SoundFiles(SLOW_HZ)
FLAC = SegmentKind(".flac", lambda path, rate_hz: Sound(path, round(rate_hz)))
EPOCH = 1767323045.678


def ramp(start: int, count: int) -> np.ndarray:
    """Items that tell their index, exactly in 24 bits."""
    return (np.arange(start, start + count, dtype=np.float32) / 2**20)[:, None]


def read(path: Path) -> list[int]:
    """The indices that a segment holds."""
    samples, _ = soundfile.read(path, dtype="float32")
    return np.rint(samples * 2**20).astype(int).tolist()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 90_000)), min_size=1, max_size=4))
def test_all_that_was_heard_is_in_segments_without_a_gap(runs: list[tuple[int, int]]) -> None:
    """Of runs (lost before, items): each segment is a stretch without a gap of at most a minute, and together they are all there was."""
    ring, heard, at = Ring(500_000, item=(1,), rate_hz=SLOW_HZ), [], 0
    for lost, count in runs:
        at += lost
        ring.write(Block(at, ramp(at, count), at / SLOW_HZ))
        heard += range(at, at + count)
        at += count
    ring.finish()
    with tempfile.TemporaryDirectory() as folder:
        segments = Segments(Path(folder), "fan", FLAC, rate_hz=SLOW_HZ)
        [*_, lost] = pour(ring, segments, 10**9, lambda: False)
        segments.close()
        parts = sorted((read(path) for path in Path(folder).glob("fan-*.flac")), key=lambda part: part[0])
        assert segments.count == len(parts) == len(names(Path(folder)))
    assert sum(lost for lost, _ in runs) == lost
    assert all(part == list(range(part[0], part[-1] + 1)) and len(part) <= 60 * SLOW_HZ for part in parts)
    # What is shorter than a tenth of a second is left out.
    together = {index for part in parts for index in part}
    assert together <= set(heard)
    assert len(heard) - len(together) < 2 * len(runs) * SLOW_HZ / 10


def test_no_more_is_taken_than_was_asked_for(tmp_path: Path) -> None:
    """To the item."""
    ring = Ring(10_000, item=(1,), rate_hz=SLOW_HZ)
    ring.write(Block(0, ramp(0, 5000), 5.0))
    segments = Segments(tmp_path, "fan", FLAC, rate_hz=SLOW_HZ)
    list(pour(ring, segments, 1234, lambda: False))
    segments.close()
    [path] = tmp_path.iterdir()
    assert list(range(1234)) == read(path)
    assert 1.234 == found_s(tmp_path, "fan", FLAC, SOUND)


def test_another_stream_with_a_like_name_does_not_count(tmp_path: Path) -> None:
    """`fan-2` is not `fan`."""
    other = Segments(tmp_path, "fan-2", FLAC, rate_hz=SLOW_HZ)
    other.write(ramp(0, 5000), EPOCH)
    other.close()
    assert (0.0, 5.0) == (found_s(tmp_path, "fan", FLAC, SOUND), found_s(tmp_path, "fan-2", FLAC, SOUND))


def test_a_segment_is_named_after_the_time_at_which_it_begins(tmp_path: Path) -> None:
    """In UTC, to the millisecond, so that names sort as time goes."""
    segments = Segments(tmp_path, "fan", FLAC, rate_hz=SLOW_HZ)
    segments.write(ramp(0, 61_000), EPOCH)
    segments.close()
    assert ["fan-20260102T030405.678Z.flac", "fan-20260102T030505.678Z.flac"] == names(tmp_path)


def test_a_full_disk_ends_it_and_leaves_whole_segments_alone(tmp_path: Path) -> None:
    """The message names the folder; what was finished stays, and nothing half-written does."""
    noise = np.random.default_rng(0).uniform(-1, 1, (60_000, 1)).astype(np.float32)
    segments = Segments(tmp_path, "fan", FLAC, rate_hz=SLOW_HZ)
    segments.write(noise, EPOCH)
    with no_room(50_000), pytest.raises(DiffmonError, match=r"cannot be written: .*the segments before it are whole"):
        segments.write(noise, EPOCH + 60)
    segments.close()
    assert ["fan-20260102T030405.678Z.flac"] == names(tmp_path)


def configured(folder: Path, wav: Path) -> Path:
    """A configuration whose stream plays a file, and whose model does not exist yet."""
    path = folder / "diffmon.toml"
    path.write_text(f'[[stream]]\nname = "fan"\nmodel = "not-yet.safetensors"\nsource = {{ type = "file", paths = ["{wav}"] }}\n')
    return path


def test_what_is_recorded_is_what_was_heard_and_a_second_run_goes_on(tmp_path: Path) -> None:
    """Two seconds of a file, then one more; together three, each as it was played; a third run has nothing left to do."""
    config, out = configured(tmp_path, written(tmp_path / "tone.wav", 2.0)), tmp_path / "new" / "normal"
    first = diffmon("record", "fan", "--config", config, "--for", "3s", "--out", out)
    assert (0, "") == (first.exit_code, first.stderr)
    assert [f"{out}: 2 s of fan, 1 segments written now, 0 s lost between them", "3 s were asked for: the same command again goes on"] == (
        first.stdout.splitlines()
    )
    second = diffmon("record", "fan", "--config", config, "--for", "3s", "--out", out, "--json")
    assert {"folder": str(out), "stream": "fan", "seconds": 3.0, "wanted_s": 3.0, "segments": 1, "lost_s": 0.0} == json.loads(second.stdout)
    assert 0 == json.loads(diffmon("record", "fan", "--config", config, "--for", "3s", "--out", out, "--json").stdout)["segments"]
    for path in sorted(out.iterdir()):
        samples, rate_hz = soundfile.read(path, dtype="float32")
        assert RATE_HZ == rate_hz
        assert tone(2.0, rate_hz=RATE_HZ)[: len(samples)] == pytest.approx(samples, abs=1e-4)
        assert abs(datetime.fromisoformat(path.stem.removeprefix("fan-")).timestamp() - path.stat().st_mtime) < 30


def test_a_folder_of_recordings_is_not_recorded(tmp_path: Path) -> None:
    """It is said before anything begins, as a wrong configuration."""
    config = tmp_path / "diffmon.toml"
    config.write_text('[[stream]]\nname = "yard"\nmodel = "m"\nsource = { type = "folder", path = "." }\n')
    done = diffmon("record", "yard", "--config", config, "--for", "3s", "--out", tmp_path / "normal")
    sentence = f"diffmon: {config}: stream 'yard' is a folder of recordings already, expected one that is heard as it plays\n"
    assert (78, "", sentence) == (done.exit_code, done.stdout, done.stderr)
    assert ["diffmon.toml"] == names(tmp_path)


def test_a_fault_of_ours_is_not_taken_for_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ends the reader ends the recording with it."""
    config = configured(tmp_path, written(tmp_path / "tone.wav", 1.0))
    monkeypatch.setattr("monitor.feed.source", lambda stream, sense: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        list(record(config, "fan", 3.0, tmp_path / "normal"))


def test_a_microphone_that_is_not_there_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tried again while there is time to hear something; after that it is said why there was nothing."""
    tries = []

    def gone(*_: object) -> None:
        tries.append(1)
        raise SourceError("microphone 'none such': expected one of none, found none")

    monkeypatch.setattr("monitor.feed.source", gone)
    monkeypatch.setattr("monitor.reader._FIRST_S", 0.01)
    config = tmp_path / "diffmon.toml"
    config.write_text('[[stream]]\nname = "fan"\nmodel = "m"\nsource = { type = "microphone", device = "none such" }\n')
    done = diffmon("record", "fan", "--config", config, "--for", "300ms", "--out", tmp_path / "new" / "normal")
    sentence = "diffmon: microphone 'none such': expected one of none, found none; nothing of fan was heard in 0.3 s\n"
    assert (1, "", sentence) == (done.exit_code, done.stdout, done.stderr.splitlines(keepends=True)[-1])
    assert len(tries) > 1
    assert ["diffmon.toml"] == names(tmp_path)


def test_a_folder_that_was_there_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though nothing was recorded into it; only what was made for the recording is taken away again."""

    def gone(*_: object) -> None:
        raise SourceError("microphone 'none such': not found")

    monkeypatch.setattr("monitor.feed.source", gone)
    config = tmp_path / "diffmon.toml"
    config.write_text('[[stream]]\nname = "fan"\nmodel = "m"\nsource = { type = "microphone" }\n')
    (tmp_path / "mine").mkdir()
    done = diffmon("record", "fan", "--config", config, "--for", "100ms", "--out", tmp_path / "mine" / "new" / "normal")
    assert (1, ["diffmon.toml", "mine"]) == (done.exit_code, names(tmp_path))


def test_an_interrupt_keeps_what_was_heard(tmp_path: Path) -> None:
    """Ctrl-C ends it in good order: the segment so far is whole, and how to go on is said."""
    config, out = configured(tmp_path, written(tmp_path / "tone.wav", 60.0)), tmp_path / "normal"
    command = [sys.executable, "-m", "monitor.cli", "record", "fan", "--config", config, "--for", "1h", "--out", out]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        until(lambda: [*out.glob(".fan-*.flac.part")], timeout_s=60)
        process.send_signal(signal.SIGINT)
        told, _ = process.communicate(timeout=60)
    assert 0 == process.returncode
    assert "the same command again goes on" in told
    [path] = out.iterdir()
    assert path.stem.startswith("fan-")
    assert 0.1 <= soundfile.info(path).duration < 60


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["pump", "--for", "3s"], 78, "no stream 'pump', expected one of fan"),
        (["fan", "--for", "0s"], 2, "expected more than 0"),
        (["fan", "--for", "soon"], 2, "is not a duration"),
        (["fan", "--for", "3s", "--out", "tone.wav/x"], 1, "cannot be made: Not a directory"),
    ],
)
def test_what_cannot_be_recorded_is_told(arguments: list[str], code: int, message: str, tmp_path: Path) -> None:
    """A sentence and an exit code, and no folder."""
    config = configured(tmp_path, written(tmp_path / "tone.wav", 1.0))
    out = ["--out", str(tmp_path / "normal")] if "--out" not in arguments else []
    arguments = [str(tmp_path / a) if a.startswith("tone") else a for a in arguments]
    done = diffmon("record", *arguments, "--config", config, *out)
    assert (code, "") == (done.exit_code, done.stdout)
    assert message in done.stderr
    assert ["diffmon.toml", "tone.wav"] == names(tmp_path)
