"""Work of a GPU as a CUDA graph: what are hundreds of kernels is started as one."""

from __future__ import annotations

from collections.abc import Callable

import structlog
import torch
from torch import Tensor

log = structlog.get_logger(__name__)

_BEFORE = 2  # times that work is done first: what libraries choose and reserve on the way cannot be captured


class Capturing:
    """Captures work one after the other. Of all that it has captured one may run at a time: they share memory."""

    def __init__(self) -> None:
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, work: Callable[[], Tensor]) -> Callable[[], Tensor]:
        """The same work, on the same memory; its answer is overwritten by the next. What cannot be captured is left as it is.

        Raises torch.OutOfMemoryError if there is no room to do it at all.
        """
        for _ in range(_BEFORE):
            work()
        graph = torch.cuda.CUDAGraph()
        try:
            # Another thread may ask for an explanation meanwhile.
            with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
                told = work()
        except RuntimeError as error:  # no memory for a second time, too
            log.warning("engine.not_captured", reason=str(error).splitlines()[0], expected="a CUDA graph; judging goes on without, slower")
            return work

        def replay() -> Tensor:
            graph.replay()
            return told

        return replay
