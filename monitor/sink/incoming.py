"""What comes from the broker: commands, and that Home Assistant has started."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import structlog

from monitor.command import CommandError, parse
from monitor.records import Command
from monitor.sparing import Sparing

log = structlog.get_logger(__name__)


class Incoming:
    """Topics to subscribe to, and what is done with a message. `take` is called in the thread "mqtt" and raises nothing.

    Args:
        root: what our topics begin with, `<topic>/<node>`.
        streams: that may be commanded.
        commanded: takes a command; in the thread "mqtt", so it only hands it on.
        births: a topic on which somebody says `online` when they need to be told everything, and what to do then.
    """

    def __init__(
        self,
        root: str,
        streams: Collection[str],
        commanded: Callable[[Command], None],
        births: tuple[str, Callable[[], None]] | None = None,
    ) -> None:
        self.topics: Sequence[str] = [f"{root}/+/+/set", *([births[0]] if births else [])]
        self._root, self._streams, self._commanded, self._births = root, streams, commanded, births
        self._sparing = Sparing()

    def subscribed(self, refused: Sequence[str]) -> None:
        """Says if it was refused."""
        if refused:
            log.warning("mqtt.not_subscribed", reason=", ".join(refused), expected="to be allowed to, or commands are not heard")

    def take(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """Obeys, or says why not."""
        try:
            if self._births is not None and topic == self._births[0]:
                if payload == b"online":
                    self._births[1]()
                return
            if payload or not retained:  # else what was retained is taken back, and nothing commanded
                self._commanded(self._command(topic, payload, retained=retained))
        except CommandError as error:
            self._refuse(topic, str(error))
        except Exception as error:  # nothing that somebody sends may end the thread
            log.error("command.failed", topic=topic[:100], exc_info=error)

    def _command(self, topic: str, payload: bytes, *, retained: bool) -> Command:
        stream, switch, _ = topic.removeprefix(f"{self._root}/").split("/")
        if retained:
            raise CommandError("is retained: it would be obeyed again at every connection; send it without")
        if stream not in self._streams:
            raise CommandError(f"no stream {stream[:40]!r}, expected one of {', '.join(self._streams)}")
        return parse(stream, switch, payload)

    def _refuse(self, topic: str, reason: str) -> None:
        if self._sparing.lets():
            log.warning("command.refused", topic=topic[:100], reason=reason)
