"""Pictures as a camera sees them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import numpy as np

from monitor.source.view import Picture

WIDTH, HEIGHT = 160, 120


def scene(number: int = 0, *, width: int = WIDTH, height: int = HEIGHT, noise: bool = True) -> Picture:
    """A corner of a room, in colours that differ, with the noise of a sensor that is another in each picture."""
    y, x = np.mgrid[0:height, 0:width]
    picture = np.stack([40 + 160 * x / width, 200 - 120 * y / height, 90 + 60 * (x > width / 2)], axis=2)
    if noise:
        picture = picture + np.random.default_rng(number).normal(0, 2, picture.shape)
    return picture.clip(0, 255).astype(np.uint8)


def black(number: int = 0) -> Picture:
    """With a lid on the lens: the sensor's noise alone."""
    return np.random.default_rng(number).integers(0, 16, (HEIGHT, WIDTH, 3)).astype(np.uint8)


def covered(number: int = 0) -> Picture:
    """A hand or tape on the lens: one dull colour, and noise."""
    return np.random.default_rng(number).normal([90, 50, 40], 3, (HEIGHT, WIDTH, 3)).clip(0, 255).astype(np.uint8)


def frozen(number: int = 0) -> Picture:
    """Always the same."""
    return scene(0)


def filmed(*runs: tuple[str, int]) -> Iterator[Picture]:
    """Pictures by the names of these functions, so many of each, numbered throughout."""
    made = {"scene": scene, "black": black, "covered": covered, "frozen": frozen}
    number = count()
    for name, times in runs:
        for _ in range(times):
            yield made[name](next(number))
