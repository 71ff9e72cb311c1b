"""The state folder: where in it what belongs to a stream lies, and the two profiles that are kept of each."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from monitor.config import Config
from monitor.errors import DiffmonError, SinkError


def state_dir(config: Config) -> Path | None:
    """The configured folder, or the first that systemd gives."""
    given = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    return config.state_dir or (Path(given) if given else None)


def take(folder: Path) -> Callable[[], None]:
    """Makes the folder this process's alone; what gives it back. Raises SinkError if another daemon has it.

    A folder that is not there, or cannot be opened, is nobody's: what is wrong with it, whoever writes there says.
    """
    try:
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return lambda: None
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(opened)
        raise SinkError(f"{folder}: another daemon has this state folder, expected one for each") from None
    return lambda: os.close(opened)


def normal_dir(state: Path, stream: str) -> Path:
    """Folder of the stream's log of normal."""
    return state / "normal" / stream


def profile_path(state: Path, stream: str) -> Path:
    """The profile that was made on this box for a stream."""
    return state / "profiles" / f"{stream}.profile"


def previous(profile: Path) -> Path:
    """The profile that was in force before it."""
    return profile.with_name(f"{profile.name}.previous")


def make_folder(folder: Path) -> None:
    """Makes a folder below the state folder, if it is not there. Raises DiffmonError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DiffmonError(f"{folder}: cannot be made: {error.strerror}") from None


def keep_previous(profile: Path) -> None:
    """Keeps a copy of the profile that is there, if one is, before another one is written. Raises DiffmonError."""
    part = profile.with_name(f".{profile.name}.{os.getpid()}.part")
    try:
        if profile.exists():
            shutil.copyfile(profile, part)
            part.replace(previous(profile))
    except OSError as error:
        part.unlink(missing_ok=True)
        raise DiffmonError(f"{previous(profile)}: cannot be written: {error.strerror}") from None


def swap(profile: Path) -> bool:
    """Swaps the profile with the one before it, of which either may be none; whether there is one now. Raises DiffmonError."""
    before, aside = previous(profile), profile.with_name(f".{profile.name}.{os.getpid()}.part")
    if not profile.exists() and not before.exists():
        raise DiffmonError(f"{profile}: no such file, and none before it: there is nothing to put back")
    try:
        if profile.exists():
            profile.replace(aside)
        if before.exists():
            before.replace(profile)
        if aside.exists():
            aside.replace(before)
    except OSError as error:
        raise DiffmonError(f"{profile}: cannot be put back: {error.strerror}") from None
    return profile.exists()
