"""What people see, as pictures: the live page on a desk and on a phone, and the report. `make pictures` writes them to docs/.

python -m tests.bench.screens diffmon-demo docs/page.png docs/report.png

A daemon hears the demo's recording until two of its faults have been told, and what was kept of them is there: the better part of a minute.
"""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import click
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.broker import free_port
from tests.browser import launched

EVENTS = 2
PATIENCE_MS = 240_000
DESK, PHONE, HEIGHT = 1100, 390, 1040
PAPER = 1000, 1080
"""Width and height of what is shown of the report."""
GAP = 40


@contextmanager
def daemon(folder: Path, demo: Path) -> Iterator[str]:
    """One that hears what the demo left in its folder, again and again; where its page is."""
    port, config = free_port(), folder / "diffmon.toml"
    config.write_text(
        f'node = "plant"\nstate_dir = "state"\nlog_level = "error"\n[web]\nport = {port}\n[evidence]\nafter = "2s"\n'
        f'[[stream]]\nname = "machine-room"\nmodel = "{demo / "model.safetensors"}"\n'
        f'source = {{ type = "file", paths = ["{demo / "live.wav"}"], loop = true }}\n',
        encoding="utf-8",
    )
    with subprocess.Popen([sys.executable, "-m", "monitor.cli", "run", "--config", str(config)], stdout=subprocess.DEVNULL) as process:
        try:
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.terminate()


@contextmanager
def opened(browser: Browser, url: str, width: int, height: int, scheme: Literal["light", "dark"]) -> Iterator[Page]:
    """A page of this size."""
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    for attempt in range(60):  # the daemon loads its model first
        try:
            page.goto(url)
            break
        except Exception:
            if attempt == 59:
                raise
            page.wait_for_timeout(1000)
    yield page
    context.close()


def live(browser: Browser, url: str) -> Image.Image:
    """The live page, on a desk by day and on a phone by night."""
    with opened(browser, url, DESK, HEIGHT, "light") as desk, opened(browser, url, PHONE, HEIGHT, "dark") as phone:
        for page in (desk, phone):
            expect(page.locator(".event audio")).to_have_count(EVENTS, timeout=PATIENCE_MS)
            page.wait_for_timeout(1500)  # until the spectrogram is drawn
        return beside([shot(desk), shot(phone)])


def reported(browser: Browser, folder: Path, demo: Path) -> Image.Image:
    """The top of the report on the same recording."""
    out = folder / "report.html"
    command = [sys.executable, "-m", "monitor.cli", "replay", "live.wav", "--model", "model.safetensors", "--report", str(out)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=demo)  # so that it is named without folders
    with opened(browser, out.as_uri(), *PAPER, "light") as page:
        page.wait_for_timeout(1000)
        return shot(page)


def shot(page: Page) -> Image.Image:
    """What the page shows."""
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def beside(pictures: list[Image.Image]) -> Image.Image:
    """Pictures of equal height on white, side by side."""
    width = sum(picture.width for picture in pictures) + GAP * (len(pictures) - 1)
    sheet, left = Image.new("RGB", (width, pictures[0].height), "white"), 0
    for picture in pictures:
        sheet.paste(picture, (left, 0))
        left += picture.width + GAP
    return sheet


@click.command()
@click.argument("demo", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("page", type=click.Path(dir_okay=False, path_type=Path))
@click.argument("report", type=click.Path(dir_okay=False, path_type=Path))
def main(demo: Path, page: Path, report: Path) -> None:
    """Draws the live page to PAGE and the top of the report to REPORT, from what `diffmon demo` left in DEMO."""
    demo = demo.absolute()
    with TemporaryDirectory() as name, launched() as browser:
        with daemon(Path(name), demo) as url:
            drawn = {page: live(browser, url)}
        drawn[report] = reported(browser, Path(name), demo)
    for out, picture in drawn.items():
        picture.quantize(256, dither=Image.Dither.NONE).save(out, optimize=True)
        click.echo(f"{out}: drawn")


if __name__ == "__main__":
    main()
