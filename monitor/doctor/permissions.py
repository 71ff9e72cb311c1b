"""Whether secrets are ours alone, and sound cards and cameras ours too."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from pathlib import Path

from monitor.config import CameraConfig, Config, MicrophoneConfig
from monitor.doctor import Finding

_CARDS = Path("/dev/snd")
_DEVICES = Path("/dev")
CREDENTIALS = Path("/run/credentials")
"""Where systemd puts what it holds for a service, while that runs."""


def findings(config: Config, cards: Path = _CARDS, devices: Path = _DEVICES) -> Iterator[Finding]:
    """One for each secret file, and one for the sound cards and one for the cameras if a stream needs one."""
    if config.mqtt is not None:
        for key, file in (("password_file", config.mqtt.password_file), ("key_file", config.mqtt.key_file)):
            if file is not None:
                yield _secret(f"mqtt.{key}", file)
    if config.web is not None and config.web.token_file is not None:
        yield _secret("web.token_file", config.web.token_file)
    if any(isinstance(stream.source, MicrophoneConfig) for stream in config.stream):
        yield _sound(cards)
    if any(isinstance(stream.source, CameraConfig) for stream in config.stream):
        yield _cameras(devices)


def _secret(check: str, file: Path) -> Finding:
    try:
        mode = file.stat().st_mode
        with file.open("rb"):
            pass
    except FileNotFoundError:
        return Finding(check, "failed", f"{file}: no such file", _bring(file))
    except OSError as error:
        return Finding(check, "failed", f"{file}: cannot be read: {error.strerror}", f"chown {os.getuid()} {file}")
    if mode & 0o004:
        return Finding(check, "warning", f"{file}: everybody on this machine can read it", f"chmod 600 {file}")
    return Finding(check, "ok", f"{file}: can be read, but not by everybody")


def _bring(file: Path) -> str:
    """Brings a secret to its place; what systemd holds for a service is there only while that runs."""
    if file.is_relative_to(CREDENTIALS):
        return f"install -m 600 /dev/stdin /etc/credstore/diffmon.{file.name} && systemctl restart diffmon  # and type it; then as root"
    return f"install -m 600 /dev/stdin {file}  # and type it"


def _sound(cards: Path) -> Finding:
    """Whether the cards may be opened; a microphone of PulseAudio needs none."""
    inputs = sorted(cards.glob("pcmC*c"))
    if not inputs:
        return Finding("sound cards", "warning", f"no card that records in {cards}: only a sound server could bring one", "arecord -l")
    shut = [card for card in inputs if not os.access(card, os.R_OK | os.W_OK)]
    if not shut:
        return Finding("sound cards", "ok", f"{len(inputs)} that record may be opened")
    return Finding("sound cards", "failed", f"{shut[0]}: may not be opened", f"usermod -aG audio {getpass.getuser()}  # then log in again")


def _cameras(devices: Path) -> Finding:
    """Whether the cameras may be opened."""
    found = sorted(devices.glob("video*"))
    if not found:
        return Finding("cameras", "failed", f"no camera in {devices}", "lsusb  # is it plugged in? then: dmesg | grep -i uvc")
    shut = [camera for camera in found if not os.access(camera, os.R_OK | os.W_OK)]
    if not shut:
        return Finding("cameras", "ok", f"{len(found)} devices may be opened")
    return Finding("cameras", "failed", f"{shut[0]}: may not be opened", f"usermod -aG video {getpass.getuser()}  # then log in again")
