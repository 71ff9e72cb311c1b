"""The cameras of this machine, as Linux names them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from monitor.errors import SourceError

_NODES, _LINKS = Path("/sys/class/video4linux"), Path("/dev/v4l/by-id")
_DEVICES = Path("/dev")


@dataclass(frozen=True, slots=True)
class CameraDevice:
    """What pictures can be taken from."""

    path: str
    """Such as /dev/video0; another one after the camera was plugged in elsewhere, or later than others."""
    name: str
    id: str | None
    """A path that stays the same, if it has one."""


def cameras(nodes: Path = _NODES, links: Path = _LINKS, devices: Path = _DEVICES) -> list[CameraDevice]:
    """All of them, in order; a camera's other nodes, which carry no pictures, are left out."""
    named = {link.resolve().name: str(link) for link in sorted(links.glob("*"), reverse=True)}
    found = [node for node in nodes.glob("video*") if _read(node / "index") in ("0", "")]
    found.sort(key=lambda node: (len(node.name), node.name))
    return [CameraDevice(str(devices / node.name), _read(node / "name") or node.name, named.get(node.name)) for node in found]


def found(device: str, known: list[CameraDevice]) -> str:
    """The path of a device by its path, its stable id, or a part of either or of its name. Raises SourceError if it is not one."""
    if device.startswith("/"):
        if Path(device).exists():
            return device
        fit = []
    else:
        fit = [each for each in known if device.lower() in f"{each.name}\n{each.id}\n{each.path}".lower()]
    if len(fit) == 1:
        return fit[0].path
    listed = ", ".join(f"{each.name!r} at {each.path}" for each in (fit or known)) or "none"
    raise SourceError(f"{called(device)}: expected one camera by this name, found {listed}; see `diffmon devices`")


def called(device: str) -> str:
    """What a camera is called in messages."""
    return f"camera {device!r}"


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
