"""Still pictures as files: 8-bit RGB out of whatever they are, the right way up.

Of 16 bits a colour the upper 8 are taken; grey becomes three equal colours; what is transparent is black, as where no light comes from;
of several pictures in one file it is the first.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from monitor.errors import SourceError
from monitor.source.view import Picture

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".pgm", ".ppm"})
_FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "PPM")
_MOST_PX = 100_000_000
_ORIENTATION = 0x0112  # EXIF; from 5 on the picture lies on its side


def size(path: Path) -> tuple[int, int] | None:
    """Width and height of a picture, by its header; none if the file is no picture. Raises SourceError."""
    with _opened(path) as image:
        if image is None:
            return None
        # Of a PNG it may stand at the file's end, and then all of it would have to be read.
        lies = image.format != "PNG" and image.getexif().get(_ORIENTATION, 1) >= 5
        width, height = image.size
        return (height, width) if lies else (width, height)


def load(path: Path) -> Picture:
    """A picture, `[height, width, 3]`. Raises SourceError if it is damaged, cut short, or has pixels of another kind."""
    from PIL import ImageOps

    with _opened(path) as image:
        if image is None:
            raise SourceError(f"{path}: is no picture any more")
        return _colours(ImageOps.exif_transpose(image), path)


def _colours(image: Any, path: Path) -> Picture:
    from PIL import Image

    if image.mode.startswith("I"):
        return _upper(np.asarray(image), path)
    if image.mode == "F":
        raise SourceError(f"{path}: has pixels of floating-point numbers, expected 8 or 16 bits a colour")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
    return np.asarray(image.convert("RGB"))


def _upper(grey: Any, path: Path) -> Picture:
    """The upper 8 of 16 bits of grey."""
    if grey.min() < 0 or grey.max() > 0xFFFF:
        raise SourceError(f"{path}: has pixels of more than 16 bits, expected 8 or 16 bits a colour")
    return np.repeat((grey.astype(np.uint16) >> 8).astype(np.uint8)[..., None], 3, axis=2)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """An open PIL.Image, none if the file is no picture. What goes wrong with it while it is open is a SourceError."""
    from PIL import Image, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = None  # we have a bound and a sentence of our own
    with path.open("rb") as file:
        try:
            image = Image.open(file, formats=_FORMATS)
        except UnidentifiedImageError:
            yield None
            return
        width, height = image.size
        if width * height > _MOST_PX:
            raise SourceError(f"{path}: has {width} x {height} pixels, expected at most {_MOST_PX // 10**6} million")
        # The library has no one exception for a damaged file.
        try:
            yield image
        except (OSError, SyntaxError, ValueError, TypeError, EOFError, IndexError, OverflowError, struct.error):
            raise SourceError(f"{path}: is a picture that cannot be read: damaged, or cut short") from None
