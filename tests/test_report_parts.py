"""What a report is made of: words, courses, closeups, and how much of them there is."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import soundfile

from monitor.demo.fault import Planted
from monitor.demo.sound import RATE_HZ
from monitor.offline import Judging, ready, setting
from monitor.recording import Recording, open_recording
from monitor.records import Event, Judgement
from monitor.report import gather as gathering
from monitor.report import heard
from monitor.report.basis import Basis
from monitor.report.chronicle import Chronicle, Section
from monitor.report.closeup import Closeup, Picture, Sound
from monitor.report.curve import Curve, Scale
from monitor.report.gather import MOST, ROOM, gather
from monitor.report.page import page
from monitor.report.timeline import timeline
from monitor.source.memory import Memory
from monitor.words import Normal, count, lasting, rarity
from tests.events import step

TWENTY_MINUTES = Normal(hop_s=0.5, held_out_s=1200.0, vouched_per_day=216.0)
BASIS = Basis("pump.safetensors (0f0f)", "", 1.0, 7.0, extrapolated=True, window_s=2.1, normal=TWENTY_MINUTES)
RATE, LENGTH, HOP = 100, 20, 10


def curve(*scores: float) -> Curve:
    """Of windows half of which overlap."""
    made = Curve()
    for i, score in enumerate(scores):
        made.add(Judgement("fan", i * HOP, i * HOP + LENGTH, 0, score, 0.1, {}, -30.0, {}, (i * HOP, i * HOP + LENGTH)))
    return made


def section(name: str = "a.wav", scores: int = 10, events: int = 0) -> Section:
    """A file with events that are ever stranger."""
    items = np.zeros((scores * HOP + LENGTH, 1), np.float32)
    recording = Recording(Path(name), len(items) / RATE, short=False, source=Memory(items, rate_hz=RATE))
    told = [step(1, type="end", id=f"{name}-{i}", peak_score=10.0 + i, start_index=i, end_index=i + 5) for i in range(events)]
    return Section(recording, curve(*np.arange(scores)), told)


def chronicle(*sections: Section) -> Chronicle:
    """Of files that were heard."""
    made = Chronicle(lambda sentence: None)
    made._begun += sections
    return made


def small(weight: int = 0) -> Closeup:
    """A closeup that weighs little more than its sound."""
    picture = Picture("what was heard", np.zeros((2, 2, 3), np.uint8))
    return Closeup((picture,), sounds=(Sound("what was heard", bytes(weight)),))


# --- words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "1 second"), (40, "40 seconds"), (115, "115 seconds"), (150, "2.5 minutes"), (1200, "20 minutes"), (9.2 * 86400, "9.2 days")],
)
def test_a_duration_is_told_in_the_unit_of_which_there_are_some(seconds: float, words: str) -> None:
    """Two at least, and no more digits than one cares for."""
    assert words == lasting(seconds)


@pytest.mark.parametrize(
    ("p_value", "words"),
    [
        (0.5 / 300, "about once in 5 minutes of normal"),
        (0.5 / 3600, "about once in 60 minutes of normal (extrapolated from 20 minutes of normal)"),
        (0.5 / (9 * 86400), "about once in 9 days of normal (extrapolated from 20 minutes of normal)"),
        (1e-30, "less than once in 14 days of normal (extrapolated from 20 minutes of normal)"),
    ],
)
def test_rarity_says_what_it_rests_on(p_value: float, words: str) -> None:
    """Counted where there was enough normal to count on, extrapolated beyond, and no further than a thousand times what was there."""
    assert words == rarity(p_value, TWENTY_MINUTES)


def test_one_is_not_many() -> None:
    """Grammar."""
    assert ["1 event", "2 events", "0 stretches"] == [count(1, "event"), count(2, "event"), count(0, "stretch", "stretches")]


# --- the course


def test_a_course_of_few_steps_keeps_every_peak() -> None:
    """Each step shows the strangest of its windows, and they cover the recording without a hole."""
    made = curve(*[0.0] * 49, 9.0, *[0.0] * 50)
    edges, scores = made.steps(10)
    assert [0.0] * 4 + [9.0] + [0.0] * 5 == scores.tolist()
    assert (0, made.end) == (edges[0], edges[-1])
    assert (np.diff(edges) > 0).all()
    assert edges[4] < 500 < edges[5]  # the middle of that window


def test_one_window_is_a_course() -> None:
    """A level line from the beginning to the end."""
    shown = timeline(Section(section().recording, curve(3.0)), threshold=7.0)
    [(left, height), (right, same)] = shown.curve
    assert (0.0, 1.0) == (left, right)
    assert 0 < height == same < shown.level < 1


def test_normal_and_peaks_are_seen_at_once() -> None:
    """The alarm level is no line at the floor, though the highest score is a hundred times as high."""
    scale = Scale.of(7.0, 700.0)
    assert scale.height(7.0) > 0.1
    assert [0.0, *sorted(map(scale.height, (3, 7, 70, 700)))] == list(map(scale.height, (-5, 3, 7, 70, 700)))
    assert scale.height(700.0) < 1


# --- closeups


@pytest.fixture(scope="module")
def by(model: Path) -> Judging:
    """The engine of the machine room."""
    return ready(setting(config_path=None, name=None, model=model, profile=None, rate=None, paths=[Path()]))


@pytest.fixture(scope="module")
def recording(by: Judging, faulty: tuple[Path, list[Planted]]) -> Recording:
    """The faulty room."""
    return open_recording(faulty[0], by.reads, length=by.opened.representation.length)


def event(start_s: float, end_s: float, strangest_s: float = 0.0) -> Event:
    """From 1 to 4 kHz, and so many seconds after its start the strangest."""
    where = {"low_hz": 1000.0, "high_hz": 4000.0, "start_s": strangest_s, "end_s": strangest_s + 1}
    return step(1, type="end", stream="replay", start_index=round(start_s * RATE_HZ), end_index=round(end_s * RATE_HZ), where=where)


END = 76 * RATE_HZ


@pytest.mark.parametrize(
    ("told", "begins_s"),
    [
        (event(20, 23), 18.0),  # 2 s before
        (event(1, 3), 0.0),  # where there is nothing before
        (event(74, 76), 76 - 8.192),  # where there is nothing behind
        (event(10, 60, 30), 38.0),  # longer than it may be: about the strangest part
    ],
)
def test_a_closeup_is_of_the_event(told: Event, begins_s: float, recording: Recording, by: Judging) -> None:
    """What is heard is the recording from a little before it on, to the sample; what is shown is as long."""
    shown = heard.closeup(told, recording, END, by)
    assert {(64, 128, 3)} == {picture.pixels.shape for picture in shown.pictures}
    clip, normal = (soundfile.read(BytesIO(each.flac), dtype="float32")[0] for each in shown.sounds)
    assert (131_072, 131_072) == (len(clip), len(normal))
    whole, _ = soundfile.read(recording.path, dtype="float32")
    lead = 384  # samples before the first column of a window
    begin = min(round(begins_s * RATE_HZ) + lead, END - len(clip) - lead)
    np.testing.assert_allclose(whole[begin : begin + len(clip)], clip, atol=2**-15)
    longer = "The event lasts longer than these 8 s about its strangest part."
    assert [longer] * (told.end_index - told.start_index > len(clip)) == list(shown.notes)


def test_the_frame_is_about_the_event(recording: Recording, by: Judging) -> None:
    """Its seconds across, its band upward, in shares of the picture."""
    shown = heard.closeup(event(20, 23), recording, END, by)
    assert shown.box is not None
    left, top, width, height = shown.box
    assert (2 - 0.024) / 8.192 == pytest.approx(left, abs=1e-3)
    assert 3 / 8.192 == pytest.approx(width)
    marks = dict(shown.upward)
    assert marks["1 kHz"] == pytest.approx(1 - top - height)
    assert marks["3 kHz"] < 1 - top < marks["8 kHz"]


@pytest.mark.parametrize(("peaks", "played"), [((0.001, 0.0005), (0.708, 0.354)), ((0.001, 0.2), (0.001, 0.2))])
def test_what_is_faint_is_played_louder(peaks: tuple[float, float], played: tuple[float, float]) -> None:
    """Where neither could be heard, both by as much, and that is said; else they are left as they are."""
    tone = np.sin(np.arange(RATE_HZ, dtype=np.float32))[:, None]
    pair, notes = heard.sounds(peaks[0] * tone, peaks[1] * tone, RATE_HZ)
    assert played == pytest.approx([np.abs(soundfile.read(BytesIO(each.flac))[0]).max() for each in pair], abs=1e-3)
    assert ["Both are played 57 dB louder than they were recorded."] * (played != peaks) == list(notes)


# --- how much of it there is


def test_the_strangest_are_shown_as_long_as_there_is_room(monkeypatch: pytest.MonkeyPatch, by: Judging) -> None:
    """Three of five, from the strangest on; the others are told of in the table."""
    monkeypatch.setitem(gathering._CLOSEUP, "audio", lambda *_: small(1000))
    told = chronicle(section(events=5))
    closeups = gather(told, by, room=3500)
    assert ["a.wav-4", "a.wav-3", "a.wav-2"] == list(closeups)
    written = page(told, BASIS, closeups)
    assert "The strangest 3 are shown in full, 2 more in the tables." in " ".join(written.split())


def test_what_cannot_be_read_again_says_so(by: Judging, tmp_path: Path) -> None:
    """A file that went away meanwhile costs its pictures, and not the report."""
    gone = section(str(tmp_path / "gone.wav"), events=1)
    [closeup] = gather(chronicle(gone), by).values()
    assert (f"It cannot be shown: {gone.recording.path}: no such file.",) == closeup.notes


def test_a_report_is_never_larger_than_five_megabytes() -> None:
    """Not with a hundred long files of a hundred events each, nor with closeups that take all the room."""
    told = chronicle(*(section(f"{i}.wav", scores=2000, events=100) for i in range(100)))
    closeups = {event.id: small(ROOM // MOST) for _, event in told.events[:MOST]}
    written = page(told, BASIS, closeups)
    assert 4_000_000 < len(written) < 5_000_000
    assert MOST == written.count("<article")


def test_names_of_files_are_no_code() -> None:
    """Whatever a file is called, it is text."""
    told = replace(section("<script>alert(1)</script>.wav").recording)
    written = page(chronicle(Section(told, curve(1.0))), BASIS, {})
    assert "<script>alert" not in written
