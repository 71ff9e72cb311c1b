"""The JSON text of what goes out, the same for every sink."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields
from numbers import Integral, Real

from monitor.records import Event, Reading
from monitor.words import rfc3339


def payload(event: Event) -> str:
    """One line of JSON: the event's fields in the record's order, without `reason` when there is none."""
    values = {field.name: getattr(event, field.name) for field in fields(event)}
    if event.reason is None:
        del values["reason"]
    return json_text(values)


def reading_payload(reading: Reading) -> str:
    """One line of JSON: score, p_value, level_dbfs (decibels below full scale) and at."""
    return json_text({"score": reading.score, "p_value": reading.p_value, "level_dbfs": reading.level_db, "at": rfc3339(reading.unix_s)})


def json_text(values: Mapping[str, object]) -> str:
    """One line of valid JSON; floats have six significant digits, times in `*_unix` milliseconds; NaN and infinity are null."""
    return json.dumps({key: _plain(value, key) for key, value in values.items()}, allow_nan=False)


def _plain(value: object, key: str = "") -> object:
    """The same value in types that JSON has."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v, str(k)) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v, key) for v in value]
    if isinstance(value, bool):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return _rounded(float(value), key)
    return value


def _rounded(value: float, key: str) -> float | None:
    if not math.isfinite(value):
        return None
    return round(value, 3) if key.endswith("_unix") else float(f"{value:.6g}")
