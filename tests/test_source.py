"""Sources: sound files of every kind and fault, and a microphone driven by a scripted PortAudio."""

import ctypes.util
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from structlog.testing import capture_logs

from monitor.errors import SourceError
from monitor.records import Block
from monitor.source import Source
from monitor.source.media import FileSource, Paced, probe, read, sound_files
from monitor.source.microphone import Device, Microphone, input_devices

DEADLINE_S = 10.0
RATE_HZ = 16000


def tone(seconds: float, *, rate_hz: int, hz: float = 440.0) -> NDArray[np.float32]:
    """A sine of half of full scale, `[n]`."""
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz)).astype(np.float32)


def written(path: Path, seconds: float = 1.0, *, rate_hz: int = RATE_HZ, hz: float = 440.0, **more: Any) -> Path:
    """A file with a tone."""
    soundfile.write(path, tone(seconds, rate_hz=rate_hz, hz=hz), rate_hz, **more)
    return path


def joined(source: Source) -> NDArray[np.float32]:
    """All items of a source, once its blocks prove to follow one another."""
    blocks = list(source.blocks())
    assert [0, *(b.end for b in blocks[:-1])] == [b.start for b in blocks]
    assert all(b.items.dtype == np.float32 and b.items.shape[1:] == source.item for b in blocks)
    return np.concatenate([b.items for b in blocks])


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
    assert (44100, 1, 66150, 1.5, False) == (info.rate_hz, info.channels, info.frames, info.seconds, info.truncated)


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
    assert (4000, 16000, True) == (info.frames, info.promised_frames, info.truncated)


def test_a_wav_from_a_pipe_promises_nothing(tmp_path: Path) -> None:
    """A size that was never filled in is no promise."""
    path = written(tmp_path / "a.wav", 1.0)
    header = path.read_bytes()
    path.write_bytes(header[:40] + b"\xff\xff\xff\xff" + header[44:])
    assert (16000, False) == (probe(path).frames, probe(path).truncated)


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
    assert b"set()\n" == subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=60).stdout


class PortAudioError(Exception):
    """What the library raises."""


class Card:
    """A scripted sound card behind a stand-in for the sounddevice module: the test plays what the driver would do."""

    def __init__(self, *, rates_hz: tuple[int, ...] = (16000, 48000), channels: int = 2) -> None:
        self.rates_hz = rates_hz
        self.info = {"name": "USB mic", "index": 3, "hostapi": 0, "max_input_channels": channels, "default_samplerate": 48000.0}
        self.streams: list[SimpleNamespace] = []

    def module(self) -> ModuleType:
        """The stand-in."""
        module = ModuleType("sounddevice")
        vars(module).update(
            PortAudioError=PortAudioError,
            InputStream=self.open,
            query_devices=self.query_devices,
            query_hostapis=lambda: [{"name": "ALSA"}],
        )
        return module

    def query_devices(self, device: str | None = None, kind: str | None = None) -> Any:
        """One input and one output; like the library, one record if a kind is asked for."""
        if kind is None:
            return [self.info, {**self.info, "name": "speaker", "index": 4, "max_input_channels": 0}]
        if device is not None and device.lower() not in "usb mic, alsa":
            raise ValueError(f"No input device matching {device!r}")
        return self.info

    def open(self, *, samplerate: int, **more: Any) -> SimpleNamespace:
        """A stream, if the rate suits the card."""
        if samplerate not in self.rates_hz:
            raise PortAudioError("Invalid sample rate [PaErrorCode -9997]")
        stream = SimpleNamespace(samplerate=samplerate, started=0, closed=0, **more)
        stream.start = lambda: setattr(stream, "started", stream.started + 1)
        stream.close = lambda: (setattr(stream, "closed", stream.closed + 1), stream.finished_callback())
        self.streams.append(stream)
        return stream

    def play(self, sound: NDArray[np.float32], *, overflow: bool = False) -> None:
        """One call of the driver: `[n]` on the last channel, the others at 9; the buffer is the driver's, and used again."""
        stream = self.streams[-1]
        data = np.full((len(sound), stream.channels), 9.0, np.float32)
        data[:, -1] = sound
        stream.callback(data, len(sound), None, SimpleNamespace(input_overflow=overflow))
        data[:] = -7.0


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Card:
    """A card that takes the asked rate."""
    card = Card()
    monkeypatch.setitem(sys.modules, "sounddevice", card.module())
    return card


