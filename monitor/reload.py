"""SIGHUP: the configuration read again, and what can change while the daemon listens put in force."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import structlog
from pydantic import BaseModel

from monitor import log
from monitor.config import Config, inside, load
from monitor.control import Control
from monitor.errors import ConfigError
from monitor.health import Notifier
from monitor.sink.mqtt import Mqtt

_STREAM = frozenset({"false_alarms_per_day", "quiet", "cooldown", "update", "quiet_hours", "time_zone"})
"""Keys of a stream that can change."""

_log = structlog.get_logger(__name__)


class Reload:
    """Reads the file again when called; belongs to the pipeline's thread.

    A file that is wrong, or that changes what needs a restart, is refused as a whole: half a configuration is nobody's wish.
    """

    def __init__(self, path: Path, config: Config, control: Control, notifier: Notifier, mqtt: Mqtt | None = None) -> None:
        self._path = path
        self._config = config
        self._control = control
        self._notifier = notifier
        self._mqtt = mqtt

    def __call__(self) -> None:
        """Puts the file in force, or says why not."""
        self._notifier.reloading()
        try:
            with inside(self._path):
                self._take(load(self._path))
        except ConfigError as error:
            _log.error("reload.refused", reason=str(error))
        self._notifier.reloaded()

    def _take(self, config: Config) -> None:
        changed = list(changes(self._config, config))
        fixed = [key for key in changed if not _may_change(key)]
        if fixed:
            _log.error("reload.refused", reason=f"{', '.join(fixed)}: a change takes a restart; nothing was changed")
            return
        if self._mqtt is not None and config.mqtt is not None and config.mqtt != self._config.mqtt:
            self._mqtt.reconfigure(config.mqtt)
        log.configure(config.log_level)
        self._control.reload(config.stream)
        self._config = config
        _log.info("reload.done", changed=changed)


def _may_change(key: str) -> bool:
    section, _, name = key.rpartition(".")
    return key == "log_level" or section == "mqtt" or name in _STREAM


def changes(before: BaseModel, after: BaseModel, where: str = "") -> Iterator[str]:
    """Keys whose values differ, dotted; of a list of sections each, if they are as many, else the list."""
    for key in type(before).model_fields:
        yield from _differ(getattr(before, key), getattr(after, key), f"{where}{key}")


def _differ(before: object, after: object, where: str) -> Iterator[str]:
    if isinstance(before, BaseModel) and type(before) is type(after):
        yield from changes(before, after, f"{where}.")
    elif _sections(before) and _sections(after) and len(before) == len(after):  # type: ignore[arg-type]
        for i, (old, new) in enumerate(zip(before, after, strict=True)):  # type: ignore[call-overload]
            yield from _differ(old, new, f"{where}[{i}]")
    elif before != after:
        yield where


def _sections(value: object) -> bool:
    return isinstance(value, tuple) and bool(value) and isinstance(value[0], BaseModel)
