"""The live page in a browser, with what a test says behind it: each state of things, and what the buttons do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from monitor.evidence.overlay import png
from monitor.flac import write_bytes
from monitor.marked import mark
from monitor.records import Block, Command, StreamStatus
from tests.broker import until
from tests.browser import complaining
from tests.browser import page as blank
from tests.events import READING
from tests.paged import ID, Shown, event, paged, tone
from tests.scripted import EPOCH

TOKEN = "correct-horse-battery"


@contextmanager
def seen(browser: Browser, shown: Shown, **settings: Any) -> Iterator[Page]:
    """The page, live, of which the console has nothing to complain."""
    with blank(browser, **settings) as page:
        page.goto(shown.url)
        expect(page.locator("#link")).to_have_text("live")
        yield page


@pytest.fixture
def shown(tmp_path: Path) -> Iterator[Shown]:
    """A page of a daemon that keeps evidence, of which there is none."""
    with paged(tmp_path) as page:
        yield page


def card(page: Page, stream: str = "fan") -> Any:
    """What is shown of a stream."""
    return page.locator(f"[data-stream={stream}]")


def test_before_anything_is_heard(browser: Browser, shown: Shown) -> None:
    """The models are being loaded, and there is no event yet."""
    with seen(browser, shown) as page:
        expect(card(page)).to_contain_text("its model is being loaded")
        expect(page.get_by_role("alert")).to_have_text("pipeline: starting: the models are being loaded")
        expect(page.get_by_text("No event yet.")).to_be_visible()
        shown.online()
        expect(card(page).locator(".pill")).to_have_text("Normal")
        expect(page.locator("#trouble")).to_be_hidden()


@pytest.mark.parametrize(
    ("status", "reason", "word", "said"),
    [
        ("no_signal", "covered", "No signal", "the picture is of one colour: look at the lens"),
        ("no_signal", "constant", "No signal", "look at cable, switch and gain"),
        ("offline", "microphone 'USB': not found", "Offline", "microphone 'USB': not found; it is tried again"),
        ("learning", None, "Learning", "not judged before it has learned what is normal here"),
        ("disabled", None, "Switched off", "it is heard, and not judged"),
    ],
)
def test_a_stream_that_is_not_watched_says_why(
    browser: Browser, shown: Shown, status: StreamStatus, reason: str | None, word: str, said: str
) -> None:
    """In words that say what to do."""
    shown.online()
    shown.vitals.statuses["fan"], shown.vitals.reason = status, lambda stream: reason
    with seen(browser, shown) as page:
        expect(card(page).locator(".pill")).to_have_text(word)
        expect(card(page)).to_contain_text(said)


def test_the_disk_is_full(browser: Browser, shown: Shown) -> None:
    """It is said above all, and of an event that nothing of it is there; it is told all the same."""
    shown.online()
    shown.vitals.evidence_failing = lambda: True
    shown.board._unix = lambda: 0.0
    shown.board.event(event(type="end", reason="quiet"))
    with seen(browser, shown) as page:
        expect(page.get_by_role("alert")).to_have_text("evidence: the disk takes no sound and no picture; events are told all the same")
        expect(page.locator(".event")).to_contain_text("Nothing of it is there: the disk was full, or it has been deleted since.")
        expect(page.get_by_role("button", name="This is normal")).to_be_hidden()


def test_an_event_is_put_into_words(browser: Browser, shown: Shown) -> None:
    """How long, in which band, how rarely normal is like that; and that what was kept of it is to come."""
    shown.online()
    with seen(browser, shown) as page:
        shown.board.rarity = lambda event: "about once in 9 days of normal"
        shown.board.event(event())
        told = page.locator(f"[data-event='{ID}']")
        expect(told).to_contain_text("2 seconds, 100 Hz to 2 kHz")
        expect(told).to_contain_text("How rare: about once in 9 days of normal. Score 5.5; the alarm level was 3.0.")
        expect(told).to_contain_text("going on")
        expect(told).to_contain_text("What is kept of it follows soon after its end.")
        expect(page.get_by_text("No event yet.")).to_be_hidden()
        shown.board.event(event(type="end", reason="signal_lost"))
        expect(told).to_contain_text("the signal was lost")
        expect(page.locator(".event")).to_have_count(1)


def test_what_is_told_is_text(browser: Browser, shown: Shown) -> None:
    """Whatever a source says of itself is no part of the page."""
    shown.vitals.reason = lambda stream: "<img src=x onerror=alert(1)>"
    shown.vitals.statuses["fan"] = "offline"
    with seen(browser, shown) as page:
        expect(card(page)).to_contain_text("<img src=x onerror=alert(1)>")


def test_judging_that_falls_behind_is_said(browser: Browser, shown: Shown) -> None:
    """What was heard goes on, and its score is of a while ago."""
    ring = shown.online()
    shown.board.reading(replace(READING, unix_s=EPOCH + 5))
    tone(ring, 35)
    with seen(browser, shown) as page:
        expect(card(page)).to_contain_text("judging is 30 seconds behind")


def test_buttons_command(browser: Browser, shown: Shown) -> None:
    """The rate, the silence, the switch; what comes into force is shown."""
    shown.online()
    with seen(browser, shown) as page:
        card(page).locator("summary").click()
        card(page).get_by_label("False alarms accepted a day").fill("2.5")
        card(page).get_by_role("button", name="Set").click()
        card(page).get_by_label("Tell no events for").select_option("1 hour")
        card(page).get_by_role("button", name="Silence").click()
        card(page).get_by_role("button", name="Switch judging off").click()
        until(lambda: shown.orders.qsize() == 3)
        shown.scene.watches["fan"].muted = True
        shown.board.switch("fan", "silence_min", 60.0)
        expect(card(page).locator(".pill")).to_have_text("Muted")
        card(page).get_by_role("button", name="Tell events again").click()
        until(lambda: shown.orders.qsize() == 4)
    expected = [("false_alarms_per_day", 2.5), ("silence_min", 60.0), ("enabled", False), ("silence_min", 0.0)]
    assert [Command("fan", switch, value) for switch, value in expected] == [shown.orders.get_nowait() for _ in expected]  # type: ignore[arg-type]


def test_what_is_out_of_range_is_not_sent(browser: Browser, shown: Shown) -> None:
    """The browser says so itself."""
    shown.online()
    with seen(browser, shown) as page:
        card(page).locator("summary").click()
        card(page).get_by_label("False alarms accepted a day").fill("5000")
        card(page).get_by_role("button", name="Set").click()
        assert card(page).get_by_label("False alarms accepted a day").evaluate("input => !input.checkValidity()")
    assert shown.orders.empty()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_and_can_be_read(browser: Browser, shown: Shown, width: int, scheme: str) -> None:
    """Nothing lies beside the screen, and all words stand out from their ground (WCAG AA), on a phone and on a desk."""
    tone(shown.online(), 35)
    shown.board.event(event())
    with seen(browser, shown, width=width, scheme=scheme) as page:
        expect(page.locator(".event")).to_have_count(1)
        card(page).locator("summary").click()
        assert width == page.evaluate("document.documentElement.scrollWidth")
        poor = [(text, ratio) for text, ratio in json.loads(page.evaluate(CONTRASTS)) if ratio < 4.5]
        assert [] == poor
        small = "[...document.querySelectorAll('button, select, input')].filter(e => e.offsetHeight && e.offsetHeight < 44).length"
        assert 0 == page.evaluate(small)


CONTRASTS = """() => {
  const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((each) => each / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, each, i) => sum + each * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const found = numbers(getComputedStyle(at).backgroundColor);
      if (found.length < 4 || found[3] === 1) return found;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const text = [...element.childNodes].filter((each) => each.nodeType === 3).map((each) => each.textContent.trim()).join("");
    if (!text || !element.offsetHeight) continue;
    const [one, other] = [light(numbers(getComputedStyle(element).color)), light(ground(element))];
    found.push([text.slice(0, 30), (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05)]);
  }
  return JSON.stringify(found);
}"""


def test_what_was_heard_is_drawn(browser: Browser, shown: Shown) -> None:
    """A tone is bright where it lies, and dark elsewhere."""
    tone(shown.online(), 35, hz=1000)
    bright = """canvas => {
      const column = canvas.getContext('2d').getImageData(canvas.width / 2, 0, 1, canvas.height).data;
      const rows = Array.from({length: canvas.height}, (_, y) => column[4 * y]);
      return rows.indexOf(Math.max(...rows)) / canvas.height;
    }"""
    with seen(browser, shown) as page:
        expect(card(page).locator(".sound")).to_be_visible()
        # 1 kHz lies at 35 % of the mel scale up to 8 kHz, counted from below, and its bands are no narrower than they can be.
        assert 0.65 == pytest.approx(card(page).locator(".sound").evaluate(bright), abs=0.1)


def test_no_word_hides_what_was_heard(browser: Browser, shown: Shown) -> None:
    """A tone where a word says how high it is, is as bright there as everywhere."""
    tone(shown.online(), 35, hz=1000)
    darkest = """canvas => {
      const { data, width } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      const red = (x, y) => data[4 * (y * width + x)];
      const column = Array.from({length: canvas.height}, (_, y) => red(width >> 1, y));
      const row = column.indexOf(Math.max(...column));
      const beside = parseFloat(getComputedStyle(document.documentElement).getPropertyValue('--beside')) * window.devicePixelRatio;
      return Math.min(...Array.from({length: 60}, (_, x) => red(Math.round(beside) + 8 + x, row))) / column[row];
    }"""
    with seen(browser, shown) as page:
        expect(card(page).locator(".sound")).to_be_visible()
        assert card(page).locator(".sound").evaluate(darkest) > 0.9


def test_what_is_seen_is_shown(browser: Browser, tmp_path: Path) -> None:
    """A camera's last picture; of its event what was seen, what normal would be, and where they differ; that it is normal can be said."""
    names = {name: f"pump/2026-01-02/030405-{ID}-{name}.png" for name in ("frame", "reconstruction", "overlay")}
    picture = np.full((32, 32, 3), 200, np.uint8)
    with paged(tmp_path) as shown:
        ring = shown.seen()
        for name in names.values():
            write_bytes(tmp_path / name, png(picture))
        shown.board.event(event(stream="pump", kind="image", evidence=names, where={"x": 3, "y": 4, "width": 10, "height": 8}))
        with seen(browser, shown) as page:
            ring.write(Block(0, picture[None], 0.5))
            shown.board.reading(replace(READING, stream="pump", level_db=-6.0))
            expect(card(page, "pump").locator(".numbers")).to_contain_text("brightness 50 %")
            loaded = "images => images.every(image => image.complete && image.naturalWidth === 32)"
            until(lambda: card(page, "pump").locator("img").evaluate_all(f"images => images.length === 1 && ({loaded})(images)"))
            until(lambda: page.locator(".event img").evaluate_all(f"images => images.length === 3 && ({loaded})(images)"))
            expect(page.locator(".event")).to_contain_text("at 3, 4 in the picture, 10 by 8 pixels")
            page.get_by_role("button", name="This is normal").click()
            until(lambda: shown.orders.qsize() == 1)
            assert Command("pump", "mark_normal", ID) == shown.orders.get_nowait()
    assert mark(tmp_path, tmp_path / "state", "pump", ID) is None
    assert (tmp_path / names["frame"]).read_bytes() == (tmp_path / "state" / "normal" / "pump" / "marked" / f"{ID}.png").read_bytes()


