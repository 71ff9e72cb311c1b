"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from monitor.errors import DiffmonError


def check_writable(out: Path) -> None:
    """Raises DiffmonError now, rather than after an hour, if no file can be written there."""
    if out.exists() and not out.is_file():
        raise DiffmonError(f"{out}: is {'a folder' if out.is_dir() else 'not a regular file'}, expected the name of a file")
    if not out.parent.is_dir():
        wrong = f"{out.parent} is not a folder" if out.parent.exists() else f"the folder {out.parent} does not exist"
        raise DiffmonError(f"{out}: {wrong}")
    trial = _part(out)
    try:
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise DiffmonError(f"{out}: cannot be written: {error.strerror}") from None


def check_spared(out: Path, reads: Iterable[Path]) -> None:
    """Raises DiffmonError if a file that is read would be lost by what is written there."""
    if out.resolve() in [path.resolve() for path in reads]:
        raise DiffmonError(f"{out}: is to be read, expected another file to write to")


def write_whole(out: Path, content: str | bytes) -> None:
    """Writes a file, text as UTF-8, whole or not at all. Raises DiffmonError."""
    check_writable(out)
    part = _part(out)
    try:
        part.write_bytes(content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content)
        part.replace(out)
    except OSError as error:
        raise DiffmonError(f"{out}: cannot be written: {error.strerror}") from None
    finally:
        with suppress(OSError):  # where nothing can be written there is nothing to remove either
            part.unlink(missing_ok=True)


def _part(out: Path) -> Path:
    return out.with_name(f".{out.name}.{os.getpid()}.part")
