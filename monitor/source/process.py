"""A live source in a process of its own: sound systems hang and crash, and only a process can be killed.

The child writes messages into a pipe, the parent reads them: a header (kind, first index, monotonic time, payload's bytes, all
little-endian) and the payload: items, of a shape and type that both sides know; why there are none; which part of a picture the
items from now on show; a sentence about a failure; or nothing at the source's end. The monotonic clock is the machine's, so both
mean the same by it. A full pipe loses the block that does not fit: the index says so. The end of the pipe is the child's death.
"""

from __future__ import annotations

import math
import os
import select
import struct
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from fcntl import F_SETPIPE_SZ, fcntl

import numpy as np

from monitor.errors import SourceError
from monitor.records import Block, Box, Items

STALL_S = 6.0
"""A child that delivers nothing for so long is killed; a little longer than its source itself takes to notice."""
START_S = 10.0
"""How long it may take to deliver for the first time: a program starts, and a device is opened."""
KILLED_S = 3.0
"""How long a killed child is waited for."""

_PIPE_BYTES = 1 << 20  # 16 s of sound, five pictures
_READ_BYTES = 1 << 16
_MOST_BYTES = 1 << 24  # of a payload; more is no message of ours
_HEADER = struct.Struct("<cqdI")
_BLOCK, _NOTHING, _SHOWN, _FAILURE, _END = b"B", b"N", b"S", b"F", b"E"
_BOX = struct.Struct("<4d")


