"""A stream over the network, whatever is in it: opened, read packet by packet, and in plain words where it fails."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from threading import Event
from typing import Any

import av
from av.container import InputContainer

from monitor.address import name, shown, with_login
from monitor.errors import SourceError
from monitor.source.journal import Journal

log = Journal(__name__)

_OPEN_S, _READ_S = 6.0, 2.0
"""How long a server may take to begin, and to deliver more."""
MOST_S = 10.0
"""A longer jump of time stamps is none of the stream's: a server that waits so long is given up before."""
_MOST_BROKEN = 10
"""Packets in a row that cannot be decoded; fewer happen where a stream is joined in the middle."""
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
_NO_TIMES = 0x80  # <libavformat/avformat.h>: AVFMT_NOTIMESTAMPS


class Remote:
    """The first sound or picture of a server, open from construction on. `frames` runs in one thread; `close` may come from another.

    A server's certificate is verified.

    Args:
        url: without a login.
        username: who logs in; nobody if none.
        password: theirs.
        medium: `audio` or `video`.

    Raises:
        SourceError: the stream cannot be opened, or has none of it.
    """

    def __init__(self, url: str, *, username: str | None, password: str | None, medium: str) -> None:
        self.name = name(url)
        self._closed = Event()
        self._container = self._open(with_login(url, username, password))
        found = [stream for stream in self._container.streams if stream.type == medium]
        if not found:
            self._container.close()
            what, some = {"audio": ("sound", "sound"), "video": ("picture", "a picture")}[medium]
            raise SourceError(f"{self.name}: has no {what}, expected a stream with {some} in it")
        self.stream: Any = found[0]
        self.tells_time = not self._container.format.flags & _NO_TIMES
        """Whether its time stamps are its own; those of pictures that come one by one are made up by the library."""
        log.info("network.opened", url=shown(url), codec=self.stream.codec_context.name, rate_hz=self._rate_hz())

    def _rate_hz(self) -> float | None:
        rate = self.stream.sample_rate if self.stream.type == "audio" else self.stream.average_rate
        return None if rate is None else round(float(rate), 3)

    def _open(self, url: str) -> InputContainer:
        # Of itself the library verifies nothing.
        trusted = ssl.get_default_verify_paths().cafile or _CERTIFICATES
        options = {"rtsp_transport": "tcp", "tls_verify": "1", "ca_file": trusted}
        try:
            return av.open(url, options=options, timeout=(_OPEN_S, _READ_S))
        except av.error.ExitError:
            raise SourceError(f"{self.name}: cannot be opened: nothing came in time ({_OPEN_S:.0f} s)") from None
        except av.error.FFmpegError as error:
            # The library does not tell why a handshake failed.
            doubt = "; is its certificate one that this machine trusts?" if url.startswith(("https:", "rtsps:")) else ""
            raise SourceError(f"{self.name}: cannot be opened: {_reason(error)}{doubt}") from None

    def frames(self) -> Iterator[Any]:
        """Frames as they come, until `close`. Raises SourceError if the stream ends, waits or cannot be decoded."""
        try:
            with self._container:
                yield from self._decoded()
        except av.error.ExitError:
            raise SourceError(f"{self.name}: sent nothing for {_READ_S:.0f} s") from None
        except av.error.FFmpegError as error:
            raise SourceError(f"{self.name}: broke off: {_reason(error)}") from None
        if not self._closed.is_set():
            raise SourceError(f"{self.name}: has ended, expected a stream that goes on")

    def close(self) -> None:
        """Ends `frames` with the next that comes; what was opened is closed by the thread that reads it, or with its process."""
        self._closed.set()

    def _decoded(self) -> Iterator[Any]:
        broken = 0
        for packet in self._container.demux(self.stream):
            if self._closed.is_set():
                return
            try:
                frames = packet.decode()
                broken = 0
            except av.error.InvalidDataError:
                broken += 1
                if broken > _MOST_BROKEN:
                    raise
                continue
            yield from frames


def _reason(error: av.error.FFmpegError) -> str:
    """What the library says of it, without the URL, which it would repeat with the password in it."""
    reason = error.strerror or "it is no stream that can be read"
    return f"{reason[0].lower()}{reason[1:]}"
