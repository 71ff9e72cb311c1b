"""Where the files of an event lie: `<stream>/<date>/<time>-<id>` and a suffix each, in UTC, named before anything is written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from os import DirEntry, scandir
from pathlib import Path

from monitor.config import NAME

MARKABLE = (".flac", "-frame.png")
"""Suffixes of that from which normal can be learned."""
_SUFFIX = r"(\.flac|(-frame|-reconstruction|-overlay)?\.png)"
_ID = r"[0-9a-f]{1,64}"
_STREAM = re.compile(NAME)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
FINISHED = re.compile(rf"\d{{6}}-{_ID}{_SUFFIX}")
"""Name of a file that is whole."""
UNFINISHED = re.compile(rf"\.\d{{6}}-{_ID}{_SUFFIX}\.part")
"""Name of one that is being written, or was when the process died."""

Namer = Callable[[str, float], Mapping[str, str]]
"""What an event says of its evidence, by its id and its start in unix seconds."""


def namer(stream: str, suffixes: Mapping[str, str]) -> Namer:
    """Relative paths of what will be kept of an event of the stream, by what the event calls it."""

    def paths(event: str, start_unix: float) -> dict[str, str]:
        began = datetime.fromtimestamp(start_unix, UTC)
        return {name: f"{stream}/{began:%Y-%m-%d}/{began:%H%M%S}-{event}{suffix}" for name, suffix in suffixes.items()}

    return paths


def dates(folder: Path) -> Iterator[Path]:
    """The folders that hold evidence, whatever the stream; no links are followed. Raises OSError."""
    for stream in _within(folder, _STREAM):
        if stream.is_dir(follow_symlinks=False):
            yield from (Path(date.path) for date in _within(Path(stream.path), _DATE) if date.is_dir(follow_symlinks=False))


def entries(date: Path, form: re.Pattern[str]) -> list[DirEntry[str]]:
    """What is named like that in one of these folders, links left out. Raises OSError."""
    return [entry for entry in _within(date, form) if not entry.is_symlink()]


def kept(folder: Path, stream: str, event: str) -> Path | None:
    """The clip of an event, or its frame, if it is there."""
    if not (_STREAM.fullmatch(stream) and re.fullmatch(_ID, event)):
        return None
    found = [path for suffix in MARKABLE for path in (folder / stream).glob(f"*/*-{event}{suffix}") if FINISHED.fullmatch(path.name)]
    return max((path for path in found if path.is_file()), default=None)


def finished(folder: Path, named: str) -> Path | None:
    """The file that an event named, if it is there; nothing that is not named like that, and through no link."""
    parts = named.split("/")
    if len(parts) != 3 or not all(form.fullmatch(part) for form, part in zip((_STREAM, _DATE, FINISHED), parts, strict=True)):
        return None
    path = folder.joinpath(*parts)
    linked = any(each.is_symlink() for each in (path.parent.parent, path.parent, path))
    return path if path.is_file() and not linked else None


def _within(folder: Path, form: re.Pattern[str]) -> list[DirEntry[str]]:
    try:
        with scandir(folder) as found:
            return [entry for entry in found if form.fullmatch(entry.name)]
    except FileNotFoundError:
        return []
