"""The sound and the picture of an event, as files."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import soundfile

from monitor.config import EvidenceConfig
from monitor.evidence.sink import Evidence
from monitor.records import Block
from tests.broker import until
from tests.keeping import AUDIO, ID, files, indices, keeping, of, pour, ring, sounding, told


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
