"""How the daemon is, in one word and in detail."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Literal
from wsgiref.types import StartResponse, WSGIEnvironment

from monitor.records import StreamStatus
from monitor.sink.vitals import Delivery, Pulse, Vitals

STUCK_S = 10.0
"""A pipeline that has not gone round for so long does not hear."""
SILENT_S = 180.0
"""A broker that has not answered for so long does not hear us: the heartbeat asks every minute."""

Grade = Literal["ok", "degraded", "failing"]
_GRADES: tuple[Grade, ...] = ("ok", "degraded", "failing")


@dataclass(frozen=True, slots=True)
class Check:
    """One part of the daemon."""

    status: Grade
    """`degraded`: it hears, but somebody should look; `failing`: it does not hear."""
    detail: str


class Health:
    """Judges the vitals at the moment it is asked; any thread may ask.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, vitals: Vitals, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._vitals = vitals
        self._clock = clock
        self._began_s = clock()

    def checks(self) -> dict[str, Check]:
        """By part."""
        return dict(self._checks(self._clock()))

    def page(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answers with 200 and JSON; with 503 if the daemon does not hear."""
        checks = self.checks()
        worst = max((c.status for c in checks.values()), key=_GRADES.index)
        start_response("503 Service Unavailable" if worst == "failing" else "200 OK", [("Content-Type", "application/json")])
        body = {"status": worst, "checks": {part: asdict(check) for part, check in checks.items()}}
        return [json.dumps(body).encode() + b"\n"]

    def _checks(self, now_s: float) -> Iterator[tuple[str, Check]]:
        yield "pipeline", _pipeline(self._vitals.pulse, now_s)
        for stream, status in list(self._vitals.statuses.items()):
            yield f"stream {stream}", _stream(status)
        if self._vitals.delivery is not None:
            delivery = self._vitals.delivery()
            yield "broker", _broker(delivery, now_s, since_s=self._began_s)
            yield "outbox", _outbox(delivery)


def _pipeline(pulse: Pulse | None, now_s: float) -> Check:
    if pulse is None or pulse.progress_s is None:
        return Check("failing", "starting: the models are being loaded")
    if now_s - pulse.progress_s > STUCK_S:
        return Check("failing", f"no progress for {now_s - pulse.progress_s:.0f} s")
    if not pulse.is_ready:
        return Check("failing", "starting: no source has delivered yet")
    return Check("ok", "goes on")


def _stream(status: StreamStatus) -> Check:
    # What somebody disabled, or has learn first, is as it should be.
    return Check("ok" if status in ("online", "learning", "disabled") else "degraded", status)


def _broker(delivery: Delivery, now_s: float, *, since_s: float) -> Check:
    """Before the first answer the broker is silent since the start."""
    silent_s = now_s - (since_s if delivery.acked_s is None else delivery.acked_s)
    if not delivery.connected:
        return Check("degraded", "not connected")
    if silent_s > SILENT_S:
        return Check("degraded", f"connected, but has not answered for {silent_s:.0f} s")
    return Check("ok", "connected")


def _outbox(delivery: Delivery) -> Check:
    waiting = f"{delivery.waiting} events wait"
    if delivery.disk_failed:
        return Check("degraded", f"{waiting}, in memory alone: the disk failed")
    if delivery.dropped:
        return Check("degraded", f"{waiting}; {delivery.dropped} were dropped since the start")
    return Check("ok", waiting)
