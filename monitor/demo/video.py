"""Frames as a video file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from monitor.errors import DiffmonError
from monitor.evidence.overlay import Pixels

_QUALITY = "18"
"""Of x264, constant rate factor: what it loses is less than the sensor's noise."""


def write_video(path: Path, frames: Iterable[Pixels], rate_hz: int) -> None:
    """Writes an MP4 (H.264) of frames `[H, W, 3]`. Raises DiffmonError."""
    import av

    try:
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=rate_hz, options={"crf": _QUALITY, "preset": "veryfast"})
            stream.pix_fmt = "yuv420p"
            for i, frame in enumerate(frames):
                if i == 0:
                    stream.height, stream.width = frame.shape[:2]
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            container.mux(stream.encode())
    except (OSError, av.error.FFmpegError) as error:
        raise DiffmonError(f"{path}: cannot be written: {error.strerror or error}") from None
