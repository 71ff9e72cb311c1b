"""How the daemon comes to have a page, and who it has to know for that."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from monitor.config import Config, WebConfig
from monitor.control import Control
from monitor.errors import SettingError, SinkError
from monitor.page.access import Access, token
from monitor.page.audience import Audience
from monitor.page.board import Board
from monitor.page.clips import Clips
from monitor.page.scene import Scene
from monitor.pipeline import Pipeline
from monitor.records import Command, Event
from monitor.sink.vitals import Vitals
from monitor.state import state_dir
from monitor.watch import Level
from monitor.words import rarity

if TYPE_CHECKING:
    from monitor.page.server import Page

_KEY = "web.token_file"

log = structlog.get_logger(__name__)


def open_page(config: Config, vitals: Vitals, commanded: Callable[[Command], None], *, evidence: Path | None) -> Page | None:
    """The page of a daemon, served; nothing is watched yet. None if there shall be none, or it cannot listen. Raises SettingError.

    Args:
        config: of the daemon.
        vitals: how it is.
        commanded: takes a command, in the thread "page".
        evidence: folder of what is kept of events; none if nothing is.
    """
    web = config.web
    if web is None:
        return None
    _needs()
    known = None if web.token_file is None else token(web.token_file, key=_KEY)
    try:
        page = _served(config, web, known, vitals, commanded, evidence)
    except SinkError as error:
        # Whoever cannot be looked at can still hear, and that is what it is for.
        log.error("page.not_served", reason=str(error), expected="a port that is free; until a restart nobody can look")
        return None
    log.info("page.served", host=web.host, port=page.port, guarded=known is not None)
    return page


def connect(page: Page, pipeline: Pipeline, control: Control) -> None:
    """Lets the page see what is watched, and hear what becomes of its commands."""
    page.scene.watches = pipeline.watches
    page.board.rarity = lambda event: _rarity(pipeline.watches[event.stream].level, event)
    control.refused = page.board.refused
    also = pipeline.also
    pipeline.also = lambda: {**also(), **page.counters()}


def servable(web: WebConfig) -> str:
    """Whether it could be served, in words. Raises SettingError."""
    try:
        attempt(web)
    except SinkError as error:
        return f"{error} (is the daemon running?); it would start and hear all the same"
    return f"{web.host}:{web.port}: free"


def attempt(web: WebConfig) -> None:
    """Listens, and leaves again. Raises SettingError if it could not be served at all, SinkError if nobody can listen there now."""
    _needs()
    from monitor.page.server import listen

    if web.token_file is not None:
        token(web.token_file, key=_KEY)
    listen(web.host, web.port).close()


def _served(
    config: Config, web: WebConfig, known: str | None, vitals: Vitals, commanded: Callable[[Command], None], evidence: Path | None
) -> Page:
    from monitor.page.app import App
    from monitor.page.server import Page, listen

    listening = listen(web.host, web.port)
    state = state_dir(config)
    kept = None if state is None else state / f"{config.node}.page"
    board = Board([s.name for s in config.stream], kept=_text(kept))
    clips = Clips(evidence, config.evidence)
    scene = Scene(config.node, board, vitals, clips, guarded=known is not None)
    audience = Audience(scene)
    app = App(Access(known, host=web.host, node=config.node), audience, scene, clips, commanded)
    return Page(listening, app, audience, scene, board, kept=kept)


def _rarity(level: Level, event: Event) -> str:
    return "" if level.normal is None or not event.p_value > 0 else rarity(event.p_value, level.normal)


def _needs() -> None:
    """Raises SettingError if what serves the page is not installed."""
    for name in ("starlette", "uvicorn"):
        try:
            import_module(name)
        except ModuleNotFoundError:
            raise SettingError(f"web: needs {name}, which is not installed, expected: pip install 'diffmon[web]'") from None


def _text(kept: Path | None) -> str:
    try:
        return "[]" if kept is None else kept.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):  # none yet, or not as we wrote it: the page begins empty
        return "[]"