def test_a_daemon_that_is_gone_leaves_nothing_normal(browser: Browser, shown: Shown) -> None:
    """Nobody knows how it is, and the page says so."""
    shown.online()
    complaints: list[str] = []
    with complaining(browser, complaints) as page:
        page.goto(shown.url)
        expect(card(page).locator(".pill")).to_have_text("Normal")
        shown.page.close()
        expect(card(page).locator(".pill")).to_have_text("Not known")
        expect(page.locator("#link")).to_have_text("no connection to the daemon, trying again")


def test_the_token_lets_in(browser: Browser) -> None:
    """A wrong one is refused, the right one leads to the page, and what is kept of it is not the token; leaving takes it away."""
    complaints: list[str] = []
    with paged(token=TOKEN) as shown, complaining(browser, complaints) as page:
        page.goto(shown.url)
        page.get_by_label("Token").fill(TOKEN[::-1])
        page.get_by_role("button").click()
        expect(page.get_by_role("alert")).to_have_text("That is not the token.")
        complaints.clear()  # the browser reports the refusal
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button").click()
        expect(page.locator("#link")).to_have_text("live")
        [cookie] = page.context.cookies()
        assert (True, "Strict", False) == (cookie["httpOnly"], cookie["sameSite"], TOKEN in cookie["value"])
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_label("Token")).to_be_visible()
        assert [] == page.context.cookies()
    assert [] == complaints
