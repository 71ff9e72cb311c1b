"""Commands as they come over the wire: text in, a `Command` or a sentence out."""

from __future__ import annotations

import re
from typing import get_args

from monitor.records import Command, Switch

RATES = 0.01, 1000.0
"""False alarms a day that may be asked for."""
SILENCES_MIN = 0.0, 10_080.0
"""Up to a week."""
_EVENT = re.compile(r"[0-9a-f]{16}")
_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_SHOWN = 40  # characters of what was refused


class CommandError(ValueError):
    """What came is no command; the message says why."""


def parse(stream: str, switch: str, payload: bytes) -> Command:
    """The command that was sent for a switch of a stream. Raises CommandError."""
    try:
        text = payload.decode().strip()
    except UnicodeDecodeError:
        raise CommandError("is not UTF-8 text") from None
    match switch:
        case "enabled":
            return Command(stream, switch, _on(text))
        case "false_alarms_per_day":
            return Command(stream, switch, _number(text, *RATES))
        case "silence_min":
            return Command(stream, switch, _number(text, *SILENCES_MIN))
        case "mark_normal":
            return Command(stream, switch, _event(text))
    raise CommandError(f"no switch {switch[:_SHOWN]!r}, expected one of {', '.join(get_args(Switch))}")


def text_of(value: bool | float | str) -> str:
    """A value as it is published: `ON` or `OFF`, a number, an id.

    >>> text_of(True), text_of(2.0), text_of(0.25)
    ('ON', '2', '0.25')
    """
    if isinstance(value, bool):
        return "ON" if value else "OFF"
    return value if isinstance(value, str) else f"{value:.9g}"


def _on(text: str) -> bool:
    if text not in ("ON", "OFF"):
        raise CommandError(f"{text[:_SHOWN]!r}: expected ON or OFF")
    return text == "ON"


def _number(text: str, least: float, most: float) -> float:
    if not _NUMBER.fullmatch(text) or not least <= float(text) <= most:
        raise CommandError(f"{text[:_SHOWN]!r}: expected a number from {least:g} to {most:g}")
    return float(text)


def _event(text: str) -> str:
    if not _EVENT.fullmatch(text):
        raise CommandError(f"{text[:_SHOWN]!r}: expected the id of an event, 16 hex digits")
    return text
