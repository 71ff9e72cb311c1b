"""The scene for a microphone: a machine room, and four faults."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import soundfile

from monitor.config import Config
from monitor.demo.fault import Planted as Fault
from monitor.demo.fault import plant
from monitor.demo.scene import About, Planted, Staged
from monitor.demo.sound import Room
from monitor.synth.wave import RATE_HZ

NORMAL_S, LIVE_S = 480.0, 110.0
# What the room sounds like when it is learned and when it is watched must not be the same noise.
_LEARNED, _WATCHED = 1_000_000, 2_000_000


class MachineRoom:
    """The machine room of a seed."""

    about = About(
        stream="machine-room",
        kind="audio",
        normal="normal.wav",
        live="live.wav",
        live_s=LIVE_S,
        learning=f"in a machine room, from {NORMAL_S / 60:.0f} minutes of its sound",
        watching=f"Listening for {LIVE_S:.0f} s",
        looked_for="four faults",
        detail="level dB",
        budget_s=80.0,
        grid={},
    )

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def record(self, out: Path) -> Staged:
        """Makes both recordings; the second has four faults in it."""
        room = Room.drawn(self._seed)
        soundfile.write(out / self.about.normal, room.sound(NORMAL_S, seed=_LEARNED + self._seed), RATE_HZ)
        sound, planted = plant(room, seconds=LIVE_S, seed=_WATCHED + self._seed)
        soundfile.write(out / self.about.live, sound, RATE_HZ)
        return Staged(planted, [])

    def detail(self, fault: Planted, event: Mapping[str, Any] | None) -> str:
        """How loud the fault is."""
        return f"{fault.level_db:+.1f}" if isinstance(fault, Fault) else ""

    def draw(self, picture: Path, recording: Path, config: Config, event: Mapping[str, Any], title: str) -> None:
        """Writes what was heard, what normal would have been, and where they differ."""
        from monitor.demo.draw import draw_event

        draw_event(picture, recording, config, event, title)
