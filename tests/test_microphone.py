"""The microphone, driven by a scripted PortAudio, and PortAudio itself without a card."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from monitor.errors import SourceError
from monitor.records import Block
from monitor.source import Source
from monitor.source.media import FileSource, Paced
from monitor.source.microphone import Device, Microphone, input_devices
from tests.sounds import RATE_HZ, tone, written

DEADLINE_S = 60.0


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
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=120)
    assert b"PortAudio is not installed: apt-get install libportaudio2\n" == done.stdout


def test_real_portaudio_names_what_is_there() -> None:
    """The real library, with or without a sound card, leads to one clear sentence for a microphone that is not there."""
    with pytest.raises(SourceError, match=r"microphone 'no such': .*see `diffmon devices`"):
        Microphone("no such", channel=0, rate_hz=RATE_HZ)


def test_sources_are_sources(card: Card, tmp_path: Path) -> None:
    """Every source knows its rate and item, counts from 0, and can be closed before it is read, twice."""
    files = FileSource([written(tmp_path / "a.wav")], rate_hz=RATE_HZ)
    sources: list[Source] = [files, Paced(files), Microphone(None, channel=0, rate_hz=RATE_HZ)]
    for source in sources:
        assert (RATE_HZ, (1,)) == (source.rate_hz, source.item)
        source.close()
        source.close()
        assert [] == list(source.blocks())
