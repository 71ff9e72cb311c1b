"""`listen`: events as they come from the broker, for a person to read or a program to act on."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from monitor import log
from monitor.backlog import Backlog
from monitor.config import Config, inside, load
from monitor.errors import ConfigError
from monitor.hook import Hook
from monitor.interrupt import asked_to_stop
from monitor.sink.login import Login, login
from monitor.sink.subscriber import Heard, Subscriber

CAPACITY = 1000
"""Steps that may wait for whoever reads our output; then the oldest is dropped."""
_TICK_S = 0.25


def listen(path: Path, streams: Sequence[str], command: Sequence[str]) -> Iterator[Heard]:
    """Every step in an event's life, once each, until SIGINT or SIGTERM; the command, if any, is run for each. Raises ConfigError."""
    config = load(path)
    me, topics = _login(path, config), _topics(path, config, streams)
    log.configure("info")
    waiting: Backlog[Heard] = Backlog(CAPACITY, of="steps to be printed")
    with ExitStack() as closing:
        stop = closing.enter_context(asked_to_stop())
        hook = Hook(command) if command else None
        if hook is not None:
            closing.callback(hook.close)

        def heard(step: Heard) -> None:
            # Here and not below: whoever does not read our output holds up no alarm.
            if hook is not None:
                hook.put(step.event)
            waiting.put(step)

        closing.callback(Subscriber(me, topics, heard).close)
        while not stop.is_set():
            step = waiting.take(_TICK_S)
            if step is not None:
                yield step


def _login(path: Path, config: Config) -> Login:
    """As the daemon, by a name of our own: a broker throws out whoever had the name before."""
    if config.mqtt is None:
        raise ConfigError(f"{path}: mqtt: missing, expected the broker to listen to")
    with inside(path):
        known = login(config.mqtt, node=config.node, will_topic=None)
    return dataclasses.replace(known, client_id=f"diffmon-{config.node}-listen-{os.getpid()}")


def _topics(path: Path, config: Config, streams: Sequence[str]) -> list[str]:
    """Those of the streams that were named, or of all."""
    names = [s.name for s in config.stream]
    for stream in streams:
        if stream not in names:
            raise ConfigError(f"{path}: no stream {stream!r}, expected one of {', '.join(names)}")
    return [f"{config.topic}/{config.node}/{name}/event" for name in dict.fromkeys(streams or ["+"])]
