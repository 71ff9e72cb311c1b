"""Sound as a file: 24-bit FLAC, there whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import soundfile

from monitor.errors import SinkError
from monitor.records import Items

_CHUNK = 1 << 16


def part(path: Path) -> Path:
    """Where a file is written until it is whole."""
    return path.with_name(f".{path.name}.part")


class Sound:
    """A FLAC that is being written. One thread calls it; after a SinkError, and after `finish`, it is of no more use."""

    def __init__(self, path: Path, rate_hz: int) -> None:
        """Begins it, and makes its folder. Raises SinkError."""
        self._path = path
        self.items = 0
        """Written so far."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = soundfile.SoundFile(part(path), "w", rate_hz, 1, "PCM_24", format="FLAC")
        except (OSError, soundfile.LibsndfileError) as error:
            discard(part(path))
            raise failure(path, error) from None

    def write(self, items: Items) -> None:
        """Appends items `[n, 1]`. Raises SinkError, and leaves nothing behind."""
        try:
            self._file.write(items)
            # Out of the library's buffer, so that a full disk is told of now and not at the end.
            self._file.flush()
            self.items += len(items)
        except (OSError, soundfile.LibsndfileError) as error:
            self.discard()
            raise failure(self._path, error) from None

    def finish(self) -> None:
        """Puts it in its place. Raises SinkError, and leaves nothing behind."""
        try:
            self._file.close()
            # Closing writes the last of it, and does not say whether the disk took that.
            if _length(part(self._path)) != self.items:
                raise OSError(errno.ENOSPC, "the disk did not take the end of it")
            put_in_place(self._path)
        except (OSError, soundfile.LibsndfileError) as error:
            self.discard()
            raise failure(self._path, error) from None

    def discard(self) -> None:
        """Gives it up."""
        with suppress(OSError, soundfile.LibsndfileError):
            self._file.close()
        discard(part(self._path))


def _length(path: Path) -> int:
    """Items of a file, by reading them; no more than `_CHUNK` at once. Raises LibsndfileError."""
    with soundfile.SoundFile(path) as file:
        return sum(iter(lambda: len(file.read(_CHUNK, dtype="int32")), 0))


def encoded(items: Items, rate_hz: int) -> bytes:
    """A FLAC of items `[n, 1]`, 16 bits each, for what is to be small."""
    file = BytesIO()
    soundfile.write(file, items, rate_hz, "PCM_16", format="FLAC")
    return file.getvalue()


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file, whole or not at all, and makes its folder. Raises SinkError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part(path).write_bytes(content)
        put_in_place(path)
    except OSError as error:
        discard(part(path))
        raise failure(path, error) from None


def put_in_place(path: Path) -> None:
    """Gives a file that is whole its name, once it is on the disk. Raises OSError."""
    with part(path).open("rb") as file:
        os.fsync(file.fileno())
    part(path).replace(path)


def discard(unfinished: Path) -> None:
    """Removes a file; where nothing can be removed it stays."""
    with suppress(OSError):
        unfinished.unlink(missing_ok=True)


def failure(path: Path, error: Exception) -> SinkError:
    """What the disk said, as one sentence."""
    return SinkError(f"{path}: cannot be written: {getattr(error, 'strerror', None) or _meant(path, error)}")


def _meant(path: Path, error: Exception) -> str:
    """What the library did not say: it knows nothing of a disk that is full."""
    with suppress(OSError):
        if shutil.disk_usage(path.parent).free < _CHUNK:
            return os.strerror(errno.ENOSPC)
    return str(error)
