"""The scene for a camera: parts on a conveyor, three defects, and a shadow that is none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monitor.config import Config
from monitor.demo.conveyor import Conveyor, Footage, shadows
from monitor.demo.happening import Flaw, overlap, stage
from monitor.demo.scene import About, Planted, Staged
from monitor.demo.video import write_video

NORMAL_S, LIVE_S = 600.0, 115.0
SIDE, RATE_HZ = 128, 2.0
"""How the model looks at it: pixels, and frames a second."""
FPS = 4
"""Of the videos."""
_LEARNED, _WATCHED = 1_000_000, 2_000_000


class AssemblyLine:
    """The conveyor of a seed."""

    about = About(
        stream="conveyor",
        kind="image",
        normal="normal.mp4",
        live="live.mp4",
        live_s=LIVE_S,
        learning=f"on a conveyor, from {NORMAL_S / 60:.0f} minutes of video",
        watching=f"Watching for {LIVE_S:.0f} s",
        looked_for="three faults, and a shadow that is none,",
        detail="overlap",
        budget_s=180.0,
        grid={"side": SIDE, "rate_hz": RATE_HZ},
    )

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def record(self, out: Path) -> Staged:
        """Makes both videos; in the second three parts have a defect, and a shadow passes as it did in the first."""
        conveyor = Conveyor.drawn(self._seed)
        learned, watched = _LEARNED + self._seed, _WATCHED + self._seed
        normal = Footage(conveyor, seed=learned, shadows=shadows(NORMAL_S, seed=learned))
        live, flaws, shadow = stage(conveyor, seconds=LIVE_S, seed=watched)
        for name, footage, seconds in ((self.about.normal, normal, NORMAL_S), (self.about.live, live, LIVE_S)):
            write_video(out / name, (footage.frame(i / FPS) for i in range(round(seconds * FPS))), FPS)
        return Staged(flaws, [shadow])

    def detail(self, fault: Planted, event: Mapping[str, Any] | None) -> str:
        """How well the event's box and the defect's agree: intersection over union."""
        if not isinstance(fault, Flaw) or event is None:
            return ""
        where = event["where"]
        at_s = event["start_index"] / RATE_HZ + where["start_s"]
        return f"{overlap(fault.box(at_s), (where['x'], where['y'], where['width'], where['height'])):.2f}"

    def draw(self, picture: Path, recording: Path, config: Config, event: Mapping[str, Any], title: str) -> None:
        """Writes the frame, what normal would have been, and where they differ."""
        from monitor.demo.draw_frame import draw_event

        draw_event(picture, recording, config, event, title)
