"""A secret in a file of its own, as systemd's LoadCredential gives it."""

from __future__ import annotations

from pathlib import Path

from monitor.errors import SettingError


def first_line(path: Path, *, key: str) -> str:
    """First line of the file that a key of the configuration names. Raises SettingError."""
    try:
        with path.open(encoding="utf-8") as file:
            secret = file.readline().rstrip("\r\n")
    except UnicodeDecodeError:
        raise SettingError(f"{key}: {path}: is not UTF-8 text") from None
    except OSError as error:
        raise SettingError(f"{key}: {path}: cannot be read: {error.strerror}") from None
    if not secret:
        raise SettingError(f"{key}: {path}: the first line is empty, expected the password")
    return secret
