"""The log of normal: whole files, within a bound, of one representation; and a disk that fails."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from monitor.errors import SourceError
from monitor.normal import NormalLog, is_about, read, stretches
from tests.command import names
from tests.disk import no_room

ABOUT = '["audio", {"hop": 50}]'
HOP_S = 0.5
EPOCH = 1767323045.25


def planes(windows: int, value: float = 1.0) -> np.ndarray:
    """Planes that are all one value, `[n, 1, 4, 4]`."""
    return np.full((windows, 1, 4, 4), value, np.float16)


def opened(folder: Path, keep_s: float = 100.0, about: str = ABOUT) -> NormalLog:
    """A log of a stream."""
    return NormalLog(folder / "pump", about=about, hop_s=HOP_S, keep_s=keep_s)


def filled(folder: Path, *windows: int, keep_s: float = 100.0) -> NormalLog:
    """A log to which stretches were added, a minute apart, all written."""
    log = opened(folder, keep_s)
    for i, count in enumerate(windows):
        log._write(planes(count, i), EPOCH + 60 * i)
    return log


def test_a_stretch_is_read_back(tmp_path: Path) -> None:
    """Named by its beginning in UTC and its windows; the planes and what they are of are in it."""
    log = opened(tmp_path)
    log.add(planes(3, 0.5), EPOCH)
    log.close()
    assert ["pump", "pump/20260102T030405.250Z-3.npz"] == names(tmp_path)
    (kept,) = stretches(tmp_path / "pump")
    assert 3 == kept.windows
    assert (planes(3, 0.5) == read(kept.path)).all()
    assert (True, False) == (is_about(kept.path, ABOUT), is_about(kept.path, "[]"))
    assert 1.5 == log.seconds


def test_the_oldest_go_first(tmp_path: Path) -> None:
    """So many seconds are kept: the newest stretches that come to them."""
    log = filled(tmp_path, 10, 10, 10, 4, keep_s=11.9)
    assert [10, 10, 4] == [kept.windows for kept in stretches(tmp_path / "pump")]
    assert [1.0, 2.0, 3.0] == [float(read(kept.path)[0, 0, 0, 0]) for kept in stretches(tmp_path / "pump")]
    assert 12.0 == log.seconds
    log.close()


def test_what_was_heard_is_known_after_a_restart(tmp_path: Path) -> None:
    """What is on disk counts; planes of another representation, files that are damaged and those that are no stretch do not."""
    filled(tmp_path, 10, 6).close()
    (tmp_path / "pump" / "20260101T000000.000Z-9.npz").write_bytes(b"PK nonsense")
    (tmp_path / "pump" / "notes.npz").write_bytes(b"")
    assert 8.0 == opened(tmp_path).seconds
    assert 0.0 == opened(tmp_path, about="[]").seconds


def test_what_was_begun_and_not_finished_is_removed(tmp_path: Path) -> None:
    """A part that a power cut left is gone at the next start, and was never taken for a stretch."""
    filled(tmp_path, 10).close()
    part = tmp_path / "pump" / ".20260102T040405.000Z-60.npz.part"
    part.write_bytes(b"half")
    assert 1 == len(stretches(tmp_path / "pump"))
    opened(tmp_path).close()
    assert not part.exists()


def test_a_full_disk_is_said_once_and_leaves_nothing_half_written(tmp_path: Path, logs: list[dict[str, object]]) -> None:
    """What cannot be written is left out; with room again the log goes on."""
    log = filled(tmp_path, 10)
    with no_room(100):
        log._write(planes(20), EPOCH + 600)
        log._write(planes(20), EPOCH + 660)
    log._write(planes(30), EPOCH + 720)
    log.close()
    assert [10, 30] == [kept.windows for kept in stretches(tmp_path / "pump")]
    assert 2 == len(list((tmp_path / "pump").iterdir()))
    assert 20.0 == log.seconds
    assert [("normal.not_kept", "File too large")] == [(e["event"], e["reason"]) for e in logs]


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path, logs: list[dict[str, object]]) -> None:
    """A file in its place: nothing is kept, and nothing raises."""
    (tmp_path / "pump").write_text("")
    log = opened(tmp_path)
    log.add(planes(1), EPOCH)
    log.close()
    assert ["normal.not_kept"] == [e["event"] for e in logs]
    assert 0 == log.waiting


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"\x80\x04."])
def test_what_is_no_stretch_is_said(tmp_path: Path, content: bytes) -> None:
    """A damaged file, or a pickle, is named, and nothing of it is run."""
    path = tmp_path / "20260102T030405.250Z-3.npz"
    path.write_bytes(content)
    with pytest.raises(SourceError, match="is not a stretch of normal that can be read"):
        read(path)
