"""Events that the broker has not acknowledged yet."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Message:
    """One publication."""

    id: int
    """Place in the order of events, from 1; 0 for what is no event."""
    topic: str
    payload: str


class Pending:
    """A bounded queue in order of arrival; when full the oldest is dropped and counted. Any thread may call it."""

    def __init__(self, capacity: int = 10_000) -> None:
        self.sent = 0
        """Events that left with the broker's acknowledgement."""
        self.dropped = 0
        """Events that left because there was no room."""
        self._capacity = capacity
        self._messages: OrderedDict[int, Message] = OrderedDict()
        self._last = 0
        self._changed = threading.Condition()

    def put(self, topic: str, payload: str) -> None:
        """Appends an event; drops the oldest if there is no room."""
        with self._changed:
            self._last += 1
            self._messages[self._last] = Message(self._last, topic, payload)
            if len(self._messages) > self._capacity:
                self._messages.popitem(last=False)
                self.dropped += 1
                self._changed.notify_all()

    def after(self, last: int) -> Message | None:
        """The oldest event with an id above `last`, or none; it stays in the queue."""
        with self._changed:
            return next((m for m in self._messages.values() if m.id > last), None)

    def done(self, message: Message) -> None:
        """Removes an event that the broker has acknowledged; one that was dropped meanwhile is no error."""
        with self._changed:
            self.sent += 1
            self._messages.pop(message.id, None)
            self._changed.notify_all()

    def wait_empty(self, timeout_s: float) -> bool:
        """Whether the queue ran empty within the time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._messages, timeout_s)

    def __len__(self) -> int:
        return len(self._messages)
