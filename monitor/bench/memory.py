"""The memory of a process and all that it began, shared pages shared out (PSS)."""

from __future__ import annotations

import threading
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from types import TracebackType

_EVERY_S = 0.5
_PROC = Path("/proc")


def pss_mb(root: int) -> float | None:
    """Megabytes (1e6 bytes) of a process and its descendants; none where the system does not tell."""
    found = [mb for process in _tree(root) if (mb := _pss_mb(process)) is not None]
    return sum(found) if found else None


def _tree(root: int) -> list[int]:
    """A process and its descendants."""
    children = defaultdict(list)
    for path in _PROC.glob("[0-9]*/stat"):
        with suppress(OSError, ValueError):  # it has just ended
            # The name, in brackets, may hold anything.
            parent = int(path.read_text(errors="replace").rpartition(")")[2].split()[1])
            children[parent].append(int(path.parent.name))
    found = [root]
    for process in found:
        found += children[process]
    return found


def _pss_mb(process: int) -> float | None:
    with suppress(OSError):
        for line in (_PROC / str(process) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024 / 1e6
    return None


class Peak:
    """A context manager; follows the memory of a process tree from a thread of its own, twice a second."""

    def __init__(self, root: int) -> None:
        self.mb: float | None = None
        """The most so far."""
        self._root = root
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memory", daemon=True)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ending.set()
        self._thread.join(10.0)

    def _run(self) -> None:
        while True:
            now_mb = pss_mb(self._root)
            if now_mb is not None:
                self.mb = max(now_mb, self.mb or 0.0)
            if self._ending.wait(_EVERY_S):
                return
