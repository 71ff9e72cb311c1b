"""Files that the system will not let us look at: a sentence, or a recording that is passed over, and nothing else ends by it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import soundfile

from monitor.errors import SourceError
from monitor.source.folder import FolderSource
from monitor.source.medium import search
from monitor.source.position import Key, Piece, Position, Trail
from monitor.source.sound import FILES, SoundFiles
from tests.command import diffmon
from tests.scripted import RATE

LONG = f"{'a' * 300}.wav"
"""No system looks for a name as long as this, not even for root."""


@pytest.fixture
def shut(tmp_path: Path) -> Iterator[Path]:
    """A recording in a folder that may not be entered; root is somebody else meanwhile."""
    recording = tmp_path / "shut" / "a.wav"
    recording.parent.mkdir()
    soundfile.write(recording, np.zeros(RATE, np.float32), RATE)
    recording.parent.chmod(0)
    me = os.geteuid()
    if me == 0:
        os.seteuid(65534)
    yield recording
    os.seteuid(me)
    recording.parent.chmod(0o700)


@pytest.mark.parametrize("look", [SoundFiles(RATE).probe, lambda path: search([path], FILES), lambda path: search([path.parent], FILES)])
def test_what_may_not_be_entered_is_a_sentence(look: Callable[[Path], object], shut: Path) -> None:
    """A file below it, and the folder itself."""
    with pytest.raises(SourceError, match=r"shut.*: cannot be read: permission denied"):
        look(shut)


@pytest.mark.parametrize("look", [SoundFiles(RATE).probe, lambda path: search([path], FILES)])
def test_what_the_system_does_not_look_for_is_a_sentence(look: Callable[[Path], object], tmp_path: Path) -> None:
    """A name that is too long."""
    with pytest.raises(SourceError, match=r"a\.wav: cannot be read: file name too long"):
        look(tmp_path / LONG)


def test_score_prints_a_sentence(model: Path, tmp_path: Path) -> None:
    """No traceback, and exit code 1."""
    done = diffmon("score", tmp_path / LONG, "--model", model)
    assert (1, f"diffmon: {tmp_path / LONG}: cannot be read: file name too long\n") == (done.exit_code, done.stderr)


def test_check_prints_a_sentence(model: Path, tmp_path: Path) -> None:
    """The same of a configured recording."""
    config = tmp_path / "diffmon.toml"
    config.write_text(f'[[stream]]\nname = "fan"\nmodel = "{model}"\nsource = {{ type = "file", paths = ["{LONG}"] }}\n')
    done = diffmon("check", "--config", config)
    assert (1, f"diffmon: {tmp_path / LONG}: cannot be read: file name too long") == (done.exit_code, done.stderr.splitlines()[-1])


def test_a_folder_that_was_shut_meanwhile_ends_nothing(shut: Path, logs: list[dict[str, object]]) -> None:
    """It is waited for, and with it the rest of the recording that was left off."""
    position = Position(Piece(Key(1, shut.name), 0, 0), 0)
    source = FolderSource(
        shut.parent, SoundFiles(RATE), position=position, trail=Trail(position), room=lambda start: True, settled_s=0.0, silence_s=0.0
    )
    with closing(source) as folder:
        next(folder.blocks())
    assert ["source.missing"] == [entry["event"] for entry in logs]