class Outlet:
    """The child's end of the pipe; never waits for its reader. One thread calls it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._rest = b""
        self._shown: Box | None = None
        with suppress(OSError):  # a smaller pipe holds less
            fcntl(descriptor, F_SETPIPE_SZ, _PIPE_BYTES)
        os.set_blocking(descriptor, False)

    def block(self, block: Block) -> bool:
        """Whether there was room for a block; a message that was begun is finished first."""
        if not (self._flushed() and self._write(self._showing(block.shown) + _told_of(block))):
            return False
        self._shown = block.shown
        return True

    def _showing(self, shown: Box | None) -> bytes:
        """What has to be said before a block that shows this."""
        if shown == self._shown:
            return b""
        return _message(_SHOWN, 0, 0.0, b"" if shown is None else _BOX.pack(*shown))

    def failure(self, sentence: str) -> None:
        """Says why there will be no more, once what was begun is out."""
        self._last(_message(_FAILURE, 0, 0.0, sentence.encode()))

    def end(self) -> None:
        """Says that there is no more, once what was begun is out."""
        self._last(_message(_END, 0, 0.0, b""))

    def _last(self, message: bytes) -> None:
        os.set_blocking(self._descriptor, True)
        self._flushed()
        self._write(message)

    def _flushed(self) -> bool:
        return not self._rest or (self._write(self._rest) and not self._rest)

    def _write(self, data: bytes) -> bool:
        """Whether at least a part of it went in; the other part goes before whatever comes next."""
        try:
            written = os.write(self._descriptor, data)
        except BlockingIOError:
            return False
        self._rest = data[written:]
        return True


class Process:
    """A child that delivers a source's blocks. One thread runs `blocks`, once; `close` may come from another, and twice.

    Args:
        command: starts the child, whose standard output is the pipe.
        name: of the source, for messages.
        rate_hz: of the items.
        item: shape of one.
        dtype: of its numbers.
        told: what the child reads from its standard input; not its arguments, since those are for everyone to see.
        lent: descriptors that it may use.

    Raises:
        SourceError: the child cannot be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        name: str,
        rate_hz: float,
        item: tuple[int, ...] = (1,),
        dtype: str = "float32",
        told: bytes = b"",
        lent: Sequence[int] = (),
        stall_s: float = STALL_S,
        start_s: float = START_S,
    ) -> None:
        self.rate_hz: float = rate_hz
        self.item = item
        self.dtype = dtype
        self._item_bytes = math.prod(item) * np.dtype(dtype).itemsize
        self._shown: Box | None = None
        self._name = name
        self._stall_s = stall_s + 1 / rate_hz  # items may be far apart
        self._patience_s = start_s + 1 / rate_hz
        self._begun = self._closed = False
        self._deciding = threading.Lock()
        try:
            reading, writing = os.pipe()
        except OSError as error:
            raise SourceError(f"{name}: no pipe can be made: {error.strerror}") from None
        try:
            self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=writing, pass_fds=lent)
        except OSError as error:
            os.close(reading)
            raise SourceError(f"{name}: its process cannot be started: {error.strerror}") from None
        finally:
            os.close(writing)
        self._pipe = os.fdopen(reading, "rb", buffering=0)
        assert self._child.stdin is not None  # noqa: S101  # asked for
        with suppress(BrokenPipeError), self._child.stdin as stdin:  # what a child that ended already is missed by, `blocks` says
            stdin.write(told)

    def blocks(self) -> Iterator[Block]:
        """Blocks as the child delivers them, until its source ends or `close`.

        Raises SourceError if it fails, dies or delivers nothing for a while.
        """
        with self._deciding:
            if self._closed:
                return
            self._begun = True
        with self._pipe:
            received = bytearray()
            while not self._closed:
                while (message := _taken(received)) is not None:
                    if message[0] == _END:
                        return
                    yield from self._opened(*message)
                received += self._more()

    def close(self) -> None:
        """Kills the child, which ends `blocks`."""
        with self._deciding:
            self._closed = True
            if not self._begun:
                self._pipe.close()
        self._child.kill()
        with suppress(subprocess.TimeoutExpired):  # one that waits for a driver dies when the driver lets it
            self._child.wait(KILLED_S)

    def _more(self) -> bytes:
        """What the pipe holds, at least a byte, unless it is closed."""
        poll = select.poll()
        poll.register(self._pipe.fileno(), select.POLLIN)
        if not poll.poll(1000 * self._patience_s):
            raise SourceError(f"{self._name}: nothing came for {self._patience_s:.3g} s, its process hangs and is killed")
        self._patience_s = self._stall_s
        found = os.read(self._pipe.fileno(), _READ_BYTES)
        if not found and not self._closed:
            raise SourceError(f"{self._name}: its process {_ended(self._child)}")
        return found

    def _opened(self, kind: bytes, start: int, time_s: float, payload: bytes) -> Iterator[Block]:
        match kind:
            case b"F":
                raise SourceError(payload.decode(errors="replace"))
            case b"S" if len(payload) in (0, _BOX.size):
                self._shown = _BOX.unpack(payload) if payload else None
            case b"N":
                yield Block(start, self._items(b""), time_s, reason=payload.decode(errors="replace") or None)
            case b"B" if len(payload) % self._item_bytes == 0:
                yield Block(start, self._items(payload), time_s, self._shown)
            case _:
                raise _strange()

    def _items(self, payload: bytes) -> Items:
        return np.frombuffer(payload, self.dtype).reshape(-1, *self.item)


def _message(kind: bytes, start: int, time_s: float, payload: bytes) -> bytes:
    return _HEADER.pack(kind, start, time_s, len(payload)) + payload


def _told_of(block: Block) -> bytes:
    if not len(block.items):
        return _message(_NOTHING, block.start, block.time_s, (block.reason or "").encode())
    return _message(_BLOCK, block.start, block.time_s, block.items.tobytes())


def _strange() -> SourceError:
    return SourceError("a capture process sends what is no message; is something else writing into its standard output?")


def _taken(received: bytearray) -> tuple[bytes, int, float, bytes] | None:
    """The first message, taken out, or none if it is not whole yet. Raises SourceError if it is none of ours."""
    if len(received) < _HEADER.size:
        return None
    kind, start, time_s, size = _HEADER.unpack_from(received)
    if kind not in (_BLOCK, _NOTHING, _SHOWN, _FAILURE, _END) or size > _MOST_BYTES:
        raise _strange()
    end = _HEADER.size + size
    if len(received) < end:
        return None
    payload = bytes(received[_HEADER.size : end])
    del received[:end]
    return kind, start, time_s, payload


def _ended(child: subprocess.Popen[bytes]) -> str:
    try:
        status = child.wait(KILLED_S)
    except subprocess.TimeoutExpired:
        return "closed its output"
    return f"was killed by signal {-status}" if status < 0 else f"ended with exit code {status}"
