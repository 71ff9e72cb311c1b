"""From the section of a live source to the source, in a process of its own."""

from __future__ import annotations

import os
from dataclasses import asdict
from functools import partial
from typing import Any

from monitor.address import name
from monitor.config import CameraConfig, MicrophoneConfig, NetworkConfig, StdinConfig
from monitor.errors import SettingError, SourceError
from monitor.secret import first_line
from monitor.source import stdin, v4l
from monitor.source.child import command, told
from monitor.source.process import Process
from monitor.source.view import View

LiveConfig = MicrophoneConfig | CameraConfig | NetworkConfig | StdinConfig


def heard(section: MicrophoneConfig | NetworkConfig | StdinConfig, rate_hz: int) -> Process:
    """Starts the process that opens its sound. Raises SourceError."""
    process = partial(_process, rate_hz=rate_hz)
    match section:
        case MicrophoneConfig(device=device, channel=channel):
            called = f"microphone {device!r}" if device else "default microphone"
            return process({"type": "microphone", "device": device, "channel": channel}, name=called)
        case NetworkConfig(url=url):
            return process({"type": "network", **_login(section)}, name=name(url))
        case StdinConfig():
            return _piped(section, rate_hz)


def seen(section: CameraConfig | NetworkConfig, rate_hz: float, view: View) -> Process:
    """Starts the process that opens its pictures. Raises SourceError."""
    process = partial(_process, rate_hz=rate_hz, item=(view.side, view.side, 3), dtype="uint8")
    match section:
        case CameraConfig(device=device, size=size):
            return process({"type": "camera", "device": device, "size": size, "view": asdict(view)}, name=v4l.called(device))
        case NetworkConfig(url=url):
            return process({"type": "video", **_login(section), "view": asdict(view)}, name=name(url))


def password(section: NetworkConfig, *, key: str = "source.password_file") -> str | None:
    """Of the stream's login, none if there is none. Raises SettingError."""
    return None if section.password_file is None else first_line(section.password_file, key=key)


def _login(section: NetworkConfig) -> dict[str, str | None]:
    """Where it is opened, by whom; read anew at every attempt, since a password may be changed meanwhile or come back."""
    try:
        return {"url": section.url, "username": section.username, "password": password(section)}
    except SettingError as error:
        raise SourceError(f"{name(section.url)}: {error}") from None


def _piped(section: StdinConfig, rate_hz: int) -> Process:
    try:
        descriptor = os.dup(0)
    except OSError as error:
        raise SourceError(f"{stdin.NAME}: cannot be read: {error.strerror}") from None
    try:
        form = {"from_hz": section.rate_hz, "channels": section.channels, "channel": section.channel, "form": section.format}
        wanted = {"type": "stdin", "descriptor": descriptor, **form}
        return _process(wanted, name=stdin.NAME, rate_hz=rate_hz, lent=(descriptor,))
    finally:
        os.close(descriptor)


def _process(wanted: dict[str, Any], *, name: str, rate_hz: float, lent: tuple[int, ...] = (), **form: Any) -> Process:
    return Process(command(), told=told({**wanted, "rate_hz": rate_hz}), lent=lent, name=name, rate_hz=rate_hz, **form)
