"""What a WAV file says of itself, which need not be true."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

# What recorders write into a header that they cannot come back to (ffmpeg, sox, arecord).
_UNKNOWN_SIZES = frozenset({0, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF})


def promised_frames(path: Path, frames: int) -> int:
    """Frames that a WAV header speaks of; `frames`, those there, if it says nothing more or is no WAV."""
    with path.open("rb") as file:
        kind, _, form = struct.unpack("<4sI4s", file.read(12).ljust(12, b"\0"))
        promised = _data_size(file) if kind in (b"RIFF", b"RF64") and form == b"WAVE" else 0
        present = path.stat().st_size - file.tell()
    return frames * promised // present if promised > present > 0 else frames


def _data_size(file: Any) -> int:
    """Bytes that the data chunk is said to have, 0 if unknown; the file then stands at its first byte."""
    long_size = 0
    while len(head := file.read(8)) == 8:
        name, size = struct.unpack("<4sI", head)
        if name == b"data":
            return long_size or (0 if size in _UNKNOWN_SIZES else size)
        body = file.tell()
        if name == b"ds64":
            # RF64: the sizes of the whole and of the data, in 64 bits (EBU Tech 3306).
            long_size = int.from_bytes(file.read(16)[8:], "little")
        file.seek(body + size + size % 2)
    return 0
