"""A live source in a process of its own: real children that behave as sound systems do."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from monitor.errors import SourceError
from monitor.reader import Reader
from monitor.records import Block
from monitor.ring import Ring
from monitor.source.child import command, told
from monitor.source.process import Process
from monitor.source.pulse import SoundPulse
from tests import capture
from tests.broker import until
from tests.capture import RATE_HZ, SIZE
from tests.scripted import PATIENCE_S


def process(behaviour: str, stall_s: float = PATIENCE_S) -> Process:
    """A source that behaves so."""
    return Process(capture.command(behaviour), name="microphone 'USB'", rate_hz=RATE_HZ, stall_s=stall_s, start_s=PATIENCE_S)


def indices(blocks: list[Block]) -> list[int]:
    """Every index delivered, told by the items themselves."""
    return np.concatenate([b.items[:, 0] for b in blocks]).astype(int).tolist()


def gone(pid: int) -> bool:
    """Whether no such process runs."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_blocks_arrive_as_they_were_delivered() -> None:
    """Index, items and time, in order; closing ends it and the child."""
    began_s = time.monotonic()
    with closing(process("live")) as source:
        got = list(islice(source.blocks(), 6))
        assert list(range(6 * SIZE)) == indices(got)
        assert [SIZE * i for i in range(6)] == [b.start for b in got]
        assert sorted(b.time_s for b in got) == [b.time_s for b in got]
        assert began_s < got[0].time_s < got[-1].time_s < time.monotonic()
        child = source._child.pid
    assert gone(child)


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        ("hang", r"microphone 'USB': nothing came for 1 s, its process hangs"),
        ("crash", r"microphone 'USB': its process was killed by signal 11"),
        ("leave", r"microphone 'USB': its process ended with exit code 7"),
        ("fail", r"^microphone 'USB': it is gone$"),
        ("chatter", r"sends what is no message"),
    ],
)
def test_a_child_that_goes_wrong_is_told_after_all_it_delivered(behaviour: str, message: str) -> None:
    """Whatever it does, what came before arrives, then an error says what happened, and no process is left."""
    got: list[Block] = []
    with closing(process(behaviour, stall_s=1.0 if behaviour == "hang" else PATIENCE_S)) as source:
        source_blocks = source.blocks()
        got.append(next(source_blocks))
        with pytest.raises(SourceError, match=message):
            got += source_blocks
        child = source._child.pid
    assert list(range(3 * SIZE)) == indices(got) or behaviour == "fail"
    assert gone(child)


def test_a_reader_that_lags_loses_whole_blocks_and_knows_which(capfd: pytest.CaptureFixture[str]) -> None:
    """The child never waits for a full pipe; what did not fit is missing from the index, and nothing else."""
    with closing(process("flood")) as source:
        told = ""
        deadline_s = time.monotonic() + PATIENCE_S
        while "\n" not in told:
            assert time.monotonic() < deadline_s
            time.sleep(0.05)
            told += capfd.readouterr().err
        refused = int(told)
        first = list(islice((b for b in source.blocks() if b.start < 1000 * SIZE or b.start % SIZE), 1000 - refused))
    assert 0 < refused < 1000
    assert [n for b in first for n in range(b.start, b.end)] == indices(first)
    assert 1000 * SIZE - refused * SIZE == len(indices(first))


def test_closing_from_another_thread_ends_a_child_that_hangs() -> None:
    """At once, without an error, and twice does no harm."""
    source = process("hang")
    got: list[Block] = []
    reading = threading.Thread(target=lambda: got.extend(source.blocks()))
    reading.start()
    until(lambda: len(got) == 3, timeout_s=PATIENCE_S)
    source.close()
    reading.join(PATIENCE_S)
    assert not reading.is_alive()
    source.close()


def test_what_was_closed_before_it_was_read_has_nothing() -> None:
    """No error: whoever closes it may be quicker than whoever reads."""
    source = process("live")
    source.close()
    assert [] == list(source.blocks())


def test_a_child_that_never_delivers_is_given_a_little_longer() -> None:
    """Starting a program and opening a device takes time, but not for ever."""
    source = Process([sys.executable, "-c", "import time; time.sleep(60)"], name="microphone", rate_hz=RATE_HZ, stall_s=0.1, start_s=0.5)
    with closing(source), pytest.raises(SourceError, match=r"microphone: nothing came for 0.5 s"):
        list(source.blocks())


def test_a_program_that_is_not_there_is_an_error() -> None:
    """No descriptor and no process is left over."""
    with pytest.raises(SourceError, match="cannot be started: No such file"):
        Process(["/no/such/program"], name="microphone", rate_hz=RATE_HZ)


def test_the_child_dies_with_its_parent() -> None:
    """Even if the parent is killed, and has no time to say so."""
    script = (
        "import time; from tests import capture; from monitor.source.process import Process\n"
        "source = Process(capture.command('live'), name='x', rate_hz=16000); next(source.blocks())\n"
        "print(source._child.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert not gone(child)
        parent.send_signal(signal.SIGKILL)
    until(lambda: gone(child))


@pytest.mark.parametrize("behaviour", ["hang", "crash", "leave"])
def test_a_reader_starts_another_child_and_every_item_is_accounted_for(behaviour: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three children in a row: what each delivered is in the ring, what was missed between them are gaps, and it was counted."""
    monkeypatch.setattr("monitor.reader._FIRST_S", 0.01)
    into = Ring(100 * RATE_HZ, item=(1,), rate_hz=RATE_HZ)
    reader = Reader("fan", lambda: process(behaviour, stall_s=2.0), into, pulse=SoundPulse, live=True)
    reader.start()
    until(lambda: reader.restarts == 3, timeout_s=PATIENCE_S)
    reader.close()
    with into.arrived:
        lost = sum(after - first for first, after in into.gaps)
        assert len(into.gaps) >= 2
        assert 0 == (into.end - lost) % (3 * SIZE)
        assert into.end - lost >= 9 * SIZE
    assert "offline" == reader.status


def test_the_real_child_says_what_a_microphone_lacks() -> None:
    """Without a card: the very sentence of the microphone, across the pipe."""
    wanted = {"type": "microphone", "device": "no such card", "channel": 0, "rate_hz": RATE_HZ}
    with (
        closing(Process(command(), told=told(wanted), name="microphone", rate_hz=RATE_HZ, start_s=PATIENCE_S)) as source,
        pytest.raises(SourceError, match="microphone 'no such card': expected one input device by this name"),
    ):
        list(source.blocks())


def test_the_real_child_is_not_misled_by_the_folder_it_starts_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file there that is named like a module of Python's is no module."""
    (tmp_path / "queue.py").write_text("raise SystemExit(3)")
    monkeypatch.chdir(tmp_path)
    wanted = {"type": "nothing"}
    with (
        closing(Process(command(), told=told(wanted), name="microphone", rate_hz=RATE_HZ, start_s=PATIENCE_S)) as source,
        pytest.raises(SourceError, match="a capture process was asked for"),
    ):
        list(source.blocks())


def test_the_real_child_imports_neither_torch_nor_librosa() -> None:
    """A process a microphone costs tens of megabytes, not hundreds."""
    script = (
        "import sys, monitor.source.child; print(sorted({'torch', 'librosa', 'scipy', 'paho', 'pydantic', 'av', 'cv2'} & set(sys.modules)))"
    )
    assert "[]" == subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()
