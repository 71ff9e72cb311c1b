"""What of a camera's picture is looked at, and how it becomes an item."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.errors import SourceError
from monitor.records import Box

Picture = NDArray[np.uint8]
"""`[height, width, 3]` RGB."""

LEAST_PX = 16
"""A picture, or the part of it that is looked at, must be so wide and so high to be judged at all."""
GREY = 128
"""What a mask leaves, in all colours."""


@dataclass(frozen=True, slots=True)
class View:
    """A crop and masks, in the source's pixels, and the side of the square that comes out. Any thread may call it.

    The aspect is the crop's: what is looked at is squeezed to the square.
    """

    side: int
    """Rows and columns of an item."""
    crop: tuple[int, int, int, int] | None = None
    """Left, top, width and height; the whole picture if none."""
    masks: tuple[tuple[tuple[int, int], ...], ...] = ()
    """Polygons of (x, y) corners, at least three each, whose pixels, their edges' included, are made grey."""

    def shown(self, width: int, height: int) -> Box:
        """The part of a picture of that size that its item shows. Raises SourceError if it is not all there, or too small."""
        left, top, wide, high = part = self.crop or (0, 0, width, height)
        if left < 0 or top < 0 or left + wide > width or top + high > height:
            raise SourceError(
                f"the crop of {wide} x {high} pixels at x {left}, y {top} reaches beyond the picture, which has {width} x {height}"
            )
        if min(wide, high) < LEAST_PX:
            raise SourceError(f"{wide} x {high} pixels to look at, expected at least {LEAST_PX} x {LEAST_PX}")
        return part

    def item(self, picture: Picture) -> Picture:
        """What the models see of a picture, `[side, side, 3]`: each pixel the mean of the area that it shows, where that is larger.

        Raises SourceError as `shown` does.
        """
        height, width, _ = picture.shape
        left, top, wide, high = map(int, self.shown(width, height))
        seen = self._masked(picture) if self.masks else picture
        return _squeezed(seen[top : top + high, left : left + wide], self.side)

    def _masked(self, picture: Picture) -> Picture:
        import cv2

        picture = picture.copy()
        # One by one: where polygons of one call overlap, nothing is filled.
        for mask in self.masks:
            cv2.fillPoly(picture, [np.array(mask, np.int32)], (GREY, GREY, GREY))
        return picture


def _squeezed(part: Picture, side: int) -> Picture:
    import cv2

    high, wide, _ = part.shape
    # Where one direction shrinks and the other grows, the library would not average: so each has its turn.
    shrunk = cv2.resize(part, (min(wide, side), min(high, side)), interpolation=cv2.INTER_AREA)
    grown = cv2.resize(shrunk, (side, side), interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(grown, np.uint8)
