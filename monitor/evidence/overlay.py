"""A frame with the heat map and the event's box drawn over it."""

from __future__ import annotations

import math
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from monitor.records import Box, Explanation

BOX_RGB = (0, 255, 255)
_LINE = 1 / 128
"""Of the picture's side, the width of the box's line."""
_COOL, _HOT = np.array([255.0, 0.0, 0.0]), np.array([255.0, 235.0, 60.0])
_COVER = 0.75  # of the frame, that the hottest place hides

Pixels = NDArray[np.uint8]
"""`[H, W, 3]` RGB."""


def overlay(frame: Pixels, heat: NDArray[np.float32], box: Box) -> Pixels:
    """The frame, warmer the hotter a place is.

    Args:
        frame: `[H, W, 3]`.
        heat: from 0 on, on any grid over the same picture.
        box: left, top, width and height in the frame's pixels; its line runs around it.
    """
    warm = np.sqrt(_spread(heat, frame.shape[:2]) / max(float(heat.max()), 1e-6))[..., None]
    cover = _COVER * warm
    drawn = rounded(frame * (1 - cover) + (_COOL + (_HOT - _COOL) * warm) * cover)
    drawn[outline(frame.shape[:2], box)] = BOX_RGB
    return drawn


def outline(shape: tuple[int, ...], box: Box) -> NDArray[np.bool_]:
    """Which pixels `[H, W]` the box's line takes: those around it, or inside where the picture ends."""
    height, width = shape
    line = max(1, round(_LINE * max(shape)))
    left, top = (max(0, math.floor(each) - line) for each in box[:2])
    right, bottom = min(width, math.ceil(box[0] + box[2]) + line), min(height, math.ceil(box[1] + box[3]) + line)
    on = np.zeros((height, width), bool)
    on[top:bottom, left:right] = True
    on[top + line : bottom - line, left + line : right - line] = False
    return on


def reconstruction(frame: Pixels, found: Explanation) -> Pixels:
    """What normal would have been, where the network looked, of a frame whose planes are red, green and blue from 0 to 1."""
    return rounded(frame - 255 * (found.shown - found.normal).transpose(1, 2, 0))


def rounded(values: NDArray[np.floating]) -> Pixels:
    """The nearest pixels."""
    return values.round().clip(0, 255).astype(np.uint8)


def png(picture: Pixels) -> bytes:
    """The same as a file."""
    from PIL import Image

    file = BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


def _spread(heat: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Heat `[H, W]` on the grid of a frame: of each pixel, the cell that it lies in."""
    rows, columns = (np.arange(pixels) * cells // pixels for pixels, cells in zip(shape, heat.shape, strict=True))
    spread: NDArray[np.float32] = heat[rows[:, None], columns]
    return spread
