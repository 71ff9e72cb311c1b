"""Antialiased shapes on pixels: signed distances, and paint by how much of a pixel a shape covers.

A distance is in pixels, negative inside (after Inigo Quilez, "2D distance functions"). Colours are linear from 0 to 255.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Colour = tuple[float, float, float]


def disc(x: Floats, y: Floats, radius: float) -> Floats:
    """Distance to a disc about the origin."""
    return np.hypot(x, y) - np.float32(radius)


def slab(x: Floats, y: Floats, half: tuple[float, float], corner: float = 0.0) -> Floats:
    """Distance to a rectangle about the origin, of half sizes, its corners rounded."""
    across, down = np.abs(x) - half[0] + corner, np.abs(y) - half[1] + corner
    outside = np.hypot(np.maximum(across, 0), np.maximum(down, 0))
    return outside + np.minimum(np.maximum(across, down), 0) - np.float32(corner)


def line(x: Floats, y: Floats, begin: tuple[float, float], end: tuple[float, float]) -> Floats:
    """Distance to a line without width."""
    dx, dy = end[0] - begin[0], end[1] - begin[1]
    along = np.clip(((x - begin[0]) * dx + (y - begin[1]) * dy) / (dx * dx + dy * dy), 0, 1)
    distance: Floats = np.hypot(x - begin[0] - along * dx, y - begin[1] - along * dy)
    return distance


def cover(distance: Floats, soft: float = 1.0) -> Floats:
    """How much of each pixel is inside, from 0 to 1; the edge is `soft` pixels wide."""
    share: Floats = np.clip(0.5 - distance / soft, 0, 1)
    return share


def paint(picture: Floats, colour: Colour | Floats, share: Floats) -> None:
    """Lays a colour over a picture `[h, w, 3]`, as much of it as `share` `[h, w]`; in place."""
    picture += share[..., None] * (np.asarray(colour, np.float32) - picture)


def shade(picture: Floats, factor: float, share: Floats) -> None:
    """Makes a picture `[h, w, 3]` that much brighter or darker where `share` `[h, w]` is; in place."""
    picture *= (1 + (factor - 1) * share)[..., None]
