"""The sound and the picture of an event, as files."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import soundfile

from monitor.config import EvidenceConfig
from monitor.evidence import sink as module
from monitor.evidence.audio import AudioExhibit, suffixes
from monitor.evidence.names import namer
from monitor.evidence.sink import Evidence
from monitor.records import Block, Event
from monitor.ring import Ring
from tests.broker import until
from tests.disk import no_room
from tests.events import said, step

RATE = 1000
"""At which sound is small."""
ID = "0123456789abcdef"
AUDIO = f"fan/2026-01-02/030405-{ID}.flac"


def ramp(start: int, end: int) -> np.ndarray:
    """Items that tell their index, exactly in 24 bits."""
    return (np.arange(start, end, dtype=np.float32) / 2**20)[:, None]


def indices(path: Path) -> list[int]:
    """The indices that a clip holds."""
    samples, rate_hz = soundfile.read(path, dtype="float32")
    assert RATE == rate_hz
    return np.rint(samples * 2**20).astype(int).tolist()


def pour(ring: Ring, start: int, end: int) -> None:
    """Sound from one index to another."""
    ring.write(Block(start, ramp(start, end), end / ring.rate_hz))


def ring(end: int, *, capacity: int = 60_000) -> Ring:
    """A stream that has come so far."""
    made = Ring(capacity, item=(1,), rate_hz=RATE)
    pour(made, 0, end)
    return made


def of(rings: dict[str, Ring], evidence: Evidence) -> Evidence:
    """The same, told of these streams."""
    kept = {"store": evidence.store, "config": evidence.config, "pictured": evidence.pictured}
    evidence.begin = {stream: partial(AudioExhibit, ring=ring, **kept) for stream, ring in rings.items()}
    return evidence


@contextmanager
def keeping(folder: Path, rings: dict[str, Ring], *, clock: Callable[[], float] = time.monotonic, **settings: object) -> Iterator[Evidence]:
    """Evidence of these streams, a second before and after each event, without pictures and on however full a disk."""
    config = EvidenceConfig.model_validate({"picture": False, "free": 0, "before": "1s", "after": "1s", **settings})
    evidence = of(rings, Evidence(folder, config, clock=clock))
    try:
        yield evidence
    finally:
        evidence.close()


def told(evidence: Evidence, kind: str, start: int, end: int, *, stream: str = "fan", number: str = ID) -> Event:
    """Tells of an event; `start` and `end` are indices."""
    paths = namer(stream, suffixes(evidence.config))(number, 1767323045.678)
    seconds = {"start_unix": start / RATE, "end_unix": end / RATE, "start_index": start, "end_index": end}
    event = step(0, type=kind, id=number, stream=stream, evidence=paths, **seconds)
    evidence.event(event)
    return event


def files(folder: Path) -> list[str]:
    """Every file there is, hidden or not."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_clip_is_there_once_what_follows_the_event_came_and_holds_all_to_the_item(tmp_path: Path) -> None:
    """From a second before to a second after; the event names it from the first, before it is there."""
    stream = ring(6000)
    with keeping(tmp_path, {"fan": stream}) as evidence:
        event = told(evidence, "new", 4000, 5000)
        assert {"audio": AUDIO} == event.evidence
        told(evidence, "end", 4000, 5500)
        until(lambda: files(tmp_path) == [f"fan/2026-01-02/.030405-{ID}.flac.part"])
        pour(stream, 6000, 9000)
        until(lambda: files(tmp_path) == [AUDIO])
        assert list(range(3000, 6500)) == indices(tmp_path / AUDIO)
        assert {"evidence.written": 1, "evidence.failed": 0, "evidence.deleted": 0, "evidence.skipped": 0} == evidence.counters()
        assert "PCM_24" == soundfile.info(tmp_path / AUDIO).subtype


def test_an_event_whose_sound_is_overwritten_leaves_nothing(tmp_path: Path, logs: list[dict[str, object]]) -> None:
    """Told so late that the ring holds none of it, it is skipped with the reason: the disk is not blamed, and no file is left."""
    with keeping(tmp_path, {"fan": ring(60_000, capacity=2000)}) as evidence:
        told(evidence, "new", 5000, 5500)
        told(evidence, "end", 5000, 5500)
        until(lambda: evidence.counters()["evidence.skipped"] == 1)
    assert ["its sound was overwritten before it could be taken"] == [entry["reason"] for entry in said(logs, "evidence.skipped")]
    assert [] == [path for path in tmp_path.rglob("*") if path.is_file()]
    assert 0 == evidence.counters()["evidence.failed"]


def test_an_event_at_the_beginning_has_what_there_is_before_it(tmp_path: Path) -> None:
    """Of a stream that began half a second before."""
    with keeping(tmp_path, {"fan": ring(5000)}) as evidence:
        told(evidence, "new", 500, 1000)
        told(evidence, "end", 500, 1000)
        until(lambda: files(tmp_path) == [AUDIO])
    assert list(range(2000)) == indices(tmp_path / AUDIO)


