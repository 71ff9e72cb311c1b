"""Sound files as a source: every kind, and every fault."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from structlog.testing import capture_logs

from monitor.errors import SourceError
from monitor.records import Block
from monitor.source.media import FileSource, Paced, probe, read, sound_files
from tests.sounds import RATE_HZ, joined, tone, written

DEADLINE_S = 60.0


@pytest.mark.parametrize("rate_hz", [8000, 11025, 16000, 22050, 44100, 48000, 96000])
def test_resamples_to_the_asked_rate(tmp_path: Path, rate_hz: int) -> None:
    """A tone keeps its length, pitch and phase from any rate."""
    items = joined(FileSource([written(tmp_path / "a.wav", 2.0, rate_hz=rate_hz)], rate_hz=RATE_HZ))
    assert 32000 == len(items)
    error = items[:, 0] - tone(2.0, rate_hz=RATE_HZ)
    assert 1e-3 > np.abs(error[400:-400]).max()


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("a.wav", {"subtype": "PCM_16"}),
        ("a.wav", {"subtype": "PCM_24"}),
        ("a.wav", {"subtype": "FLOAT"}),
        ("a.flac", {}),
        ("a.ogg", {}),
        ("a.opus", {"format": "OGG", "subtype": "OPUS"}),
        ("a.mp3", {}),
        ("a.rf64", {}),
        ("a.w64", {}),
        ("a.aiff", {}),
    ],
)
def test_reads_every_format(tmp_path: Path, name: str, more: dict[str, Any]) -> None:
    """Every format is found in a folder, and gives the tone that was written, whole and without a warning."""
    written(tmp_path / name, 2.0, rate_hz=48000, **more)
    with capture_logs() as logs:
        items = joined(FileSource(sound_files([tmp_path]), rate_hz=RATE_HZ))
    assert [] == logs
    assert 32000 == len(items)
    error = items[:, 0] - tone(2.0, rate_hz=RATE_HZ)
    assert 0.02 > np.abs(error[400:-400]).max()


def test_mixes_channels_to_their_mean(tmp_path: Path) -> None:
    """Mono is the mean of the channels, unclipped, at every sample."""
    stereo = np.stack([np.full(4000, 1.5), np.full(4000, 0.5)], axis=1)
    soundfile.write(tmp_path / "a.wav", stereo, RATE_HZ, subtype="FLOAT")
    assert {1.0} == set(joined(FileSource([tmp_path / "a.wav"], rate_hz=RATE_HZ))[:, 0].tolist())


def test_plays_files_on_one_index(tmp_path: Path) -> None:
    """Files follow one another without a gap, each to its last sample, whatever its rate; time is the place in the sound."""
    paths = [written(tmp_path / "a.wav", 0.33, rate_hz=44100), written(tmp_path / "b.flac", 0.25)]
    assert round(0.33 * RATE_HZ) + 4000 == len(joined(FileSource(paths, rate_hz=RATE_HZ)))
    assert all(b.end / RATE_HZ == b.time_s for b in FileSource(paths, rate_hz=RATE_HZ).blocks())


def test_loops_until_closed(tmp_path: Path) -> None:
    """A looped source goes on after its last file, and ends once closed, twice even."""
    source = FileSource([written(tmp_path / "a.wav", 0.2)], rate_hz=RATE_HZ, loop=True)
    ends = []
    for block in source.blocks():
        ends.append(block.end)
        if block.end >= 16000:
            source.close()
            source.close()
    assert list(range(1600, 16001, 1600)) == ends


def test_paced_blocks_come_when_they_are_due(tmp_path: Path) -> None:
    """By the clock no block comes before its last item's time, which is also the time it bears."""
    source = Paced(FileSource([written(tmp_path / "a.wav", 0.3)], rate_hz=RATE_HZ))
    began_s = time.monotonic()
    came = [(block, time.monotonic()) for block in source.blocks()]
    assert [1600, 3200, 4800] == [b.end for b, _ in came]
    assert all(began_s + b.end / RATE_HZ <= b.time_s <= at_s for b, at_s in came)
    assert [0.1, 0.1] == pytest.approx(np.diff([b.time_s for b, _ in came]).tolist())


