"""Debian's browser, without a screen, and what it complains of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.scripted import PATIENCE_S

CHROMIUM = "/usr/bin/chromium"

# A machine may be slow and busy.
expect.set_options(timeout=1000 * PATIENCE_S)


@contextmanager
def launched() -> Iterator[Browser]:
    """The browser, running."""
    # As root in a container there is no sandbox to be had.
    options = {"executable_path": CHROMIUM, "args": ["--no-sandbox"]}
    with sync_playwright() as playwright, closing(playwright.chromium.launch(**options)) as running:  # type: ignore[arg-type]
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The browser, for one file of tests: the next one may want an event loop of its own."""
    with launched() as running:
        yield running


@contextmanager
def page(browser: Browser, *, offline: bool = False, width: int = 1200, scheme: Literal["light", "dark"] = "light") -> Iterator[Page]:
    """An empty page; fails at its end if there was an error in its console."""
    complaints: list[str] = []
    with complaining(browser, complaints, offline=offline, width=width, scheme=scheme) as opened:
        yield opened
        assert [] == complaints


@contextmanager
def complaining(
    browser: Browser, complaints: list[str], *, offline: bool = False, width: int = 1200, scheme: Literal["light", "dark"] = "light"
) -> Iterator[Page]:
    """An empty page; errors in its console are put among the complaints."""
    context = browser.new_context(offline=offline, viewport={"width": width, "height": 844}, color_scheme=scheme)
    with closing(context):
        opened = context.new_page()
        opened.on("console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None)
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        yield opened
