"""`diffmon run` at a terminal: what it shows there, and how it leaves it."""

from __future__ import annotations

import json
import os
import re
import select
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from monitor.demo.fault import Planted
from monitor.demo.sound import RATE_HZ
from tests.broker import until
from tests.screen import Terminal

PROGRAM = (sys.executable, "-m", "monitor.cli", "run", "--config")
TITLE = r"diffmon \S+  plant  up "


@pytest.fixture(scope="module")
def place(model: Path, faulty: tuple[Path, list[Planted]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ten seconds of sound around a fault, which is at 4 s, a dead microphone's, and an empty folder."""
    folder = tmp_path_factory.mktemp("plant")
    strange, _ = soundfile.read(faulty[0], dtype="float32")
    begin = round((faulty[1][0].onset_s - 4) * RATE_HZ)
    soundfile.write(folder / "strange.wav", strange[begin : begin + 10 * RATE_HZ], RATE_HZ)
    soundfile.write(folder / "dead.wav", np.zeros(10 * RATE_HZ), RATE_HZ)
    (folder / "empty").mkdir()
    (folder / "m").symlink_to(model)
    return folder


def configured(folder: Path, name: str, *, extra: str = "", **sources: str) -> Path:
    """A configuration in the folder, with streams from these sources."""
    streams = "".join(
        f'[[stream]]\nname = "{stream.replace("_", "-")}"\nsource = {text}\nmodel = "m"\n' for stream, text in sources.items()
    )
    path = folder / name
    path.write_text(f'node = "plant"\n{extra}\n{streams}')
    return path


def played(name: str) -> str:
    """A source that plays a file, again and again."""
    return f'{{ type = "file", paths = ["{name}"], loop = true }}'


EMPTY = '{ type = "folder", path = "empty" }'


def test_streams_scores_and_events_are_shown_in_place(place: Path) -> None:
    """Warming first, then a bar, level and lag, an alarm, who is silent and why; log lines stand above, whole. Ctrl-C ends it."""
    config = configured(place, "c.toml", pump=played("strange.wav"), hall=played("dead.wav"), yard=EMPTY)
    with Terminal(*PROGRAM, config, size=(110, 40)) as terminal:
        warming = terminal.shows("the models are being loaded", "no events yet")
        assert ["pump", "hall", "yard"] == [line.split()[0] for line in warming if " starting " in line]
        alarm = terminal.shows(
            "pump   ALARM",
            "hall   no_signal no signal: constant",
            "yard   starting  its source has not delivered yet",
            "(extrapolated)",  # the end of what is drawn: all above is whole
        )
        (row,) = [line for line in alarm if re.match("pump +ALARM", line)]
        assert re.search(r"█+│█+ +\d+\.\d +\d+\.\d +-\d+\.\d +\d\.\d s$", row)
        (event,) = [line for line in alarm if re.match(r"\d\d:\d\d:\d\d pump +ALARM", line)]
        assert re.search(r"\d+ to \d+ Hz  p ", event)
        ended = terminal.shows("last events", "pump   ended", "pump   online")
        assert 1 == sum(bool(re.match(TITLE, line)) for line in ended)
        assert not terminal.echoes()
        terminal.type("keys that nobody reads\n\x03")
        assert 0 == terminal.ended()
        left = terminal.all()
        assert 1 == sum(bool(re.match(TITLE, line)) for line in left)
        assert (True, False) == (terminal.echoes(), terminal.screen.cursor.hidden)
        assert "daemon.stopped" in left[-1]
    above = left[: next(i for i, line in enumerate(left) if re.match(TITLE, line))]
    log = [line for line in above if re.match(r"\d{4}-\d\d-\d\dT", line)]
    assert "daemon.starting" in log[0]
    assert {"event.new", "event.end", "source.opened"} <= {line.split("]")[1].split()[0] for line in log}
    assert not any('"type"' in line or "keys that" in line for line in left)


def test_a_narrow_terminal_with_many_streams(place: Path, tmp_path: Path) -> None:
    """On 60 columns and 20 rows, of 30 streams those that matter, each in a line; on a larger one that it becomes, all.

    A log that is redirected gets its lines as before, as JSON, and the terminal none of them.
    """
    others = {f"quiet_{i:02d}": EMPTY for i in range(28)}
    config = configured(place, "many.toml", **others, the_pump_below_the_stairs=played("strange.wav"), dead=played("dead.wav"))
    with (tmp_path / "log").open("w") as log, Terminal(*PROGRAM, config, size=(60, 20), stderr=log) as terminal:
        shown = terminal.shows("the-pump-below…", "ALARM", "no signal: constant", "and ", "last events")
        assert re.search(r"^and \d+ more: \d+ starting$", "\n".join(shown), flags=re.MULTILINE)
        terminal.resize(130, 50)
        shown = terminal.shows("the-pump-below-the-stairs", "quiet-00", "quiet-27")
        assert 28 == sum(line.startswith("quiet-") for line in shown)
        assert 1 == sum(bool(re.match(TITLE, line)) for line in shown)
        terminal.signal(signal.SIGTERM)
        assert 0 == terminal.ended()
        assert (True, False) == (terminal.echoes(), terminal.screen.cursor.hidden)
        assert not any("daemon" in line for line in terminal.all())
    facts = [json.loads(line)["event"] for line in (tmp_path / "log").read_text().splitlines()]
    assert ("daemon.starting", "daemon.stopped") == (facts[0], facts[-1])


def test_a_shell_gets_the_terminal_back_while_it_is_stopped(place: Path) -> None:
    """At Ctrl-Z the cursor is there; brought to the front again it draws on, and in the background not at all."""
    config = configured(place, "job.toml", pump=EMPTY)
    with Terminal("bash", "--norc", "--noprofile", "-i", environment={"PS1": "shell> "}) as terminal:
        terminal.shows("shell>")
        terminal.type(shlex.join([*PROGRAM, str(config)]) + "\n")
        terminal.shows("its source has not delivered yet")
        assert terminal.screen.cursor.hidden
        terminal.type("\x1a")
        until(lambda: terminal.lines()[-1] == "shell>")
        assert not terminal.screen.cursor.hidden
        terminal.type("bg; clear; stty -a; echo in the background: $?\n")
        shown = " ".join(terminal.shows("in the background: 0"))
        assert " echo " in shown
        assert "its source" not in shown
        terminal.type("fg\n")
        terminal.shows("its source has not delivered yet")
        until(lambda: terminal.screen.cursor.hidden)
        assert not terminal.echoes()
        terminal.type("\x03")
        until(lambda: terminal.lines()[-1] == "shell>")
        terminal.type("code=$?; clear; stty -a; echo ended with $code\n")
        assert " echo " in " ".join(terminal.shows("ended with 0"))
        assert not terminal.screen.cursor.hidden


@pytest.mark.parametrize(("number", "code", "said"), [(signal.SIGTERM, 143, ""), (signal.SIGINT, 130, "diffmon: interrupted")])
def test_it_can_be_ended_while_it_warms(place: Path, number: int, code: int, said: str) -> None:
    """Before there is a pipeline that could stop: the terminal is as it was."""
    if not (place / "never").exists():
        os.mkfifo(place / "never")  # whoever opens it waits
    broker = '[mqtt]\nhost = "127.0.0.1"\nusername = "me"\npassword_file = "never"'
    with Terminal(*PROGRAM, configured(place, "warm.toml", extra=broker, pump=EMPTY)) as terminal:
        terminal.shows("pump   starting  the models are being loaded")
        assert terminal.screen.cursor.hidden
        terminal.signal(number)
        assert code == terminal.ended()
        assert (True, False) == (terminal.echoes(), terminal.screen.cursor.hidden)
        assert said in terminal.lines()[-1]


def test_what_keeps_it_from_starting_stands_below(place: Path) -> None:
    """The sentence, as without a terminal, under the last that was shown."""
    config = configured(place, "wrong.toml", pump=EMPTY)
    config.write_text(config.read_text().replace('model = "m"', 'model = "none"'))
    with Terminal(*PROGRAM, config) as terminal:
        assert 1 == terminal.ended()
        assert f"diffmon: {place}/none: no such file" in terminal.lines()[-1]
        assert (True, False) == (terminal.echoes(), terminal.screen.cursor.hidden)


def test_a_terminal_that_is_gone_ends_it_where_nobody_else_is_told(place: Path) -> None:
    """As a reader that closes standard output would; 1."""
    with Terminal(*PROGRAM, configured(place, "gone.toml", pump=EMPTY)) as terminal:
        terminal.shows("its source has not delivered yet")
        os.close(terminal.theirs)
        terminal.theirs = os.open("/dev/null", os.O_WRONLY)
        terminal.hang_up()
        assert 1 == terminal.process.wait(60)


@pytest.mark.parametrize("how", [(), ("--plain",)])
def test_a_terminal_that_is_held_does_not_hold_the_end(place: Path, how: tuple[str, ...]) -> None:
    """At Ctrl-S nothing can be written to it any more, and who stops the daemon need not know."""
    with Terminal(*PROGRAM, configured(place, "held.toml", pump=EMPTY), *how) as terminal:
        terminal.shows("status=starting")
        terminal.type("\x13")
        until(lambda: is_held(terminal))
        terminal.signal(signal.SIGTERM)
        assert 0 == terminal.process.wait(60)
        assert terminal.echoes()


def is_held(terminal: Terminal) -> bool:
    """Whether it takes nothing."""
    return not select.select([], [terminal.theirs], [], 0)[1]


def test_asked_for_plain_lines_it_prints_them_on_a_terminal_too(place: Path) -> None:
    """Events as JSON, and nothing that moves; the log, which may break their lines there, is somewhere else."""
    config = configured(place, "plain.toml", pump=played("strange.wav"))
    with Terminal(*PROGRAM, config, "--plain", size=(2000, 30), stderr=subprocess.DEVNULL) as terminal:
        lines = terminal.shows('"type": "end"')
        terminal.type("\x03")
        assert 0 == terminal.ended()
    events = [json.loads(line) for line in lines if line]
    assert ("new", "end") == (events[0]["type"], events[-1]["type"])


def test_redirected_it_prints_plain_lines(place: Path) -> None:
    """Standard output gets events alone, a terminal on standard error the log, and no title."""
    config = configured(place, "redirected.toml", pump=played("strange.wav"))
    with Terminal(*PROGRAM, config, stdout=subprocess.PIPE, size=(200, 30)) as terminal:
        assert terminal.process.stdout is not None
        event = json.loads(terminal.process.stdout.readline())
        lines = terminal.shows("event.new")
        assert terminal.echoes()
        terminal.signal(signal.SIGTERM)
        assert 0 == terminal.ended()
        terminal.process.stdout.close()
    assert ("new", "pump") == (event["type"], event["stream"])
    assert not any(re.match(TITLE, line) for line in lines)
