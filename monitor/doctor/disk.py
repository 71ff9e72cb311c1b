"""Whether events can be kept until the broker has them."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from monitor.config import Config
from monitor.doctor import Finding
from monitor.sink.held import holder
from monitor.state import state_dir

LITTLE_BYTES = 1 << 30
TOO_LITTLE_BYTES = 50 << 20
_TRIAL_BYTES = 1 << 16


def free_bytes(folder: Path) -> int:
    """Room on a folder's disk for whoever asks."""
    return shutil.disk_usage(folder).free


def findings(config: Config, free: Callable[[Path], int] = free_bytes) -> Iterator[Finding]:
    """Whether the state folder takes a file, how much room there is, and who has the outbox."""
    folder = state_dir(config)
    if folder is None:
        yield _nowhere(config)
        return
    refusal = _refusal(folder)
    if refusal is not None:
        yield Finding("state folder", "failed", f"{folder}: cannot be written: {refusal.strerror}", _mend(folder, refusal))
        return
    yield Finding("state folder", "ok", f"{folder}: can be written")
    yield _room(_standing(folder), free)
    pid = holder(folder / f"{config.node}.outbox")
    yield Finding("outbox", "ok", "nobody has it" if pid is None else f"a running daemon has it, process {pid}: that is well")


def _nowhere(config: Config) -> Finding:
    if config.mqtt is None:
        return Finding("state folder", "ok", "none, and no broker for which anything would wait")
    detail = "none, unless systemd gives one (StateDirectory=): events that the broker has not got are lost if the daemon dies"
    return Finding("state folder", "warning", detail, 'state_dir = "/var/lib/diffmon"')


def _standing(folder: Path) -> Path:
    """The folder, or the nearest above it that exists."""
    return next(place for place in (folder, *folder.parents) if os.path.exists(place))


def _refusal(folder: Path) -> OSError | None:
    """Why a file cannot be written there, or none. A folder that had to be made is gone again: the daemon's shall be the daemon's."""
    made = [place for place in (folder, *folder.parents) if not os.path.exists(place)]
    try:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder) as trial:
                trial.write(bytes(_TRIAL_BYTES))
                trial.flush()
                os.fsync(trial.fileno())
        finally:
            for place in made:
                if os.path.exists(place):
                    place.rmdir()
    except OSError as error:
        return error
    return None


def _mend(folder: Path, refusal: OSError) -> str:
    """Gives the folder to whoever asks, if it is only that; else shows its disk."""
    place = _standing(folder)
    if refusal.errno == errno.EROFS:
        return f"mount -o remount,rw $(df --output=target {place} | tail -n 1)"
    if not place.is_dir():
        return f'ls -ld {place}  # a file; another: state_dir = "/var/lib/diffmon"'
    if place == folder and not os.access(place, os.W_OK):
        return f"chown {os.getuid()} {folder}"
    return f'df -h {place}; ls -ld {place}  # or another: state_dir = "/var/lib/diffmon"'


def _room(place: Path, free: Callable[[Path], int]) -> Finding:
    try:
        left = free(place)
    except OSError as error:
        return Finding("disk", "warning", f"{place}: how much room is left cannot be told: {error.strerror}", f"df -h {place}")
    detail = f"{left / (1 << 20):.0f} MiB are left at {place}"
    if left >= LITTLE_BYTES:
        return Finding("disk", "ok", detail)
    mend = f"journalctl --vacuum-size=100M; du -xh {place} | sort -h | tail"
    if left >= TOO_LITTLE_BYTES:
        return Finding("disk", "warning", f"{detail}, less than 1 GiB", mend)
    return Finding("disk", "failed", f"{detail}, less than 50 MiB", mend)