def take(blocks: Iterator[Block], n: int) -> list[Block]:
    """The next `n` blocks."""
    return [next(blocks) for _ in range(n)]


def test_hears_the_chosen_channel(card: Card) -> None:
    """Blocks are copies of the chosen channel, one after another, at monotonic times."""
    microphone = Microphone("usb", channel=1, rate_hz=RATE_HZ)
    stream = card.streams[0]
    opened = (stream.device, stream.samplerate, stream.channels, stream.blocksize, stream.dtype, stream.latency, stream.started)
    assert (3, 16000, 2, 1600, "float32", "high", 1) == opened
    before_s = time.monotonic()
    sound = tone(0.3, rate_hz=RATE_HZ)
    for part in np.split(sound, 3):
        card.play(part)
    found = take(microphone.blocks(), 3)
    assert [0, 1600, 3200] == [b.start for b in found]
    assert sound.tolist() == np.concatenate([b.items for b in found])[:, 0].tolist()
    assert before_s <= found[0].time_s <= found[2].time_s <= time.monotonic()
    microphone.close()


def test_close_ends_the_blocks(card: Card) -> None:
    """Closing from another thread ends a reader that waits, and releases the device once."""
    microphone = Microphone(None, channel=0, rate_hz=RATE_HZ)
    found: list[Block] = []
    reader = threading.Thread(target=lambda: found.extend(microphone.blocks()))
    reader.start()
    microphone.close()
    microphone.close()
    reader.join(DEADLINE_S)
    assert not reader.is_alive()
    assert ([], 1) == (found, card.streams[0].closed)


def test_an_overflow_is_a_gap(card: Card) -> None:
    """When the system says that it dropped something, the index jumps."""
    microphone = Microphone(None, channel=0, rate_hz=RATE_HZ)
    for overflow in (False, False, True, False):
        card.play(np.zeros(1600, np.float32), overflow=overflow)
    assert [0, 1600, 3201, 4801] == [b.start for b in take(microphone.blocks(), 4)]
    microphone.close()


def test_what_is_not_read_in_time_is_a_gap_of_its_length(card: Card) -> None:
    """A reader that sleeps for longer than 5 s finds the first 5 s, and then a jump by exactly what it missed."""
    microphone = Microphone(None, channel=0, rate_hz=RATE_HZ)
    for _ in range(73):
        card.play(np.zeros(1600, np.float32))
    blocks = microphone.blocks()
    assert list(range(0, 80000, 1600)) == [b.start for b in take(blocks, 50)]
    card.play(np.zeros(1600, np.float32))
    assert 73 * 1600 == next(blocks).start
    microphone.close()


def test_resamples_from_the_cards_own_rate(card: Card) -> None:
    """A card that refuses the asked rate is opened at its own; sound, index and time are at the asked one."""
    card.rates_hz = (48000,)
    microphone = Microphone(None, channel=0, rate_hz=RATE_HZ)
    assert (48000, 4800) == (card.streams[0].samplerate, card.streams[0].blocksize)
    for part in np.split(tone(2.0, rate_hz=48000), 20):
        card.play(part)
    blocks = microphone.blocks()
    found = []
    while not found or found[-1].end < 31000:
        found.append(next(blocks))
    items = np.concatenate([b.items for b in found])[:, 0]
    assert [0, *(b.end for b in found[:-1])] == [b.start for b in found]
    assert 1e-3 > np.abs(items - tone(2.0, rate_hz=RATE_HZ)[: len(items)])[400:].max()
    # All was played at once: the last block ends as much earlier as the resampler still holds back.
    assert found[-1].time_s <= time.monotonic() - (32000 - found[-1].end) / RATE_HZ
    microphone.close()


def test_a_gap_survives_resampling(card: Card) -> None:
    """After a loss the resampled index jumps too, and goes on at the place of the sound."""
    card.rates_hz = (48000,)
    microphone = Microphone(None, channel=0, rate_hz=RATE_HZ)
    sound = tone(2.0, rate_hz=48000)
    for k, part in enumerate(np.split(sound, 20)):
        card.play(part, overflow=k == 10)
    blocks = microphone.blocks()
    found = []
    while not found or found[-1].end < 31000:
        found.append(next(blocks))
    jumps = [(a.end, b.start) for a, b in pairwise(found) if a.end != b.start]
    assert 1 == len(jumps)
    assert jumps[0][0] < jumps[0][1] == 16001
    after = np.concatenate([b.items for b in found if b.start >= 16001])[:, 0]
    assert 1e-3 > np.abs(after - tone(2.0, rate_hz=RATE_HZ)[16000 : 16000 + len(after)])[400:].max()
    microphone.close()


