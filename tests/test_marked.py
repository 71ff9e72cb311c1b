"""An event marked as normal: its sound is kept for the next calibration."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.marked import mark
from tests.command import names
from tests.disk import no_room

ID = "0123456789abcdef"


@pytest.fixture
def evidence(tmp_path: Path) -> Path:
    """Evidence of one event."""
    sound = tmp_path / "evidence" / "fan" / "2026-01-02" / f"030405-{ID}.flac"
    sound.parent.mkdir(parents=True)
    sound.write_bytes(b"fLaC" + bytes(100_000))
    return tmp_path / "evidence"


def test_its_sound_is_kept_where_calibration_looks(evidence: Path, tmp_path: Path) -> None:
    """A copy: evidence grows old and goes."""
    assert mark(evidence, tmp_path / "state", "fan", ID) is None
    assert mark(evidence, tmp_path / "state", "fan", ID) is None
    assert f"normal/fan/marked/{ID}.flac" == names(tmp_path / "state")[-1]


def test_of_a_camera_its_frame_is_kept(evidence: Path, tmp_path: Path) -> None:
    """And neither the reconstruction nor the overlay, which no camera saw."""
    for what in ("frame", "overlay", "reconstruction"):
        (evidence / "fan" / "2026-01-02" / f"030405-{ID[::-1]}-{what}.png").write_text(what)
    assert mark(evidence, tmp_path / "state", "fan", ID[::-1]) is None
    assert "frame" == (tmp_path / "state" / "normal" / "fan" / "marked" / f"{ID[::-1]}.png").read_text()


@pytest.mark.parametrize(("stream", "event"), [("fan", "f" * 16), ("pump", ID), ("../evidence/fan", ID)])
def test_what_has_no_sound_is_refused(stream: str, event: str, evidence: Path, tmp_path: Path) -> None:
    """Unknown, another stream's, or outside of the folder."""
    assert "nothing of it is kept" in str(mark(evidence, tmp_path / "state", stream, event))
    assert not (tmp_path / "state").exists()


def test_without_evidence_nothing_can_be_marked(tmp_path: Path) -> None:
    """It says what would keep it."""
    assert "[evidence] with audio, or of a camera with picture, and a state_dir keep it" in str(mark(None, tmp_path, "fan", ID))


def test_a_full_disk_leaves_nothing_half_written(evidence: Path, tmp_path: Path) -> None:
    """And the reason is given."""
    with no_room(1000):
        assert "cannot be written" in str(mark(evidence, tmp_path / "state", "fan", ID))
    assert ["normal", "normal/fan", "normal/fan/marked"] == names(tmp_path / "state")
