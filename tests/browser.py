"""Debian's browser, without a screen, and what it complains of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, sync_playwright


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The browser, for one file of tests: the next one may want an event loop of its own."""
    # As root in a container there is no sandbox to be had.
    options = {"executable_path": "/usr/bin/chromium", "args": ["--no-sandbox"]}
    with sync_playwright() as playwright, closing(playwright.chromium.launch(**options)) as launched:  # type: ignore[arg-type]
        yield launched


@contextmanager
def page(browser: Browser, *, offline: bool = False, width: int = 1200, scheme: Literal["light", "dark"] = "light") -> Iterator[Page]:
    """An empty page; fails at its end if there was an error in its console."""
    context = browser.new_context(offline=offline, viewport={"width": width, "height": 844}, color_scheme=scheme)
    complaints: list[str] = []
    with closing(context):
        opened = context.new_page()
        opened.on("console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None)
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        yield opened
        assert [] == complaints
