"""What is noted on the way through a daemon under load."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from monitor.bench.feeding import Voice
from monitor.records import Event, Reading, StreamStatus, Window


@dataclass(slots=True)
class Probe:
    """What is noted on the way: a sink beside the broker's, told of batches too. The pipeline's thread calls it."""

    voices: Mapping[str, Voice]
    judged: list[tuple[float, float]] = field(default_factory=list)
    """Of every window when its last item was spoken, and when it was judged."""
    told: dict[str, float] = field(default_factory=dict)
    last: dict[str, int] = field(default_factory=dict)
    """By stream, how far it was judged."""
    _ends: dict[str, deque[int]] = field(default_factory=lambda: defaultdict(deque))

    def batch(self, windows: Sequence[Window], seconds: float) -> None:
        """Notes a batch that was judged."""
        now_s = time.monotonic()
        for window in windows:
            self.judged.append((self.voices[window.stream].time_of(window.end), now_s))
            self._ends[window.stream].append(window.end)
            self.last[window.stream] = window.end

    def event(self, event: Event) -> None:
        """Notes of which window it is told: the one whose reading is the next."""
        if event.type == "new":
            self.told[event.id] = self.voices[event.stream].time_of(self._ends[event.stream][0])

    def reading(self, reading: Reading) -> None:
        """A window is done with."""
        self._ends[reading.stream].popleft()

    def status(self, stream: str, status: StreamStatus) -> None:
        """Is not noted."""

    def stats(self, stats: dict[str, object]) -> None:
        """Is not noted."""

    def close(self) -> None:
        """Does nothing."""
