"""Engines whose work is measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from monitor.pipeline import Judge
from monitor.records import Judgement, Window

Judged = Callable[[Sequence[Window], float], None]
"""Told of a batch that was judged, and of the seconds that it took."""


def measured(engines: Mapping[str, Judge], judged: Judged) -> dict[str, Judge]:
    """The same engines by stream, each batch told; streams that share an engine go on sharing it."""
    by_engine = {id(engine): Measured(engine, judged) for engine in engines.values()}
    return {stream: by_engine[id(engine)] for stream, engine in engines.items()}


class Measured:
    """An engine around another one. Called from one thread."""

    def __init__(self, engine: Judge, judged: Judged) -> None:
        self._engine = engine
        self._judged = judged

    def judge(self, windows: Sequence[Window]) -> list[Judgement]:
        """What the other one says."""
        began_s = time.perf_counter()
        judgements = self._engine.judge(windows)
        self._judged(windows, time.perf_counter() - began_s)
        return judgements
