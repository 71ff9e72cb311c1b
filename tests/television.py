"""A server that sends moving pictures over HTTP as long as somebody looks: what a network camera delivers."""

from __future__ import annotations

import io
from fractions import Fraction
from itertools import count
from typing import Any

import av
import numpy as np

from tests.pictures import HEIGHT, WIDTH, scene
from tests.radio import Radio

FPS = 10


class Television(Radio):
    """Sends a room whose left edge is grey as the number of the frame, ten a second, paced after a first burst of two seconds.

    /ts goes on for ever as MPEG-TS, /mjpeg as single JPEGs without times, /hang sends 3 s and then nothing, /end 3 s and then the
    end, /gap leaves out the frames from 30 to 39, /tone has sound and no picture.
    """

    paths = ("/ts", "/mjpeg", "/hang", "/end", "/gap", "/secret", "/tone")

    def _send(self, out: Any, path: str) -> None:
        if path == "/tone":
            super()._send(out, path)
        else:
            self._show(out, path)

    def _show(self, out: Any, path: str) -> None:
        with Encoder("mpjpeg" if path == "/mjpeg" else "mpegts") as encoder:
            for number in count():
                if number == 30 and path == "/end":
                    return
                if number == 30 and path == "/hang":
                    self.stopping.wait()
                if number >= 20 and self.stopping.wait(1 / FPS):
                    return
                if not (path == "/gap" and 30 <= number < 40):
                    out.write(encoder.encoded(number))
                    out.flush()


class Encoder:
    """Frames as bytes of a container."""

    def __init__(self, form: str) -> None:
        self._bytes = io.BytesIO()
        self._file = av.open(self._bytes, "w", format=form)
        self._stream: Any = self._file.add_stream("mjpeg" if form == "mpjpeg" else "mpeg2video", rate=25 if form == "mpjpeg" else FPS)
        self._stream.width, self._stream.height = WIDTH, HEIGHT
        self._stream.pix_fmt = "yuvj420p" if form == "mpjpeg" else "yuv420p"
        self._stream.bit_rate, self._stream.gop_size = 2_000_000, 5
        self._stream.time_base = Fraction(1, FPS)

    def __enter__(self) -> Encoder:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def encoded(self, number: int) -> bytes:
        """What a frame adds to the stream."""
        picture = scene(number)
        picture[:, : WIDTH // 4] = shade(number)
        frame = av.VideoFrame.from_ndarray(picture)
        frame.pts, frame.time_base = number, Fraction(1, FPS)
        self._bytes.seek(0)
        self._bytes.truncate()
        self._file.mux(self._stream.encode(frame))
        return self._bytes.getvalue()


def shade(number: int) -> int:
    """The grey that tells a frame's number."""
    return 16 + 4 * (number % 55)


def number(item: np.ndarray) -> float:
    """The frame's number, modulo 55, read from an item that shows all."""
    return (float(item[:, : item.shape[1] // 8].mean()) - 16) / 4
