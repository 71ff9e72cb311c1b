"""The live page as a person sees it: a real browser, daemon and model."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.asking import ask
from tests.broker import until
from tests.browser import complaining
from tests.browser import page as blank
from tests.command import diffmon
from tests.piped import Room, configured, daemon
from tests.scripted import PATIENCE_S

PATIENCE_MS = 1000 * PATIENCE_S
SOON_S = 3.0
"""How soon a fault is seen."""


@pytest.fixture(scope="module")
def room(normal_wav: Path) -> Room:
    """What is heard."""
    return Room(normal_wav)


@pytest.fixture(scope="module")
def barn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where that daemon keeps what it keeps."""
    return tmp_path_factory.mktemp("barn")


@pytest.fixture(scope="module")
def url(model: Path, room: Room, barn: Path) -> Iterator[str]:
    """Of the page of a daemon that hears the room."""
    config, port = configured(barn, model, more='[evidence]\nfree = "0B"\nafter = "500ms"')
    with daemon(config, room):
        until(lambda: answers(port), timeout_s=PATIENCE_S)
        yield f"http://127.0.0.1:{port}/"


def answers(port: int) -> bool:
    """Whether somebody serves the page."""
    try:
        return ask(port, "/session").status in (200, 401)
    except OSError:
        return False


@contextmanager
def looked(browser: Browser, url: str) -> Iterator[Page]:
    """The page, live, of which the console has nothing to complain."""
    with blank(browser) as page:
        page.goto(url)
        expect(page.locator("#link")).to_have_text("live", timeout=PATIENCE_MS)
        yield page


def normal(page: Page) -> None:
    """Returns when the stream is heard and normal."""
    expect(page.locator(".card .pill").first).to_have_text("Normal", timeout=PATIENCE_MS)


def planted(page: Page, room: Room) -> float:
    """Plants a fault once all is normal; how long it took until it was seen, in seconds."""
    normal(page)
    before = page.locator(".event").count()
    began_s = room.whistle()
    expect(page.locator(".event")).not_to_have_count(before, timeout=PATIENCE_MS)
    return time.monotonic() - began_s


def test_a_fault_is_seen_within_three_seconds(browser: Browser, url: str, room: Room) -> None:
    """With its band, and how rarely normal is like that; its stream is not normal while it lasts."""
    with looked(browser, url) as page:
        normal(page)
        room.whistle(4.0)
        expect(page.locator(".card .pill").first).to_have_text("Not normal", timeout=PATIENCE_MS)
        expect(page).to_have_title("Not normal: room")
        event = page.locator(".event").first
        expect(event).to_contain_text("Hz")
        expect(event).to_contain_text("How rare: ")
        expect(event.locator(".pill")).to_have_text("over", timeout=PATIENCE_MS)
        # On a machine that does other things as well it may take a few.
        until(lambda: planted(page, room) <= SOON_S, timeout_s=PATIENCE_S)


def test_what_was_heard_is_drawn_and_played(browser: Browser, url: str, room: Room) -> None:
    """Spectrogram and score from the first moment on; the event's picture loads, and its sound plays."""
    with looked(browser, url) as page:
        planted(page, room)
        for strip in (".sound", ".score"):
            drawn = "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(each => each > 0)"
            assert page.locator(strip).first.evaluate(drawn)
        event = page.locator(".event").first
        expect(event.locator("audio")).to_be_visible(timeout=PATIENCE_MS)
        event.locator("img").scroll_into_view_if_needed()
        until(lambda: event.locator("img").evaluate("img => img.complete && img.naturalWidth > 0"), timeout_s=PATIENCE_S)
        event.locator("audio").evaluate("audio => audio.play()")
        until(lambda: event.locator("audio").evaluate("audio => audio.currentTime > 0.3"), timeout_s=PATIENCE_S)


def test_normal_is_said_to_the_daemon(browser: Browser, url: str, room: Room, barn: Path) -> None:
    """The button keeps the event's clip as normal, and the page says so, also to who comes later."""
    with looked(browser, url) as page:
        planted(page, room)
        event = page.locator(".event").first
        event.get_by_role("button", name="This is normal").click(timeout=PATIENCE_MS)
        expect(event).to_contain_text("Kept as normal", timeout=PATIENCE_MS)
        name = event.get_attribute("data-event")
        page.reload()
        expect(page.locator(f"[data-event='{name}']")).to_contain_text("Kept as normal", timeout=PATIENCE_MS)
    assert (barn / "state" / "normal" / "room" / "marked" / f"{name}.flac").is_file()


def test_the_page_comes_back_with_the_daemon(browser: Browser, model: Path, normal_wav: Path, tmp_path: Path) -> None:
    """It says that there is none while it is away; then it goes on by itself, and still knows what was told."""
    room = Room(normal_wav)
    config, port = configured(tmp_path, model)
    complaints: list[str] = []
    with complaining(browser, complaints) as page:
        with daemon(config, room):
            until(lambda: answers(port), timeout_s=PATIENCE_S)
            page.goto(f"http://127.0.0.1:{port}/")
            expect(page.locator("#link")).to_have_text("live", timeout=PATIENCE_MS)
            planted(page, room)
        expect(page.locator("#link")).to_contain_text("no connection", timeout=PATIENCE_MS)
        before = page.locator(".event").count()
        with daemon(config, room):
            expect(page.locator("#link")).to_have_text("live", timeout=PATIENCE_MS)
            page.reload()
            expect(page.locator(".event")).to_have_count(before, timeout=PATIENCE_MS)
            planted(page, room)
    # That nobody answered while there was no daemon, the browser reports.
    assert all("net::ERR_" in each for each in complaints), complaints


@pytest.mark.parametrize(
    ("web", "expected"),
    [
        ('host = "0.0.0.0"', "web: token_file: missing, and others than this machine reach '0.0.0.0': expected a file with a token"),
        ('token_file = "gone"', "web.token_file: {folder}/gone: cannot be read: No such file or directory"),
        ('token_file = "diffmon.toml"', "web.token_file: {folder}/diffmon.toml: the first line is no token, expected 16 to 200"),
    ],
)
def test_a_page_that_is_not_guarded_as_it_must_be_is_refused(model: Path, tmp_path: Path, web: str, expected: str) -> None:
    """Before anything is heard, as a wrong configuration."""
    config, _ = configured(tmp_path, model, web)
    done = diffmon("run", "--config", config)
    assert (78, True) == (done.exit_code, expected.format(folder=tmp_path) in done.stderr), done.stderr


def test_what_is_missing_is_named(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install; without the section nobody misses it."""
    config, _ = configured(tmp_path, model)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    done = diffmon("check", "--config", config)
    assert 78 == done.exit_code
    assert f"diffmon: {config}: web: needs uvicorn, which is not installed, expected: pip install 'diffmon[web]'\n" == done.stderr
    config.write_text(config.read_text().replace("[web]", "[health]"))
    assert 0 == diffmon("check", "--config", config).exit_code
