"""What `replay` writes for a person: opened in a browser without a network, and as a picture."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from monitor.demo.fault import Planted
from monitor.demo.sound import RATE_HZ, Room
from tests.browser import page
from tests.command import diffmon, names
from tests.conftest import Make
from tests.disk import no_room
from tests.films import SIDE, film, seen


@pytest.fixture(scope="module")
def report(made: Make, model: Path, faulty: tuple[Path, list[Planted]]) -> Path:
    """The report on the faulty room; beside it the picture, with another suffix."""

    def write(out: Path) -> None:
        picture = out.with_name("report.png")
        done = diffmon("replay", faulty[0], "--model", model, "--report", out, "--png", picture, "--fail-on-anomaly")
        assert (3, "") == (done.exit_code, done.stderr)
        assert len(faulty[1]) + 1 == len(done.stdout.splitlines())

    return made("report.html", write)


def broken_pictures(opened: Page) -> list[str]:
    """Names of pictures that do not show."""
    found: list[str] = opened.evaluate("[...document.images].filter((image) => !image.naturalWidth).map((image) => image.alt)")
    return found


@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (390, "dark")])
def test_a_report_opens_from_disk_without_a_network(report: Path, browser: Browser, width: int, scheme: str) -> None:
    """An article an event with three pictures that show, nothing asked of any host, and nothing wider than a phone."""
    asked: list[str] = []
    with page(browser, offline=True, width=width, scheme=scheme) as opened:  # type: ignore[arg-type]
        opened.on("request", lambda request: asked.append(request.url))
        opened.goto(report.as_uri())
        expect(opened.locator("article.event")).to_have_count(4)
        expect(opened.locator("article.event img")).to_have_count(12)
        assert [] == broken_pictures(opened)
        assert width == opened.evaluate("document.documentElement.scrollWidth")
    assert {report.as_uri()} == {url for url in asked if not url.startswith("data:")}


def test_a_report_plays(report: Path, browser: Browser) -> None:
    """The clip plays, and the other player, started meanwhile, takes over where it was."""
    with page(browser, offline=True) as opened:
        opened.goto(report.as_uri())
        advanced = "(i) => { const player = document.querySelectorAll('audio')[i]; return !player.paused && player.currentTime > 0.3; }"
        opened.evaluate("document.querySelectorAll('audio')[0].play()")
        opened.wait_for_function(advanced, arg=0)
        at = opened.evaluate("document.querySelectorAll('audio')[0].currentTime")
        opened.evaluate("document.querySelectorAll('audio')[1].play()")
        opened.wait_for_function(advanced, arg=1)
        first, second = opened.evaluate("[...document.querySelectorAll('audio')].map((player) => [player.paused, player.currentTime])")[:2]
        assert (True, False) == (first[0], second[0])
        assert at <= second[1]


def test_a_picture_is_clicked_to_hear_what_it_shows(report: Path, browser: Browser) -> None:
    """The clip plays from the middle, and a line says where it is."""
    with page(browser, offline=True) as opened:
        opened.goto(report.as_uri())
        opened.locator("article.event .picture").first.click()
        opened.wait_for_function("document.querySelector('audio').currentTime > 4")
        left, width = opened.evaluate("[document.querySelector('.head').offsetLeft, document.querySelector('.picture').clientWidth]")
        assert width / 2 - 10 <= left <= width


def test_an_event_is_told_in_plain_words(report: Path, browser: Browser, faulty: tuple[Path, list[Planted]]) -> None:
    """When, where, and how rare it would be in normal, and what that rests on."""
    with page(browser, offline=True) as opened:
        opened.goto(report.as_uri())
        expect(opened.locator("h1")).to_have_text("4 events in faulty.wav")
        told = opened.locator("article.event").all_inner_texts()
    for number, (words, fault) in enumerate(zip(told, faulty[1], strict=True), 1):
        begin = re.search(rf"Event {number}: (\d+):([\d.]+) to ", words)
        assert begin is not None
        assert fault.onset_s - 0.3 <= 60 * int(begin[1]) + float(begin[2]) <= fault.end_s
        assert re.search(r"\d+ to \d+ Hz", words)
        assert re.search(r"than? once in .* of normal \(extrapolated from \d+ seconds of normal\)", words)


def test_the_picture_shows_the_same(report: Path) -> None:
    """A PNG of the course and the three strangest events."""
    with Image.open(report.with_name("report.png")) as picture:
        assert ("PNG", 1100) == (picture.format, picture.width)
        assert 900 < picture.height


def test_nothing_strange_is_a_report_too(model: Path, tmp_path: Path, browser: Browser) -> None:
    """It says that there was no event, and shows the course."""
    soundfile.write(tmp_path / "day.wav", Room.drawn(1).sound(20, seed=12), RATE_HZ)
    out = tmp_path / "out.html"
    done = diffmon("replay", tmp_path / "day.wav", "--model", model, "--report", out, "--png", tmp_path / "out.png")
    assert 0 == done.exit_code, done.stderr
    with page(browser, offline=True) as opened:
        opened.goto(out.as_uri())
        expect(opened.locator("h1")).to_have_text("No event in day.wav")
        expect(opened.locator("polyline")).to_have_count(1)
        expect(opened.locator("article")).to_have_count(0)
    assert ["day.wav", "out.html", "out.png"] == names(tmp_path)


def test_a_folder_has_a_section_a_file(model: Path, tmp_path: Path, browser: Browser) -> None:
    """Each under its name, whatever that is; what could not be read, or not to its end, is named, and the exit code says so."""
    heard = tmp_path / "heard"
    heard.mkdir()
    odd = "<img src=x onerror=alert(1)> & $x^{$ 录.wav"
    soundfile.write(heard / odd, Room.drawn(1).sound(6, seed=13), RATE_HZ)
    soundfile.write(heard / "short.wav", Room.drawn(1).sound(1, seed=13), RATE_HZ)
    broken = Room.drawn(1).sound(12, seed=13)
    broken[-RATE_HZ] = np.nan
    soundfile.write(heard / "broken.wav", broken, RATE_HZ, subtype="FLOAT")
    (heard / "torn.wav").write_bytes(b"RIFF")
    out = tmp_path / "out.html"
    done = diffmon("replay", heard, "--model", model, "--report", out, "--png", tmp_path / "out.png")
    assert 1 == done.exit_code
    with page(browser, offline=True) as opened:
        opened.goto(out.as_uri())
        assert [odd, "broken.wav", "short.wav"] == opened.locator("h2").all_inner_texts()
        expect(opened.locator("header li")).to_contain_text([r"broken.wav: sample", "torn.wav: is not a sound file"])
        expect(opened.locator("main")).to_contain_text("too short for a window")
        expect(opened.locator("img")).to_have_count(0)


def test_a_short_recording_is_shown_as_it_was_judged(model: Path, tmp_path: Path, browser: Browser) -> None:
    """Less than a window of what is strange: one event, filled up to a window, that can be heard."""
    rng = np.random.default_rng(0)
    soundfile.write(tmp_path / "bang.wav", 0.5 * rng.standard_normal(8000).clip(-1, 1), RATE_HZ)
    out = tmp_path / "out.html"
    assert 0 == diffmon("replay", tmp_path / "bang.wav", "--model", model, "--report", out).exit_code
    with page(browser, offline=True) as opened:
        opened.goto(out.as_uri())
        expect(opened.locator("article.event img")).to_have_count(3)
        assert [] == broken_pictures(opened)


def test_a_video_shows_frames(gate: Path, tmp_path: Path, browser: Browser) -> None:
    """Of its strangest frame: what was seen, what normal would have been, and both compared; nothing to hear."""
    path = film(tmp_path / "a.mp4", [seen(1000 + i, 100 <= i < 130) for i in range(200)], rate_hz=10)
    out, picture = tmp_path / "out.html", tmp_path / "out.png"
    assert 0 == diffmon("replay", path, "--model", gate / "gate.model", "--report", out, "--png", picture).exit_code
    with page(browser, offline=True) as opened:
        opened.goto(out.as_uri())
        titles = ["what was seen", "what normal would have been", "where they differ"]
        assert titles == opened.locator("article.event figcaption").all_inner_texts()
        assert [SIDE] * 3 == opened.evaluate("[...document.images].map((image) => image.naturalWidth)")
        expect(opened.locator("audio")).to_have_count(0)
        expect(opened.locator("article.event")).to_contain_text("0:10.0 to 0:13.0")
    with Image.open(picture) as shown:
        assert "PNG" == shown.format


@pytest.mark.parametrize("option", ["--report", "--png"])
def test_what_cannot_be_written_is_refused_first(option: str, normal_wav: Path, tmp_path: Path) -> None:
    """Before the model is so much as looked for."""
    out = tmp_path / "gone" / "out"
    done = diffmon("replay", normal_wav, "--model", tmp_path / "none", option, out)
    assert (1, "", f"diffmon: {out}: the folder {out.parent} does not exist\n") == (done.exit_code, done.stdout, done.stderr)
    done = diffmon("replay", normal_wav, "--model", tmp_path / "none", option, tmp_path)
    assert f"diffmon: {tmp_path}: is a folder, expected the name of a file\n" == done.stderr
    assert [] == names(tmp_path)


def test_a_replay_that_fails_leaves_no_report(model: Path, tmp_path: Path) -> None:
    """A path that is not there ends it, and nothing is left behind."""
    done = diffmon("replay", tmp_path / "gone.wav", "--model", model, "--report", tmp_path / "out.html", "--png", tmp_path / "out.png")
    assert 1 == done.exit_code
    assert [] == names(tmp_path)


def test_a_full_disk_leaves_no_half_a_report(model: Path, tmp_path: Path) -> None:
    """It is said, and what was there before is left as it was."""
    soundfile.write(tmp_path / "day.wav", Room.drawn(1).sound(4, seed=12), RATE_HZ)
    out = tmp_path / "out.html"
    out.write_text("the last one")
    with no_room(1000):
        done = diffmon("replay", tmp_path / "day.wav", "--model", model, "--report", out)
    assert (1, f"diffmon: {out}: cannot be written: File too large\n") == (done.exit_code, done.stderr)
    assert "the last one" == out.read_text()
    assert ["day.wav", "out.html"] == names(tmp_path)


def test_one_file_cannot_be_both(tmp_path: Path) -> None:
    """A usage error."""
    done = diffmon("replay", tmp_path, "--model", tmp_path, "--report", tmp_path / "out", "--png", tmp_path / "out")
    assert 2 == done.exit_code
    assert "--report and --png name the same file" in done.stderr


def test_what_is_replayed_is_not_written_over(tmp_path: Path) -> None:
    """A usage error, and the recording is as it was."""
    recording = tmp_path / "day.wav"
    soundfile.write(recording, Room.drawn(1).sound(1, seed=12), RATE_HZ)
    before = recording.read_bytes()
    done = diffmon("replay", recording, "--model", tmp_path, "--png", tmp_path / "." / "day.wav")
    assert 2 == done.exit_code
    assert "is to be replayed, expected another file to write to" in done.stderr
    assert before == recording.read_bytes()


def test_of_nothing_that_was_judged_there_is_no_report(tmp_path: Path, model: Path) -> None:
    """Where no file can be used that is said, and no page is left that tells of nothing."""
    (tmp_path / "text.wav").write_text("hello")
    done = diffmon("replay", tmp_path / "text.wav", "--model", model, "--report", tmp_path / "out.html", "--png", tmp_path / "out.png")
    assert 1 == done.exit_code
    assert "1 file could not be used" in done.stderr
    assert ["text.wav"] == names(tmp_path)
