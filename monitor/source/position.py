"""How far a folder of recordings was read, and which of them were begun before: from there another process goes on."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, astuple, dataclass, field

HEARD = 500
"""So many of the recordings that were begun last are known each by itself."""


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """A recording, and the order of recordings."""

    written_ns: int
    """When it was last written."""
    name: str
    inode: int = field(default=0, compare=False)
    """Of its file; 0 if that is not known."""
    size: int = field(default=0, compare=False)
    """In bytes."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A recording that was begun: its place on the stream's index and in time."""

    key: Key
    index: int
    """Absolute index of its first item."""
    began: int
    """Unix time of its first item, counted in items."""
    late: int = 0
    """So many items it was put behind its own time, which lay before what had been heard."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where to go on: at an item of a recording.

    Which recordings were begun before, `heard` and `horizon` say together: one of those that were heard last is known by its name and
    its file, whatever the clock has done since; an older one by the time at which it was written, not being after the horizon.
    So a recording that came while nobody looked is judged, unless the clock by which it was written stood further back than the
    last `HEARD` recordings reach.
    """

    piece: Piece
    index: int
    """Absolute index of the next item."""
    heard: tuple[Key, ...] = ()
    """The recordings that were begun last before this one, in that order."""
    horizon: Key | None = None
    """What is not after it was begun before those; none if there was nothing."""

    def text(self) -> str:
        """As JSON."""
        heard = [astuple(key) for key in self.heard]
        horizon = None if self.horizon is None else asdict(self.horizon)
        return json.dumps({"piece": asdict(self.piece), "index": self.index, "heard": heard, "horizon": horizon})

    @classmethod
    def read(cls, text: str) -> Position:
        """What `text` wrote; from before it knew what was heard, all that is not after the recording itself was."""
        values = json.loads(text)
        piece = Piece(**values["piece"] | {"key": Key(**values["piece"]["key"])})
        if "heard" not in values:
            return cls(piece, values["index"], horizon=piece.key)
        horizon = None if values["horizon"] is None else Key(**values["horizon"])
        return cls(piece, values["index"], tuple(Key(*each) for each in values["heard"]), horizon)


class Trail:
    """Which recording each index came from. Written by the source's thread, read by another; begins at a position, if there is one."""

    def __init__(self, position: Position | None = None) -> None:
        self._pieces: deque[Piece] = deque()
        self._heard: deque[Key] = deque(() if position is None else position.heard)
        self._horizon = None if position is None else position.horizon
        self._lock = threading.Lock()

    def add(self, piece: Piece) -> None:
        """Takes in the recording that begins now."""
        with self._lock:
            self._pieces.append(piece)

    def at(self, index: int) -> Position | None:
        """The position of an index, none before the first recording; what lies before it is never asked for again."""
        with self._lock:
            while len(self._pieces) > 1 and self._pieces[1].index <= index:
                self._leave(self._pieces.popleft().key)
            if not self._pieces or self._pieces[0].index > index:
                return None
            return Position(self._pieces[0], index, tuple(self._heard), self._horizon)

    def _leave(self, key: Key) -> None:
        self._heard.append(key)
        if len(self._heard) > HEARD:
            oldest = self._heard.popleft()
            # One from the future is no measure of what came before it.
            if oldest <= key and (self._horizon is None or oldest > self._horizon):
                self._horizon = oldest


def begun_before(position: Position, keys: Sequence[Key], same: Callable[[Key, Key], bool]) -> list[Key]:
    """Those of the recordings that were begun before a position; `same` says whether a recording is still the one that was begun."""
    heard = {key.name: key for key in position.heard}
    horizon = position.horizon
    return [k for k in keys if (k.name in heard and same(heard[k.name], k)) or (horizon is not None and k <= horizon)]
