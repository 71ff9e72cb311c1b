"""The live page as a person sees it: a real browser, daemon and model."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.asking import ask
from tests.broker import until
from tests.browser import browser as browser  # noqa: PLC0414  # a fixture
from tests.browser import opened
from tests.piped import Room, configured, daemon
from tests.scripted import PATIENCE_S

PATIENCE_MS = 1000 * PATIENCE_S
SOON_S = 3.0
"""How soon a fault is seen."""
TRIES = 3
"""On a machine that does other things as well."""
PHONE = {"viewport": {"width": 390, "height": 844}}


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
def looked(browser: Browser, url: str, **settings: object) -> Iterator[Page]:
    """The page, live, of which the console has nothing to complain."""
    complaints: list[str] = []
    with opened(browser, url, complaints, **settings) as page:
        expect(page.locator("#link")).to_have_text("live", timeout=PATIENCE_MS)
        yield page
    assert [] == complaints


def normal(page: Page) -> None:
    """Returns when the stream is heard and normal."""
    expect(page.locator(".card .pill").first).to_have_text("Normal", timeout=PATIENCE_MS)


def planted(page: Page, room: Room) -> float:
    """Plants a fault once all is normal; how long it took until it was seen, in seconds."""
    normal(page)
    before = page.locator(".event").count()
    began_s = room.whistle()
    expect(page.locator(".event")).to_have_count(before + 1, timeout=PATIENCE_MS)
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
        expect(event).to_contain_text("Normal is as strange as this")
        expect(event.locator(".pill")).to_have_text("over", timeout=PATIENCE_MS)
        assert any(planted(page, room) <= SOON_S for _ in range(TRIES))


def test_what_was_heard_is_drawn_and_played(browser: Browser, url: str, room: Room) -> None:
    """Spectrogram and score from the first moment on, on a phone; the event's picture loads, and its sound plays."""
    with looked(browser, url, **PHONE) as page:
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
        assert 390 == page.evaluate("document.documentElement.scrollWidth")


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


def test_what_is_commanded_is_in_force(browser: Browser, url: str) -> None:
    """Another rate moves the alarm level; a silence mutes the stream until it is ended."""
    with looked(browser, url) as page:
        normal(page)
        numbers = page.locator(".numbers")
        expect(numbers).to_contain_text("alarm at", timeout=PATIENCE_MS)
        before = numbers.inner_text().partition("alarm at")[2]
        page.get_by_text("Change").click()
        page.get_by_label("False alarms accepted a day").fill("500")
        page.get_by_role("button", name="Set").click()
        until(lambda: numbers.inner_text().partition("alarm at")[2] != before, timeout_s=PATIENCE_S)
        page.get_by_role("button", name="Silence").click()
        expect(page.locator(".card .pill").first).to_have_text("Muted", timeout=PATIENCE_MS)
        page.get_by_role("button", name="Tell events again").click()
        normal(page)
        page.get_by_label("False alarms accepted a day").fill("1")
        page.get_by_role("button", name="Set").click()
        until(lambda: numbers.inner_text().partition("alarm at")[2] == before, timeout_s=PATIENCE_S)


def test_the_page_comes_back_with_the_daemon(browser: Browser, model: Path, room: Room, tmp_path: Path) -> None:
    """It says that there is none while it is away; then it goes on by itself, and still knows what was told."""
    config, port = configured(tmp_path, model)
    complaints: list[str] = []
    with opened_after_start(browser, config, port, room, complaints) as page:
        planted(page, room)
    with opened(browser, "about:blank", complaints) as page:
        with daemon(config, room):
            until(lambda: answers(port), timeout_s=PATIENCE_S)
            page.goto(f"http://127.0.0.1:{port}/")
            expect(page.locator("#link")).to_have_text("live", timeout=PATIENCE_MS)
            expect(page.locator(".event")).to_have_count(1)
        expect(page.locator("#link")).to_contain_text("no connection", timeout=PATIENCE_MS)
        with daemon(config, room):
            expect(page.locator("#link")).to_have_text("live", timeout=PATIENCE_MS)
            planted(page, room)
            expect(page.locator(".event")).to_have_count(2)
    assert all("net::ERR_" in each for each in complaints), complaints


@contextmanager
def opened_after_start(browser: Browser, config: Path, port: int, room: Room, complaints: list[str]) -> Iterator[Page]:
    """The page of a daemon of its own."""
    with daemon(config, room):
        until(lambda: answers(port), timeout_s=PATIENCE_S)
        with opened(browser, f"http://127.0.0.1:{port}/", complaints) as page:
            yield page


def test_who_does_not_know_the_token_sees_nothing(browser: Browser, model: Path, room: Room, tmp_path: Path) -> None:
    """The page asks for it; a wrong one is refused, the right one lets in, for long."""
    (tmp_path / "token").write_text("correct-horse-battery\n")
    config, port = configured(tmp_path, model, web='host = "127.0.0.1"\ntoken_file = "token"')
    with daemon(config, room):
        until(lambda: answers(port), timeout_s=PATIENCE_S)
        assert [401, 401, 401] == [ask(port, path).status for path in ("/live", "/session", "/evidence/room/2026-01-01/000000-a.png")]
        complaints: list[str] = []
        with opened(browser, f"http://127.0.0.1:{port}/", complaints) as page:
            page.get_by_label("Token").fill("correct-horse-batterie")
            page.get_by_role("button").click()
            expect(page.get_by_role("alert")).to_have_text("That is not the token.")
            complaints.clear()  # the browser reports the refusal
            page.get_by_label("Token").fill("correct-horse-battery")
            page.get_by_role("button").click()
            expect(page.locator("#link")).to_have_text("live", timeout=PATIENCE_MS)
            cookie = next(iter(page.context.cookies()))
            assert (True, "Strict") == (cookie["httpOnly"], cookie["sameSite"])  # type: ignore[typeddict-item]
            assert "correct-horse-battery" not in json.dumps(cookie)
            assert [] == complaints
    assert "correct-horse-battery" not in (tmp_path / "journal.jsonl").read_text()
