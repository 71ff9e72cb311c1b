"""From the section of a live source to the source, in a process of its own."""

from __future__ import annotations

import os
from typing import Any

from monitor.address import name
from monitor.config import MicrophoneConfig, NetworkConfig, StdinConfig
from monitor.errors import SettingError, SourceError
from monitor.secret import first_line
from monitor.source import stdin
from monitor.source.child import command, told
from monitor.source.process import Process

LiveConfig = MicrophoneConfig | NetworkConfig | StdinConfig


def captured(section: LiveConfig, rate_hz: int) -> Process:
    """Starts the process that opens it. Raises SourceError."""
    match section:
        case MicrophoneConfig(device=device, channel=channel):
            wanted = {"device": device, "channel": channel}
            called = f"microphone {device!r}" if device else "default microphone"
            return _process(section.type, wanted, name=called, rate_hz=rate_hz)
        case NetworkConfig(url=url, username=username):
            wanted = {"url": url, "username": username, "password": _readable_password(section)}
            return _process(section.type, wanted, name=name(url), rate_hz=rate_hz)
        case StdinConfig():
            return _piped(section, rate_hz)


def password(section: NetworkConfig, *, key: str = "source.password_file") -> str | None:
    """Of the stream's login, none if there is none. Raises SettingError."""
    return None if section.password_file is None else first_line(section.password_file, key=key)


def _readable_password(section: NetworkConfig) -> str | None:
    """Read anew at every attempt, since it may be changed meanwhile; one that cannot be read may come back."""
    try:
        return password(section)
    except SettingError as error:
        raise SourceError(f"{name(section.url)}: {error}") from None


def _piped(section: StdinConfig, rate_hz: int) -> Process:
    try:
        descriptor = os.dup(0)
    except OSError as error:
        raise SourceError(f"{stdin.NAME}: cannot be read: {error.strerror}") from None
    try:
        form = {"from_hz": section.rate_hz, "channels": section.channels, "channel": section.channel, "form": section.format}
        return _process(section.type, {"descriptor": descriptor, **form}, name=stdin.NAME, rate_hz=rate_hz, lent=(descriptor,))
    finally:
        os.close(descriptor)


def _process(kind: str, wanted: dict[str, Any], *, name: str, rate_hz: int, lent: tuple[int, ...] = ()) -> Process:
    specification = {"type": kind, "rate_hz": rate_hz, **wanted}
    return Process(command(), told=told(specification), lent=lent, name=name, rate_hz=rate_hz)
