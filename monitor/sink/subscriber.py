"""A subscriber to events: it knows the topics and what an event says, and notes when each step reached it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from monitor.config import Name
from monitor.records import ChangeType
from monitor.sink.connection import Connection
from monitor.sink.login import Login
from monitor.sink.outbox import Outbox
from monitor.sink.outgoing import Outgoing

REMEMBERED = 10_000
"""Steps that are known again when they come twice."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Heard:
    """One step in an event's life."""

    at_s: float
    """Monotonic time of its arrival."""
    event: dict[str, Any]
    """The payload: what `_Step` names is there, the rest as it came."""


_Number = Annotated[float, Field(allow_inf_nan=False)]
_Unix = Annotated[float, Field(ge=0, lt=253402214400)]  # the year 9999
_Word = Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]


class _Step(BaseModel):
    """What every event says; strict, since the payload is handed on as it came."""

    model_config = ConfigDict(strict=True)

    type: ChangeType
    id: Annotated[str, Field(min_length=1, max_length=200)]
    seq: Annotated[int, Field(ge=0)]
    stream: Name
    start_unix: _Unix
    end_unix: _Unix
    score: _Number | None
    """None if it was not finite."""
    where: dict[_Word, _Number]
    reason: _Word | None = None


class Subscriber:
    """Hears events from construction until `close`, and comes back to a broker that was away; what was said meanwhile is lost.

    Args:
        topics: to subscribe to; a message that is no event is named and skipped.
        heard: takes each step, once; in the thread "mqtt", so it only hands it on.
    """

    def __init__(self, login: Login, topics: Sequence[str], heard: Callable[[Heard], None]) -> None:
        self.topics = topics
        self._heard = heard
        self._seen: dict[tuple[str, int], None] = {}
        self._ready = threading.Event()
        self._outgoing = Outgoing(Outbox())
        self._connection = Connection(login, self._outgoing, self)

    def ready(self, timeout_s: float) -> bool:
        """Whether the broker lets us hear every topic, waiting for its first answer."""
        return self._ready.wait(timeout_s)

    def close(self) -> None:
        """Leaves the broker; may be called twice."""
        self._connection.close(0.0)
        self._outgoing.close()

    def subscribed(self, refused: Sequence[str]) -> None:
        """Notes the broker's answer, and says if it was a refusal."""
        if refused:
            log.warning("mqtt.not_subscribed", topics=list(self.topics), reason=", ".join(refused), expected="to be allowed to")
        else:
            log.info("mqtt.subscribed", topics=list(self.topics))
            self._ready.set()

    def take(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """Hands a step on, unless it came before or is none."""
        now_s = time.monotonic()
        try:
            event = _event(payload)
        except ValueError as error:
            log.warning("event.malformed", topic=topic[:100], reason=str(error))
            return
        if self._is_new((event["id"], event["seq"])):
            self._heard(Heard(now_s, event))

    def _is_new(self, key: tuple[str, int]) -> bool:
        """Whether it is heard for the first time: at least once may be more than once."""
        if key in self._seen:
            return False
        self._seen[key] = None
        if len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return True


def _event(payload: bytes) -> dict[str, Any]:
    """The event in a payload. Raises ValueError: what is wrong with it."""
    try:
        event = json.loads(payload, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is not JSON: {error}") from None
    if not isinstance(event, dict):
        raise ValueError("is no JSON object")
    try:
        _Step.model_validate(event)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from None
    return event


def _no_number(constant: str) -> float:
    raise ValueError(f"{constant} is no number")
