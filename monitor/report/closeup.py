"""One event looked at closely: what was there, what normal would have been, where they differ, whatever the sense."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.evidence.overlay import Pixels
from monitor.records import Box

Ticks = tuple[tuple[str, float], ...]
"""Words along an edge of a picture, and where: a share of it, from the left or from the bottom."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One of those that are shown together."""

    title: str
    pixels: Pixels


@dataclass(frozen=True, slots=True)
class Sound:
    """One of those that can be heard, one after the other or by turns: they begin and end together."""

    title: str
    flac: bytes


@dataclass(frozen=True, slots=True)
class Closeup:
    """Of one event."""

    pictures: tuple[Picture, ...]
    """All of one size, and of one and the same stretch."""
    box: Box | None = None
    """The event in each of them, in shares from the upper left corner; none where it is drawn already."""
    upward: Ticks = ()
    along: Ticks = ()
    sounds: tuple[Sound, ...] = ()
    notes: tuple[str, ...] = ()
    """What is to be known of it."""
