"""What Home Assistant is told of a node: one device with all its entities (MQTT discovery, device form)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from monitor import __version__
from monitor.command import RATES, SILENCES_MIN

_STALE_S = 30
"""A score that is older is shown as unavailable."""
_EVENT = (
    "{{ {'event_type': value_json.type, 'id': value_json.id, 'start': value_json.start, 'peak_score': value_json.peak_score} | to_json }}"
)
_PLATFORMS = {
    "anomaly": "binary_sensor",
    "score": "sensor",
    "level": "sensor",
    "connectivity": "binary_sensor",
    "event": "event",
    "enabled": "switch",
    "false_alarms_per_day": "number",
    "silence_min": "number",
    "picture": "image",
}


def topic(prefix: str, node: str) -> str:
    """Where the device is announced."""
    return f"{prefix}/device/{node}/config"


def discovery(root: str, node: str, streams: Sequence[str], gone: Iterable[str]) -> str:
    """The device as JSON: the entities of every stream, and of those that are gone no more than their platform, which removes them."""
    components = {_id(node, stream, what): entity for stream in streams for what, entity in _entities(root, node, stream).items()}
    removed = {_id(node, stream, what): {"platform": platform} for stream in gone for what, platform in _PLATFORMS.items()}
    device = {"identifiers": [f"diffmon_{node}"], "name": node, "manufacturer": "diffmon", "sw_version": __version__}
    return json.dumps({"device": device, "origin": {"name": "diffmon", "sw_version": __version__}, "components": components | removed})


def _id(node: str, stream: str, what: str) -> str:
    return f"diffmon_{node}_{stream}_{what}"


def _entities(root: str, node: str, stream: str) -> dict[str, dict[str, object]]:
    """The entities of one stream."""
    base = f"{root}/{stream}"
    alive = {"topic": f"{root}/status"}
    heard = {"topic": f"{base}/status", "value_template": "{{ 'online' if value in ['online', 'learning'] else 'offline' }}"}
    # What says or sets how a stream is doing must be there when it is not doing well.
    told = {"availability": [alive, heard], "availability_mode": "all"}
    always = {"availability": [alive]}
    entities: dict[str, dict[str, object]] = {
        "anomaly": {"name": f"{stream} anomaly", "device_class": "problem", "state_topic": f"{base}/state", **told},
        "score": {"name": f"{stream} score", "value_template": "{{ value_json.score }}", **_measured(base), **told},
        "level": {
            "name": f"{stream} level",
            "value_template": "{{ value_json.level_dbfs }}",
            "unit_of_measurement": "dB",
            **_measured(base),
            **told,
        },
        "connectivity": {
            "name": f"{stream} connectivity",
            "device_class": "connectivity",
            "entity_category": "diagnostic",
            "state_topic": f"{base}/status",
            "value_template": "{{ 'ON' if value in ['online', 'learning'] else 'OFF' }}",
            **always,
        },
        "event": {
            "name": f"{stream} event",
            "event_types": ["new", "update", "end"],
            "state_topic": f"{base}/event",
            "value_template": _EVENT,
            **told,
        },
        "enabled": {"name": f"{stream} enabled", **_switch(base, "enabled"), **always},
        "false_alarms_per_day": {
            "name": f"{stream} false alarms per day",
            **_switch(base, "false_alarms_per_day"),
            **_range(*RATES, step=0.01),
            **always,
        },
        "silence_min": {
            "name": f"{stream} silence",
            "unit_of_measurement": "min",
            **_switch(base, "silence_min"),
            **_range(*SILENCES_MIN, step=1),
            **always,
        },
        "picture": {"name": f"{stream} last event", "image_topic": f"{base}/picture", "content_type": "image/png", **told},
    }
    return {what: {"platform": _PLATFORMS[what], "unique_id": _id(node, stream, what), **entity} for what, entity in entities.items()}


def _measured(base: str) -> dict[str, object]:
    return {"state_topic": f"{base}/score", "state_class": "measurement", "expire_after": _STALE_S}


def _switch(base: str, switch: str) -> dict[str, object]:
    return {"command_topic": f"{base}/{switch}/set", "state_topic": f"{base}/{switch}/state", "entity_category": "config"}


def _range(least: float, most: float, *, step: float) -> dict[str, object]:
    return {"min": least, "max": most, "step": step, "mode": "box"}