def test_close_ends_a_wait(tmp_path: Path) -> None:
    """A paced source that waits for a block far ahead ends as soon as it is closed."""

    class Slow:
        rate_hz = 0.001
        item = (1,)
        dtype = "float32"

        def blocks(self) -> Iterator[Block]:
            yield Block(0, np.zeros((1, 1), np.float32), 0.0)

        def close(self) -> None: ...

    source = Paced(Slow())
    found: list[Block] = []
    reader = threading.Thread(target=lambda: found.extend(source.blocks()))
    reader.start()
    source.close()
    source.close()
    reader.join(DEADLINE_S)
    assert not reader.is_alive()
    assert [] == found


@pytest.mark.parametrize("rate_hz", [16000, 44100, 48000, 22051])
def test_a_stretch_equals_the_same_part_of_the_whole(tmp_path: Path, rate_hz: int) -> None:
    """Reading from the middle gives what reading everything gives there."""
    noise = np.random.default_rng(0).normal(0, 0.2, 4 * rate_hz).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", noise, rate_hz, subtype="FLOAT")
    whole = read(tmp_path / "a.wav", rate_hz=RATE_HZ)
    assert (64000, 1) == whole.shape
    for start_s, seconds in ((0.0, 1.0), (1.2345, 0.5), (3.7, 0.3), (2.0, None), (3.9, 5.0)):
        first = round(start_s * RATE_HZ)
        expected = whole[first:] if seconds is None else whole[first : first + round(seconds * RATE_HZ)]
        stretch = read(tmp_path / "a.wav", rate_hz=RATE_HZ, start_s=start_s, seconds=seconds)
        assert len(expected) == len(stretch)
        assert 2e-3 > np.abs(expected - stretch).max()


@pytest.mark.parametrize("name", ["a.flac", "a.ogg", "a.mp3"])
def test_a_stretch_of_a_compressed_file_equals_the_whole(tmp_path: Path, name: str) -> None:
    """A decoder that starts in the middle has found its bits again before the stretch begins."""
    path = written(tmp_path / name, 3.0, rate_hz=48000)
    whole = read(path, rate_hz=RATE_HZ)
    for start_s in (0.1, 1.0, 1.7):
        first = round(start_s * RATE_HZ)
        stretch = read(path, rate_hz=RATE_HZ, start_s=start_s, seconds=1.0)
        assert 1e-3 > np.abs(whole[first : first + 16000] - stretch).max()


def test_a_stretch_beyond_the_end_is_empty(tmp_path: Path) -> None:
    """Nothing is there after the end, and that is no error."""
    assert (0, 1) == read(written(tmp_path / "a.wav"), rate_hz=RATE_HZ, start_s=7.0, seconds=1.0).shape


def test_probe_tells_what_a_file_holds(tmp_path: Path) -> None:
    """Rate, channels and length are the file's own."""
    info = probe(written(tmp_path / "a.flac", 1.5, rate_hz=44100))
    assert (44100, 1, 66150, 66150, 1.5) == (info.rate_hz, info.channels, info.frames, info.promised_frames, info.seconds)


def no_file(path: Path) -> None:
    """Leaves nothing."""


def png(path: Path) -> None:
    """The beginning of a picture."""
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(500))


def header_alone(path: Path) -> None:
    """A sound file without sound."""
    soundfile.write(path, np.zeros((0, 1)), RATE_HZ)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (no_file, "no such file"),
        (Path.mkdir, "is a folder, expected a sound file"),
        (Path.touch, "is empty, expected a sound file"),
        (lambda p: p.write_text("hello\n" * 99), "is not a sound file that can be read, expected WAV, FLAC, OGG or MP3"),
        (png, "is not a sound file that can be read, expected WAV, FLAC, OGG or MP3"),
        (header_alone, "holds no samples, expected sound"),
    ],
)
def test_says_what_is_wrong_with_a_file(tmp_path: Path, make: Callable[[Path], object], message: str) -> None:
    """What cannot be read is named with the reason, by every way in."""
    path = tmp_path / "x.wav"
    make(path)
    ways: list[Callable[[], object]] = [
        lambda: probe(path),
        lambda: read(path, rate_hz=RATE_HZ),
        lambda: list(FileSource([path], rate_hz=RATE_HZ).blocks()),
    ]
    for way in ways:
        with pytest.raises(SourceError) as caught:
            way()
        assert f"{path}: {message}" == str(caught.value)


