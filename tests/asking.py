"""What a program on the same machine asks the daemon over HTTP."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http.client import HTTPConnection
from types import SimpleNamespace
from typing import Any

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from monitor.sink.vitals import Delivery, Vitals


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer."""

    status: int
    headers: dict[str, str]
    body: str

    @property
    def json(self) -> dict[str, Any]:
        """The body, as an object."""
        found: dict[str, Any] = json.loads(self.body)
        return found


def ask(port: int, path: str, method: str = "GET", body: str | None = None, **headers: str) -> Answer:
    """The answer of whoever listens on that loopback port."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return Answer(answer.status, dict(answer.getheaders()), answer.read().decode())
    finally:
        connection.close()


def families(text: str) -> list[Metric]:
    """Metrics of an exposition."""
    return list(text_string_to_metric_families(text))


def series(text: str) -> dict[str, float]:
    """Values of an exposition by name and labels: `up`, `events{fan,new}`."""
    found = {}
    for family in families(text):
        for sample in family.samples:
            labels = ",".join(value for _, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def pulse(progress_s: float | None, *, ready: bool = True) -> Any:
    """A pipeline that last went round at that time."""
    return SimpleNamespace(progress_s=progress_s, is_ready=ready)


def delivery(**changes: Any) -> Delivery:
    """A broker that answers and an outbox that is empty, but for the changes."""
    usual: dict[str, Any] = {"connected": True, "acked_s": 100.0, "sent": 0, "dropped": 0, "waiting": 0, "disk_failed": False}
    return Delivery(**usual | changes)


def vitals(*streams: str) -> Vitals:
    """Those of a daemon that has just been started."""
    return Vitals(dict.fromkeys(streams, "starting"))