def test_refused_at_every_rate(card: Card) -> None:
    """A card that takes neither rate is named, with both rates and PortAudio's reason."""
    card.rates_hz = ()
    with pytest.raises(SourceError, match=r"default microphone: cannot be opened at 16000 Hz or at its own 48000 Hz: Invalid sample rate"):
        Microphone(None, channel=0, rate_hz=RATE_HZ)


def test_no_sound_for_a_while_is_an_error(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that calls no more, as a hung one does, ends the source."""
    monkeypatch.setattr("monitor.source.microphone._SILENCE_S", 0.02)
    microphone = Microphone("usb", channel=0, rate_hz=RATE_HZ)
    with pytest.raises(SourceError, match="microphone 'usb': no sound for"):
        next(microphone.blocks())
    microphone.close()


def test_an_unplugged_card_is_an_error(card: Card) -> None:
    """A stream that finishes by itself ends the source after what was heard before."""
    microphone = Microphone("usb", channel=0, rate_hz=RATE_HZ)
    card.play(np.zeros(1600, np.float32))
    card.streams[0].finished_callback()
    blocks = microphone.blocks()
    assert 1600 == next(blocks).end
    with pytest.raises(SourceError, match="microphone 'usb': stopped delivering sound"):
        next(blocks)
    microphone.close()


def test_refuses_sound_that_is_not_finite(card: Card) -> None:
    """A driver's nan goes no further."""
    microphone = Microphone("usb", channel=0, rate_hz=RATE_HZ)
    card.play(np.full(1600, np.nan, np.float32))
    with pytest.raises(SourceError, match="microphone 'usb': delivers values that are not finite, near sample 0"):
        next(microphone.blocks())
    microphone.close()


def test_names_the_devices_if_one_is_unknown(card: Card) -> None:
    """An unknown device is named beside those found."""
    with pytest.raises(SourceError) as caught:
        Microphone("webcam", channel=0, rate_hz=RATE_HZ)
    expected = "microphone 'webcam': expected one input device by this name, found 'USB mic, ALSA'; see `diffmon devices`"
    assert expected == str(caught.value)


def test_names_a_channel_that_is_not_there(card: Card) -> None:
    """A channel beyond the card's is refused."""
    with pytest.raises(SourceError, match=r"microphone 'usb': has 2 channels, channel 2 \(from 0\) was asked for"):
        Microphone("usb", channel=2, rate_hz=RATE_HZ)


def test_lists_input_devices(card: Card) -> None:
    """What can be listened to is listed, what only plays is not."""
    assert [Device(3, "USB mic", 2, 48000.0, "ALSA")] == input_devices()


def test_says_what_to_install_without_portaudio() -> None:
    """Without the system's PortAudio one sentence says how to get it."""
    code = """if True:
        import ctypes.util
        ctypes.util.find_library = lambda name: None
        from monitor.errors import SourceError
        from monitor.source.microphone import input_devices
        try:
            input_devices()
        except SourceError as error:
            print(error)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=60)
    assert b"PortAudio is not installed: apt-get install libportaudio2\n" == done.stdout


@pytest.mark.skipif(ctypes.util.find_library("portaudio") is None, reason="PortAudio is not installed")
def test_real_portaudio_without_a_card() -> None:
    """The real library on a machine without a sound card leads to one clear sentence."""
    if input_devices():
        pytest.skip("this machine has a sound card")
    with pytest.raises(SourceError, match="default microphone: expected an input device, found none; see `diffmon devices`"):
        Microphone(None, channel=0, rate_hz=RATE_HZ)


def test_sources_are_sources(card: Card, tmp_path: Path) -> None:
    """Every source knows its rate and item, counts from 0, and can be closed before it is read, twice."""
    files = FileSource([written(tmp_path / "a.wav")], rate_hz=RATE_HZ)
    sources: list[Source] = [files, Paced(files), Microphone(None, channel=0, rate_hz=RATE_HZ)]
    for source in sources:
        assert (RATE_HZ, (1,)) == (source.rate_hz, source.item)
        source.close()
        source.close()
        assert [] == list(source.blocks())