def test_raw_samples_are_no_sound_file(tmp_path: Path) -> None:
    """A file of bare samples, which do not say their rate, is refused like any other that is no sound."""
    (tmp_path / "x.raw").write_bytes(bytes(1000))
    with pytest.raises(SourceError, match="is not a sound file"):
        probe(tmp_path / "x.raw")


@pytest.mark.parametrize(("value", "word"), [(np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf")])
def test_refuses_samples_that_are_not_finite(tmp_path: Path, value: float, word: str) -> None:
    """A sample that is no number is named by its place."""
    samples = np.zeros((16000, 2))
    samples[12345, 1] = value
    soundfile.write(tmp_path / "x.wav", samples, RATE_HZ, subtype="FLOAT")
    with pytest.raises(SourceError, match=rf"x\.wav: sample 12345 \(0\.77 s\) is {word}, expected finite samples"):
        joined(FileSource([tmp_path / "x.wav"], rate_hz=RATE_HZ))


@pytest.mark.parametrize(("name", "more"), [("a.wav", {}), ("a.rf64", {}), ("a.flac", {}), ("a.mp3", {})])
def test_uses_and_tells_what_is_left_of_a_cut_file(tmp_path: Path, name: str, more: dict[str, Any]) -> None:
    """Of a file cut in half the first half is used, and a warning says how much was promised and found."""
    path = written(tmp_path / name, 3.0, rate_hz=48000, **more)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with capture_logs() as logs:
        items = joined(FileSource([path], rate_hz=RATE_HZ))
    assert 1.5 == pytest.approx(len(items) / RATE_HZ, abs=0.15)
    assert [("source.truncated", str(path), 3.0)] == [(e["event"], e["path"], e["promised_s"]) for e in logs]
    assert logs[0]["found_s"] == pytest.approx(len(items) / RATE_HZ, abs=0.001)


def test_probe_sees_a_cut_wav(tmp_path: Path) -> None:
    """A WAV whose data is shorter than its header says is known to be cut before it is read."""
    path = written(tmp_path / "a.wav", 1.0)
    path.write_bytes(path.read_bytes()[: 44 + 2 * 4000])
    info = probe(path)
    assert (4000, 16000) == (info.frames, info.promised_frames)


def test_a_wav_from_a_pipe_promises_nothing(tmp_path: Path) -> None:
    """A size that was never filled in is no promise."""
    path = written(tmp_path / "a.wav", 1.0)
    header = path.read_bytes()
    path.write_bytes(header[:40] + b"\xff\xff\xff\xff" + header[44:])
    assert (16000, 16000) == (probe(path).frames, probe(path).promised_frames)


def test_a_flac_from_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    """A FLAC that does not say its length is measured, and every sample of it read, without a warning."""
    path = written(tmp_path / "a.flac", 1.23)
    data = bytearray(path.read_bytes())
    # STREAMINFO: the last 36 bits before the checksum are the number of samples, 0 for unknown.
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    path.write_bytes(data)
    with capture_logs() as logs:
        assert 19680 == probe(path).frames == len(read(path, rate_hz=RATE_HZ)) == len(joined(FileSource([path], rate_hz=RATE_HZ)))
    assert [] == logs


def test_finds_sound_files_at_any_depth(tmp_path: Path) -> None:
    """Folders are searched through, sorted, without what is hidden or no sound; a file given by name is taken as it is."""
    names = ["b.wav", "a/z.FLAC", "a/b/c.mp3", ".hidden.wav", ".cache/x.wav", "notes.txt"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    odd = tmp_path / "notes.txt"
    expected = [odd, *(tmp_path / n for n in ("a/b/c.mp3", "a/z.FLAC", "b.wav"))]
    assert expected == sound_files([odd, tmp_path])


def test_says_which_path_has_no_sound(tmp_path: Path) -> None:
    """A missing path and a folder without sound are named."""
    with pytest.raises(SourceError, match=r"gone: no such file or folder"):
        sound_files([tmp_path / "gone"])
    with pytest.raises(SourceError, match=r"no sound file in this folder, expected one of \.aif"):
        sound_files([tmp_path])


def test_importing_sources_loads_no_sound_library() -> None:
    """The libraries behind a source are loaded when one is opened, not before."""
    code = "import sys, monitor.source.media, monitor.source.microphone; print({'soundfile', 'soxr', 'sounddevice'} & set(sys.modules))"
    assert b"set()\n" == subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=120).stdout
