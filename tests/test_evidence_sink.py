"""What keeps evidence: what it makes of a full disk, of a stream that is lost, of too much at once, and of the end."""

from __future__ import annotations

import threading
import time
from itertools import count
from pathlib import Path

import pytest

from monitor.config import EvidenceConfig
from monitor.evidence import sink as module
from monitor.evidence.sink import Evidence
from tests.broker import until
from tests.disk import no_room
from tests.events import said
from tests.keeping import AUDIO, files, indices, keeping, of, ring, sounding, told


def test_an_event_whose_sound_is_overwritten_leaves_nothing(tmp_path: Path, logs: list[dict[str, object]]) -> None:
    """Told so late that the ring holds none of it, it is skipped with the reason: the disk is not blamed, and no file is left."""
    with keeping(tmp_path, {"fan": ring(60_000, capacity=2000)}) as evidence:
        told(evidence, "new", 5000, 5500)
        told(evidence, "end", 5000, 5500)
        until(lambda: evidence.counters()["evidence.skipped"] == 1)
    assert ["its sound was overwritten before it could be taken"] == [entry["reason"] for entry in said(logs, "evidence.skipped")]
    assert [] == [path for path in tmp_path.rglob("*") if path.is_file()]
    assert 0 == evidence.counters()["evidence.failed"]


@pytest.mark.parametrize("ended", [True, False])
def test_a_stream_that_is_lost_gives_what_there_is(tmp_path: Path, ended: bool) -> None:
    """The stream stops before what should follow the event: the clip ends when it is closed, or when nothing comes any more."""
    now_s = count(0.0, 3.0)
    stream = ring(4500)
    if ended:
        stream.finish()
    with keeping(tmp_path, {"fan": stream}, clock=lambda: next(now_s)) as evidence:
        told(evidence, "new", 3000, 4000)
        told(evidence, "end", 3000, 4000)
        until(lambda: evidence.counters()["evidence.written"] == 1)
    assert list(range(2000, 4500)) == indices(tmp_path / AUDIO)


def test_a_stop_finishes_what_is_open(tmp_path: Path) -> None:
    """With what is there, and soon."""
    with keeping(tmp_path, {"fan": ring(5000)}) as evidence:
        told(evidence, "new", 3000, 4000)
        until(lambda: files(tmp_path) != [])
        began_s = time.monotonic()
        evidence.close()
        assert time.monotonic() - began_s < 2.5
        evidence.close()
    assert [AUDIO] == files(tmp_path)
    assert list(range(2000, 5000)) == indices(tmp_path / AUDIO)


def test_a_full_disk_is_told_once_and_leaves_nothing_half_written(tmp_path: Path, logs: list[dict[str, object]]) -> None:
    """Sound and picture fail, the picture is handed on all the same; when there is room again, the next event is kept."""
    pictures: list[str] = []
    evidence = of({"fan": sounding()}, Evidence(tmp_path, EvidenceConfig(free=0), pictured=lambda stream, png: pictures.append(stream)))
    with no_room(10_000):
        for number in ("aa", "bb"):
            told(evidence, "new", 60_000, 80_000, number=number)
            told(evidence, "end", 60_000, 80_000, number=number)
        until(lambda: len(pictures) == 2)
        assert [] == files(tmp_path)
    assert 4 == evidence.counters()["evidence.failed"]
    assert 1 == len(said(logs, "evidence.failed"))
    told(evidence, "new", 60_000, 80_000)
    told(evidence, "end", 60_000, 80_000)
    until(lambda: files(tmp_path) == [AUDIO, AUDIO.replace(".flac", ".png")])
    evidence.close()
    assert 2 == evidence.counters()["evidence.written"]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, logs: list[dict[str, object]]) -> None:
    """Something else is in its place."""
    (tmp_path / "fan").write_text("a file")
    with keeping(tmp_path, {"fan": ring(5000)}) as evidence:
        told(evidence, "new", 2000, 3000)
        until(lambda: evidence.counters()["evidence.failed"] == 1)
    assert ["fan"] == files(tmp_path)
    assert 1 == len(said(logs, "evidence.failed"))


def test_no_more_clips_are_open_than_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logs: list[dict[str, object]]) -> None:
    """The third and the fourth of two are skipped, which is told once."""
    monkeypatch.setattr(module, "MOST", 2)
    with keeping(tmp_path, {"fan": ring(3000)}) as evidence:
        for number in ("aa", "bb", "cc", "dd"):
            told(evidence, "new", 2000, 3000, number=number)
        until(lambda: evidence.counters()["evidence.skipped"] == 2)
    assert 1 == len(said(logs, "evidence.skipped"))
    assert 2 == len(files(tmp_path))


def test_nobody_waits_for_evidence(tmp_path: Path) -> None:
    """While the thread is held up, more events are taken than it will ever see; what is not seen is counted."""
    gate, held = threading.Event(), threading.Event()

    def hold(stream: str, png: bytes) -> None:
        held.set()
        gate.wait(60)

    evidence = of({"fan": sounding()}, Evidence(tmp_path, EvidenceConfig(free=0), pictured=hold))
    for kind in ("new", "end"):
        told(evidence, kind, 60_000, 80_000)
    assert held.wait(60)
    began_s = time.monotonic()
    for number in range(1100):
        told(evidence, "new", 60_000, 80_000, number=f"{number:x}")
    assert time.monotonic() - began_s < 5
    assert 100 == evidence.counters()["evidence.skipped"]
    gate.set()
    evidence.close()
