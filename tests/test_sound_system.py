"""A microphone through the real PortAudio, ALSA and PulseAudio: a null sink is the card, and what is played into it is heard."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from monitor.config import parse
from monitor.doctor import audio
from monitor.errors import SourceError
from monitor.reader import Reader
from monitor.ring import Ring
from monitor.source.child import command, told
from monitor.source.process import Process
from monitor.source.pulse import SoundPulse
from tests.broker import until
from tests.scripted import PATIENCE_S
from tests.sounds import RATE_HZ, written

DEVICE = "testmic"
WANTED = {"type": "microphone", "device": DEVICE, "channel": 0, "rate_hz": RATE_HZ}


@pytest.fixture
def sound_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[bytes]]:
    """A PulseAudio of the test's own, whose null sink plays 440 Hz over and over to a microphone."""
    assert shutil.which("pulseaudio"), "install it: apt-get install -y pulseaudio pulseaudio-utils libasound2-plugins"
    (tmp_path / "run").mkdir(mode=0o700)
    server = f"unix:{tmp_path}/sock"
    variables = {"HOME": tmp_path, "XDG_RUNTIME_DIR": tmp_path / "run", "PULSE_SERVER": server, "PULSE_LATENCY_MSEC": 60}
    for name, value in variables.items():
        monkeypatch.setenv(name, str(value))
    device = f'pcm.{DEVICE} {{ type pulse device "mic.monitor" hint {{ show on description "test" }} }}\n'
    (tmp_path / ".asoundrc").write_text(f"pcm.!default {{ type pulse }}\n{device}")
    wav = written(tmp_path / "tone.wav", seconds=60.0, hz=440.0)
    modules = [
        f"module-native-protocol-unix auth-anonymous=1 socket={tmp_path}/sock",
        f"module-null-sink sink_name=mic rate={RATE_HZ} channels=1 format=s16le",
    ]
    with (
        subprocess.Popen(
            ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", *(word for m in modules for word in ("-L", m))],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as system,
    ):
        try:
            until(lambda: (tmp_path / "sock").exists(), timeout_s=PATIENCE_S)
            with subprocess.Popen(["paplay", "--device=mic", wav], stderr=subprocess.DEVNULL) as player:
                yield system
                player.kill()
        finally:
            os.kill(system.pid, signal.SIGCONT)
            system.kill()


@pytest.mark.usefixtures("sound_system")
def test_a_tone_that_is_played_is_heard() -> None:
    """Right pitch, right rate, no gap, through a process of its own."""
    with closing(Process(command(), told=told(WANTED), name=f"microphone '{DEVICE}'", rate_hz=RATE_HZ)) as source:
        heard = list(islice(source.blocks(), 30))
    sound = np.concatenate([b.items[:, 0] for b in heard])[-RATE_HZ:]
    assert 440.0 == pytest.approx(np.abs(np.fft.rfft(sound)).argmax(), abs=1)
    assert [b.end for b in heard[:-1]] == [b.start for b in heard[1:]]
    # By the machine's clock, whatever time of day PulseAudio believes it is.
    assert len(heard[1:]) * 0.1 == pytest.approx(heard[-1].time_s - heard[0].time_s, abs=0.5)


@pytest.mark.usefixtures("sound_system")
def test_the_doctor_hears_a_tone_and_knows_silence() -> None:
    """As long as something is played the microphone is well; afterwards it delivers zeros, which no room does."""
    stream = {"name": "room", "model": "room.model", "source": {"type": "microphone", "device": DEVICE}}
    config = parse({"stream": [stream]}, name="diffmon.toml", folder=Path())
    (heard,) = audio.findings(config)
    assert "ok" == heard.status, heard
    subprocess.run(["pactl", "set-sink-mute", "mic", "1"], check=True)
    (silent,) = audio.findings(config, within_s=4.0)
    assert ("failed", "alsamixer") == (silent.status, silent.mend)


def test_a_sound_system_that_hangs_is_noticed_and_heard_again(sound_system: subprocess.Popen[bytes]) -> None:
    """Stopped, it neither fails nor delivers: the child is killed, and another hears on once it goes on; what was missed is a gap."""
    into = Ring(60 * RATE_HZ, item=(1,), rate_hz=RATE_HZ)
    reader = Reader(
        "room",
        lambda: Process(command(), told=told(WANTED), name="microphone", rate_hz=RATE_HZ, stall_s=2.0),
        into,
        pulse=SoundPulse,
        live=True,
    )
    reader.start()
    with closing(reader):
        until(lambda: into.end > RATE_HZ, timeout_s=PATIENCE_S)
        sound_system.send_signal(signal.SIGSTOP)
        until(lambda: reader.status == "offline", timeout_s=PATIENCE_S)
        sound_system.send_signal(signal.SIGCONT)
        before = into.end
        until(lambda: into.end > before + RATE_HZ and reader.status == "online", timeout_s=PATIENCE_S)
        assert any(first <= before <= after for first, after in into.gaps)


def test_a_sound_system_that_dies_is_an_error(sound_system: subprocess.Popen[bytes]) -> None:
    """It says so at once, and does not wait."""
    with closing(Process(command(), told=told(WANTED), name="microphone", rate_hz=RATE_HZ)) as source:
        blocks = source.blocks()
        next(blocks)
        threading.Timer(0.3, sound_system.kill).start()
        with pytest.raises(SourceError, match="may be unplugged"):
            list(blocks)
