"""Pictures and videos as files, each frame of which tells its number."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from monitor.source.view import Picture

SIDE = 32
STEP = 4
"""Grey by which a frame is lighter than the one before it: more than a lossy codec is off by twice over."""
CODECS = {
    "a.mkv": ("ffv1", "bgr0"),
    "a.mp4": ("libx264", "yuv420p"),
    "a.mov": ("mpeg4", "yuv420p"),
    "a.avi": ("mjpeg", "yuvj420p"),
    "a.ts": ("mpeg2video", "yuv420p"),
    "a.webm": ("libvpx-vp9", "yuv420p"),
}
"""What a file of each kind is written by, and its pixels."""

SPOT = (40, 24, 16, 16)
"""Left, top, width and height of what is strange, in a picture of twice the side."""


def grey(number: int, width: int = SIDE, height: int = SIDE) -> Picture:
    """The frame with a number."""
    return np.full((height, width, 3), 20 + number * STEP, np.uint8)


def numbers(items: Picture) -> list[int]:
    """Which frames items `[n, side, side, 3]` show."""
    return np.rint((items.mean((1, 2, 3)) - 20) / STEP).astype(int).tolist()


def film(path: Path, pictures: Iterable[Picture], *, rate_hz: float = 10, gop: int = 12) -> Path:
    """A video, by the codec that is usual in files of its name, with a key frame every `gop` frames."""
    codec, pixels = CODECS[f"a{path.suffix}"]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(rate_hz).limit_denominator(1000))
        stream.pix_fmt, stream.gop_size, stream.bit_rate = pixels, gop, 4_000_000
        for number, picture in enumerate(pictures):
            if not number:
                stream.height, stream.width, _ = picture.shape
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format=pixels)))
        container.mux(stream.encode())
    return path


def counted(path: Path, count: int, *, rate_hz: float = 10) -> Path:
    """A video of frames 0 to `count`."""
    return film(path, map(grey, range(count)), rate_hz=rate_hz)


def still(path: Path, picture: Picture) -> Path:
    """A picture."""
    Image.fromarray(picture).save(path)
    return path


def sound_alone(path: Path) -> Path:
    """A container of videos with a second of silence and no picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16_000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16_000
        for _ in range(16):
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def seen(number: int, spot: bool = False) -> np.ndarray:
    """A picture of 64 pixels a side: a slope and the noise of a camera, and a bright spot."""
    slope = np.linspace(60, 160, 2 * SIDE)[None, :, None]
    picture = slope + np.random.default_rng(number).normal(0, 4, (2 * SIDE, 2 * SIDE, 3))
    if spot:
        left, top, width, height = SPOT
        picture[top : top + height, left : left + width] = 250
    return picture.clip(0, 255).astype(np.uint8)
