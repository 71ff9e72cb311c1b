"""Standard error led aside: every line comes out, nobody who writes waits, and it is led back."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing

from monitor.terminal.diverted import MOST, Diverted
from tests.broker import until


def written(text: str) -> None:
    """Writes to the descriptor, as a library would that knows nothing of Python."""
    rest = text.encode()
    while rest:
        rest = rest[os.write(2, rest) :]


def test_what_anybody_writes_comes_out_line_by_line() -> None:
    """A library, a child, a last line without an end; in order, and as written."""
    with closing(Diverted()) as diverted:  # not a fixture: pytest leads standard error anew before the test itself
        written("one\ntwo ")
        written("halves\n\n")
        subprocess.run([sys.executable, "-c", "import sys; print(sys.stderr.isatty(), 'Zähler', file=sys.stderr)"], check=True)
        written("no end")
        diverted.close()
        assert ["one", "two halves", "", "True Zähler", "no end"] == list(diverted.take())
        assert [] == list(diverted.take())


def test_it_is_led_back() -> None:
    """What is written afterwards goes where it went before; a second close does nothing."""
    before = os.fstat(2)
    aside = Diverted()
    assert before.st_ino != os.fstat(2).st_ino
    aside.close()
    aside.close()
    assert (before.st_dev, before.st_ino) == (os.fstat(2).st_dev, os.fstat(2).st_ino)


def test_who_writes_much_does_not_wait_and_what_is_dropped_is_said() -> None:
    """The newest lines are kept, though nobody takes any."""
    with closing(Diverted()) as diverted:  # not a fixture: pytest leads standard error anew before the test itself
        written("".join(f"line {n}\n" for n in range(MOST + 500)))
        until(lambda: diverted.dropped == 500)
        said, *lines = diverted.take()
        assert "(500 lines were too many to be shown)" == said
        assert [f"line {n}" for n in range(500, MOST + 500)] == lines


def test_a_child_that_lives_on_does_not_hold_the_end_up() -> None:
    """It has a descriptor of the inner terminal still; what was written until the end is there."""
    with closing(Diverted()) as diverted:  # not a fixture: pytest leads standard error anew before the test itself
        child = subprocess.Popen(
            [sys.executable, "-c", "import sys; print('here', file=sys.stderr, flush=True); sys.stdin.read()"], stdin=-1
        )
        try:
            lines: list[str] = []
            until(lambda: lines.extend(diverted.take()) or lines)
            diverted.close()
            assert ["here"] == lines
        finally:
            child.communicate(b"")
