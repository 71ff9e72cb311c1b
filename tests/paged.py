"""A live page without a daemon behind it: what it shows, a test says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np

from monitor.config import EvidenceConfig
from monitor.page.access import Access
from monitor.page.app import App
from monitor.page.audience import Audience
from monitor.page.board import Board
from monitor.page.clips import Clips
from monitor.page.scene import Scene
from monitor.page.server import Page, listen
from monitor.records import Block, Command, Event
from monitor.ring import Ring
from monitor.sink.vitals import Vitals
from monitor.watch import Watch
from tests.asking import pulse, vitals
from tests.events import EVENT, READING
from tests.scripted import watch

RATE_HZ = 16_000
ID = "0123456789abcdef"
NAMED = {
    "audio": f"fan/2026-01-02/030405-{ID}.flac",
    "picture": f"fan/2026-01-02/030405-{ID}.png",
}


@dataclass
class Shown:
    """All that stands behind a page."""

    page: Page
    board: Board
    scene: Scene
    audience: Audience
    vitals: Vitals
    orders: SimpleQueue[Command]

    @property
    def port(self) -> int:
        """Where it is."""
        return self.page.port

    @property
    def url(self) -> str:
        """For a browser."""
        return f"http://127.0.0.1:{self.port}/"

    def watched(self, stream: str = "fan") -> Ring:
        """Has the stream watched; what is heard of it is the test's to write."""
        watches: dict[str, Watch] = dict(self.scene.watches)
        watches[stream] = watch(stream)
        watches[stream].ring = Ring(40 * RATE_HZ, item=(1,), rate_hz=RATE_HZ)
        self.scene.watches = watches
        return watches[stream].ring

    def seen(self, stream: str = "pump") -> Ring:
        """Has the stream be one of a camera, two pictures a second; what is seen is the test's to write."""
        camera = watch(stream)
        camera.identity = replace(camera.identity, kind="image")
        camera.ring = Ring(60, item=(32, 32, 3), rate_hz=2, dtype=np.uint8)
        self.scene.watches = {**self.scene.watches, stream: camera}
        self.vitals.statuses[stream] = "online"
        return camera.ring

    def online(self, stream: str = "fan") -> Ring:
        """Has it heard, too."""
        ring = self.watched(stream)
        self.vitals.statuses[stream] = "online"
        self.vitals.pulse = pulse(1e12)
        self.board.reading(replace(READING, stream=stream))
        return ring


@contextmanager
def paged(evidence: Path | None = None, *, token: str | None = None, kept: Path | None = None) -> Iterator[Shown]:
    """The page of the streams `fan` and `pump` of the node `barn`, just started."""
    shown, orders = vitals("fan", "pump"), SimpleQueue[Command]()
    text = kept.read_text() if kept is not None and kept.exists() else "[]"
    board = Board(["fan", "pump"], kept=text)
    clips = Clips(evidence, EvidenceConfig(after=0))
    scene = Scene("barn", board, shown, clips, guarded=token is not None)
    audience = Audience(scene)
    app = App(Access(token, host="127.0.0.1", node="barn"), audience, scene, clips, orders.put)
    page = Page(listen("127.0.0.1", 0), app, audience, scene, board, kept=kept)
    try:
        yield Shown(page, board, scene, audience, shown, orders)
    finally:
        page.close()


def tone(ring: Ring, seconds: float, *, hz: float = 1000.0) -> None:
    """Writes so much of a tone."""
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    items = (0.1 * np.sin(2 * np.pi * hz * time_s)).astype(np.float32).reshape(-1, 1)
    ring.write(Block(ring.end, items, (ring.end + len(items)) / RATE_HZ))


def event(**changes: Any) -> Event:
    """An event of `fan` that has begun, but for the changes; it names its sound and its picture."""
    return replace(EVENT, **{"id": ID, "evidence": NAMED, **changes})
