"""What of the evidence goes, what stays, and how it is found: a pure rule, and real files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.evidence.names import kept
from monitor.evidence.retention import Held, Limits, Retention, expire
from tests.events import said

NOW = 1_767_323_045.0
DAY_S = 86400.0
LARGE = 1 << 60
OPEN = Limits(keep_s=LARGE, max_size=LARGE, free=0)
"""Everything may stay."""


def placed(folder: Path, name: str, *, age_s: float = 0.0, size: int = 100) -> Path:
    """A file of that age and size."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    os.utime(path, (NOW - age_s, NOW - age_s))
    return path


def three(folder: Path) -> list[Path]:
    """Files of two streams, of the age of three, two and one days."""
    names = ["fan/2026-01-01/000000-aa.flac", "pump/2026-01-01/000000-bb-overlay.png", "fan/2026-01-02/000000-cc.png"]
    return [placed(folder, name, age_s=(3 - i) * DAY_S) for i, name in enumerate(names)]


def left(folder: Path, limits: Limits) -> list[Path]:
    """The files that stay."""
    Retention(folder, limits, unix=lambda: NOW).keep_within()
    return sorted(path for path in folder.rglob("*") if path.is_file())


files = st.lists(st.tuples(st.integers(0, 100), st.integers(0, 50), st.booleans()), max_size=12)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(files, st.integers(0, 100), st.integers(0, 300), st.integers(0, 100), st.integers(0, 100))
def test_the_oldest_go_and_no_more_than_have_to(
    drawn: list[tuple[int, int, bool]], keep_s: int, max_size: int, wanted: int, free: int
) -> None:
    """Of files (age, size, stuck): what stays is within all limits or cannot go, and each that went had to when its turn came."""
    held = [Held(Path(f"{i:02}"), -float(age), size) for i, (age, size, _) in enumerate(drawn)]
    stuck = {held[i] for i, (_, _, is_stuck) in enumerate(drawn) if is_stuck}
    limits = Limits(float(keep_s), max_size, wanted)

    there = set(held)

    def room() -> bool:
        size = sum(f.size for f in there)
        return size <= max_size and free + sum(f.size for f in held) - size >= wanted

    for file in expire(held, limits, now_unix=0.0, free=free, delete=lambda f: f not in stuck):
        assert file == min(there - stuck, key=lambda f: (f.written_unix, f.path))
        assert not room() or -file.written_unix > keep_s
        there.remove(file)
    movable = there - stuck
    assert not movable or (room() and all(-f.written_unix <= keep_s for f in movable))


def test_all_stay_within_the_limits(tmp_path: Path) -> None:
    """Nothing is deleted for nothing."""
    assert sorted(three(tmp_path)) == left(tmp_path, OPEN)


def test_what_is_too_old_goes(tmp_path: Path) -> None:
    """By when it was written."""
    assert three(tmp_path)[2:] == left(tmp_path, Limits(1.5 * DAY_S, LARGE, 0))


def test_what_is_too_much_goes_oldest_first(tmp_path: Path) -> None:
    """Over all streams together."""
    assert three(tmp_path)[2:] == left(tmp_path, Limits(LARGE, 199, 0))


def test_a_disk_that_is_too_full_is_relieved(tmp_path: Path) -> None:
    """No disk has that much free, so all goes, and the folders of their days with them."""
    three(tmp_path)
    assert [] == left(tmp_path, Limits(LARGE, LARGE, LARGE))
    assert [tmp_path / "fan", tmp_path / "pump"] == sorted(tmp_path.rglob("*"))


def test_what_cannot_be_deleted_is_told_once_and_passed_over(tmp_path: Path, logs: list[dict[str, object]]) -> None:
    """A folder with something in it stands where a file should: what is newer goes all the same, time and again."""
    stuck = placed(tmp_path, "fan/2025-01-01/000000-dd.flac/inside").parent
    os.utime(stuck, (NOW - 9 * DAY_S, NOW - 9 * DAY_S))
    three(tmp_path)
    retention = Retention(tmp_path, Limits(-1.0, LARGE, 0), unix=lambda: NOW)
    retention.keep_within()
    placed(tmp_path, "fan/2026-01-03/000000-ee.png")
    retention.keep_within()
    assert [stuck / "inside"] == [path for path in tmp_path.rglob("*") if path.is_file()]
    assert 4 == retention.deleted
    assert [str(stuck)] == [entry["file"] for entry in said(logs, "evidence.not_deleted")]


@pytest.mark.parametrize(
    "name",
    [
        "notes.txt",
        "fan/000000-aa.flac",
        "fan/2026-01-01/notes.txt",
        "fan/2026-01-01/000000-aa.wav",
        "fan/2026-01-01/000000-aa-overlay.flac",
        "fan/2026-01-01/.000000-aa.flac.part",
        "fan/keep/000000-aa.flac",
        "Fan/2026-01-01/000000-aa.flac",
    ],
)
def test_what_is_not_evidence_stays(tmp_path: Path, name: str) -> None:
    """Only what has the form of our names is ours to delete."""
    path = placed(tmp_path, name, age_s=DAY_S)
    assert [path] == left(tmp_path, Limits(0.0, 0, LARGE))


def test_no_link_is_followed(tmp_path: Path) -> None:
    """Neither to a file, nor to the folder of a day or of a stream."""
    elsewhere = placed(tmp_path / "elsewhere", "fan/2026-01-01/000000-aa.flac", age_s=DAY_S)
    folder = tmp_path / "evidence"
    (folder / "fan/2026-01-02").mkdir(parents=True)
    (folder / "pump").symlink_to(elsewhere.parent.parent)
    (folder / "fan/2026-01-01").symlink_to(elsewhere.parent)
    (folder / "fan/2026-01-02/000000-aa.flac").symlink_to(elsewhere)
    Retention(folder, Limits(0.0, 0, LARGE), unix=lambda: NOW).keep_within()
    assert elsewhere.is_file()
    assert (folder / "fan/2026-01-02/000000-aa.flac").is_symlink()


def test_what_a_dead_process_left_unfinished_is_removed(tmp_path: Path) -> None:
    """And nothing else, whatever it begins with."""
    part = placed(tmp_path, "fan/2026-01-01/.000000-aa.flac.part")
    others = [placed(tmp_path, "fan/2026-01-01/.hidden.part"), placed(tmp_path, "fan/2026-01-01/000000-aa.flac")]
    Retention(tmp_path, OPEN).clean()
    assert not part.exists()
    assert all(path.exists() for path in others)


def test_the_sound_of_an_event_is_found(tmp_path: Path) -> None:
    """By stream and id; none of another stream, of an event that has none, or of what is no id."""
    path = placed(tmp_path, "fan/2026-01-02/030405-0123abcd.flac")
    assert path == kept(tmp_path, "fan", "0123abcd")
    assert [None] * 4 == [kept(tmp_path, *which) for which in (("pump", "0123abcd"), ("fan", "ff"), ("fan", "*"), ("../fan", "0123abcd"))]
