"""Who has an outbox, asked without touching it."""

from __future__ import annotations

import fcntl
import os
import struct
from pathlib import Path

_SHARED_FIRST = 0x40000002  # <https://www.sqlite.org/fileformat2.html#the_lock_byte_page>: where SQLite locks a database
_SHARED_SIZE = 510
_FLOCK = struct.Struct("@hhqqi4x")  # struct flock of <fcntl.h>: type, whence, start, length, process


def holder(path: Path) -> int | None:
    """The process that has the database open for itself, or none. Opening it would tell: it would take its open events for dead ones."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, _SHARED_FIRST, _SHARED_SIZE, 0)
        kind, _, _, _, pid = _FLOCK.unpack(fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))
    finally:
        os.close(descriptor)
    return None if kind == fcntl.F_UNLCK else pid