def test_what_is_overwritten_is_left_out(tmp_path: Path) -> None:
    """The ring goes back to 2500 alone."""
    with keeping(tmp_path, {"fan": ring(6500, capacity=4000)}) as evidence:
        told(evidence, "new", 3000, 4000)
        told(evidence, "end", 3000, 4000)
        until(lambda: files(tmp_path) == [AUDIO])
    assert list(range(2500, 5000)) == indices(tmp_path / AUDIO)


def test_a_long_event_is_cut(tmp_path: Path) -> None:
    """At three seconds, while it still lasts; nothing comes of its end."""
    with keeping(tmp_path, {"fan": ring(9000)}, longest="3s") as evidence:
        told(evidence, "new", 2000, 4000)
        told(evidence, "update", 2000, 8000)
        until(lambda: files(tmp_path) == [AUDIO])
        told(evidence, "end", 2000, 8500)
    assert list(range(1000, 4000)) == indices(tmp_path / AUDIO)
    assert [AUDIO] == files(tmp_path)


def test_an_event_longer_than_the_ring_is_whole(tmp_path: Path) -> None:
    """What comes while it lasts is taken out of the ring in time, even if no update is told."""
    stream = ring(3000, capacity=8000)
    with keeping(tmp_path, {"fan": stream}) as evidence:
        told(evidence, "new", 2000, 2500)
        for end in range(4000, 30_001, 1000):
            until(lambda: not evidence.behind("fan"))
            pour(stream, end - 1000, end)
        told(evidence, "end", 2000, 28_000)
        until(lambda: files(tmp_path) == [AUDIO])
    assert list(range(1000, 29_000)) == indices(tmp_path / AUDIO)


def test_a_gap_is_silence_of_its_length(tmp_path: Path) -> None:
    """So that what comes after it is where it was."""
    stream = ring(3000)
    pour(stream, 3500, 8000)
    with keeping(tmp_path, {"fan": stream}) as evidence:
        told(evidence, "new", 2000, 4000)
        told(evidence, "end", 2000, 4000)
        until(lambda: files(tmp_path) == [AUDIO])
    assert [*range(1000, 3000), *[0] * 500, *range(3500, 5000)] == indices(tmp_path / AUDIO)


def test_what_is_louder_than_a_file_can_hold_is_cut_off(tmp_path: Path) -> None:
    """A float recording may hold any number; the picture is drawn all the same."""
    loud = sounding()
    loud.write(Block(160_000, np.full((160_000, 1), 1e30, np.float32), 20.0))
    with keeping(tmp_path, {"fan": loud}, picture=True) as evidence:
        told(evidence, "new", 200_000, 220_000)
        told(evidence, "end", 200_000, 220_000)
        until(lambda: evidence.counters()["evidence.written"] == 2)
    samples, _ = soundfile.read(tmp_path / AUDIO)
    assert 52_000 == len(samples)
    assert samples.min() > 0.999


def test_two_streams_at_once(tmp_path: Path) -> None:
    """Each has its own sound."""
    other = f"pump/2026-01-02/030405-{ID}f.flac"
    with keeping(tmp_path, {"fan": ring(9000), "pump": ring(7000)}) as evidence:
        for kind in ("new", "end"):
            told(evidence, kind, 2000, 3000)
            told(evidence, kind, 4000, 4500, stream="pump", number=f"{ID}f")
        until(lambda: files(tmp_path) == [AUDIO, other])
    assert list(range(1000, 4000)) == indices(tmp_path / AUDIO)
    assert list(range(3000, 5500)) == indices(tmp_path / other)


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


def sounding() -> Ring:
    """Ten seconds of noise at the usual rate."""
    made = Ring(160_000, item=(1,), rate_hz=16_000)
    made.write(Block(0, np.random.default_rng(0).normal(0, 0.1, (160_000, 1)).astype(np.float32), 10.0))
    return made


def test_without_audio_there_is_a_picture_and_never_any_sound_on_disk(tmp_path: Path) -> None:
    """The picture decodes, is handed on as it is on the disk, and is all that the event names."""
    from matplotlib.image import imread

    pictures: list[tuple[str, bytes]] = []
    config = EvidenceConfig(audio=False, free=0)
    evidence = of({"fan": sounding()}, Evidence(tmp_path, config, pictured=lambda stream, png: pictures.append((stream, png))))
    event = told(evidence, "new", 60_000, 80_000)
    evidence.event(event)
    until(lambda: evidence._exhibits != {})
    assert [] == files(tmp_path)
    told(evidence, "end", 60_000, 80_000)
    until(lambda: pictures != [])
    evidence.close()
    name = AUDIO.replace(".flac", ".png")
    assert {"picture": name} == event.evidence
    assert [name] == files(tmp_path)
    assert [("fan", (tmp_path / name).read_bytes())] == pictures
    assert (340, 800) == imread(io.BytesIO(pictures[0][1]), format="png").shape[:2]


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
