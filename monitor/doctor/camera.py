"""Whether every stream of pictures shows something."""

from __future__ import annotations

import getpass
import threading
from collections.abc import Callable, Iterator
from contextlib import closing

from monitor import feed
from monitor.config import CameraConfig, Config, FileConfig, FolderConfig, NetworkConfig, StreamConfig
from monitor.doctor import Finding
from monitor.doctor.audio import WITHIN_S, asked, files, folder, mend_network
from monitor.errors import SourceError
from monitor.opened import pulse
from monitor.records import Block
from monitor.source import Source
from monitor.source.lively import lively
from monitor.source.pulse import Pulse

Opening = Callable[[StreamConfig], Source]


def findings(config: Config, opening: Opening = feed.recorded_source, *, within_s: float = WITHIN_S) -> Iterator[Finding]:
    """One for each stream's source; `opening` opens one that is live, as normal of it is recorded: its model may not be there yet."""
    for stream in config.stream:
        if stream.kind != "image":
            continue
        check = f"picture of {stream.name}"
        match stream.source:
            case CameraConfig() | NetworkConfig() as source:
                yield _seen(check, stream, source, opening, within_s)
            case FileConfig(paths=paths):
                yield files(check, stream, paths)
            case FolderConfig(path=path):
                yield folder(check, path)


def _seen(check: str, stream: StreamConfig, source: CameraConfig | NetworkConfig, opening: Opening, within_s: float) -> Finding:
    try:
        opened = opening(stream)
        block, reason = _looked(opened, pulse(stream)(opened.rate_hz), within_s)
    except SourceError as error:
        mend = mend_network(source, str(error)) if isinstance(source, NetworkConfig) else _mend(source, str(error))
        return Finding(check, "failed", str(error), _mend_view(str(error)) or mend)
    if block is not None and block.shown is not None:
        _, _, width, height = block.shown
        return Finding(check, "ok", f"seen, {width:g} x {height:g} pixels, brightness {block.items.mean() / 2.55:.0f} %")
    return Finding(check, "failed", f"no picture within {within_s:g} s" if reason is None else f"the picture is {reason}", _look(source))


def _looked(source: Source, pulse: Pulse, within_s: float) -> tuple[Block | None, str | None]:
    """The first picture that shows something, or why there is none. Raises SourceError."""
    with closing(source):
        # Whoever waits for a block cannot look at a clock.
        limit = threading.Timer(within_s, source.close)
        limit.start()
        try:
            return next(iter(lively(source.blocks(), pulse)), (None, None))
        finally:
            limit.cancel()


def _look(source: CameraConfig | NetworkConfig) -> str:
    """Shows the picture to a person."""
    how = asked(source) if isinstance(source, NetworkConfig) else f"-f v4l2 {source.device}"
    return f"ffplay {how}  # nothing there either? then it is its lens, its light or the camera"


def _mend_view(error: str) -> str:
    """What helps if the picture is not as the configuration has it; empty if it is not that."""
    if "the crop of" in error:
        return "crop = [x, y, width, height]  # in [stream.view], within the picture"
    if "pixels to look at" in error:
        return "size = [width, height]  # in the stream's source; or a larger crop"
    return ""


def _mend(camera: CameraConfig, error: str) -> str:
    """What helps against what a camera failed with."""
    if "source.size" in error:
        return f"v4l2-ctl -d {camera.device} --list-formats-ext  # and one of them in the stream's source: size = [width, height]"
    if "Permission denied" in error:
        return f"usermod -aG video {getpass.getuser()}  # then log in again"
    if "in use" in error or "busy" in error:
        return "systemctl stop diffmon  # somebody has the camera to himself; try again then"
    return 'diffmon devices  # and name one in the stream\'s source: device = "..."'
