"""What a shell completes of diffmon's command line."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import diffmon
from tests.screen import Terminal

SHELLS = {
    "bash": ("bash", "--norc", "--noprofile", "-i"),
    "zsh": ("zsh", "-f", "-i"),
    "fish": ("fish", "--no-config", "-i"),
}
INSTALLED = [shell for shell in SHELLS if shutil.which(shell)]  # the tests ask for bash alone
BEGIN = {"bash": "", "zsh": "autoload -U compinit; compinit -u -D; PS1='%# '; ", "fish": "function fish_prompt; echo '> '; end; "}

CONFIG = '[[stream]]\nname = "pump"\n[[stream]]\nname = "hall-north"\n[[stream]]\nname = "hall-south"\n'
RUNS = "import sys; from monitor.cli import main; main(prog_name='diffmon')"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a usual configuration, one of another name, recordings, and a program `diffmon`."""
    (tmp_path / "diffmon.toml").write_text(CONFIG)
    (tmp_path / "other.toml").write_text('[[stream]]\nname = "gate"\n')
    (tmp_path / "recordings").mkdir()
    (tmp_path / "alarm.sh").touch()
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "diffmon"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -c {shlex.quote(RUNS)} "$@"\n')
    program.chmod(0o755)
    return tmp_path


def environment(place: Path) -> dict[str, str]:
    """One in which this checkout's diffmon is found first."""
    root = Path(__file__).parent.parent
    return {"PATH": f"{place}/bin:{os.environ['PATH']}", "PYTHONPATH": str(root), "PS1": "> ", "HOME": str(place)}


@pytest.mark.parametrize("shell", INSTALLED)
@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("diffmon calib", "diffmon calibrate"),
        ("diffmon record pu", "diffmon record pump"),
        ("diffmon record --config other.toml g", "diffmon record --config other.toml gate"),
        ("diffmon calibrate --config ~/other.toml --from-state g", "diffmon calibrate --config ~/other.toml --from-state gate"),
        ("diffmon calibrate --from-state hall-n", "diffmon calibrate --from-state hall-north"),
        ("diffmon score rec", "diffmon score recordings/"),
        ("diffmon run --config oth", "diffmon run --config other.toml"),
        ("diffmon listen --exec ./al", "diffmon listen --exec ./alarm.sh"),
        ("diffmon run --pl", "diffmon run --plain"),
    ],
)
def test_a_shell_completes(shell: str, typed: str, completed: str, place: Path) -> None:
    """Verbs, options, streams of the configuration and files, at a press of the tabulator."""
    # So wide that no line is broken, even if what is typed is echoed once before the prompt has come.
    with Terminal(*SHELLS[shell], size=(200, 30), environment=environment(place), cwd=place) as terminal:
        script = "diffmon completion fish | source" if shell == "fish" else f'eval "$(diffmon completion {shell})"'
        terminal.type(f"{BEGIN[shell]}{script}; echo rea''dy\n")
        terminal.shows("ready")
        terminal.type(f"{typed}\t")
        terminal.shows(completed)


@pytest.mark.skipif("zsh" not in INSTALLED, reason="zsh is not there")
def test_a_zsh_that_completes_nothing_yet_begins_to(place: Path) -> None:
    """One of a user who has no ~/.zshrc, and so never had it initialise completion."""
    script = 'eval "$(diffmon completion zsh)" && print $_comps[diffmon]'
    done = subprocess.run(["zsh", "-f", "-c", script], env=environment(place), capture_output=True, text=True, timeout=60, check=False)
    assert (0, "_diffmon_completion\n", "") == (done.returncode, done.stdout, done.stderr)


def told(shell: str, words: str, at: int | str, place: Path) -> list[str]:
    """What a shell's script is answered, whether or not that shell is there; fish says which word it is by the word."""
    asked = {"_DIFFMON_COMPLETE": f"{shell}_complete", "COMP_WORDS": words, "COMP_CWORD": str(at)}
    done = subprocess.run(
        [place / "bin" / "diffmon"],
        env={**os.environ, **environment(place), **asked},
        cwd=place,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "" == done.stderr
    return done.stdout.split()


def test_every_shell_is_told_the_same(place: Path) -> None:
    """In its own form."""
    assert ["plain,hall-north", "plain,hall-south"] == told("bash", "diffmon record hall", 2, place)
    assert ["plain", "hall-north", "_", "plain", "hall-south", "_"] == told("zsh", "diffmon record hall", 2, place)
    assert ["plain,hall-north", "plain,hall-south"] == told("fish", "diffmon record hall", "hall", place)


def test_the_configuration_may_stand_behind_the_stream(place: Path) -> None:
    """As the README writes it; what the line names goes before the usual one."""
    assert ["plain,gate"] == told("bash", "diffmon record '' --config other.toml", 2, place)
    assert ["plain,gate"] == told("bash", "diffmon record '' --config = other.toml", 2, place)  # bash splits there
    assert ["plain,gate"] == told("fish", "diffmon record --config=other.toml", "", place)
    assert ["plain,pump"] == told("bash", "diffmon listen --stream pu --config diffmon.toml", 3, place)


@pytest.mark.parametrize("text", [None, "no TOML", "stream = 3", "[stream]\nname = 1", "[[stream]]\n", "\udcff"])
def test_without_a_configuration_that_can_be_read_nothing_is_told(text: str | None, place: Path) -> None:
    """And nothing said: whoever presses a key is not told what is wrong with a file."""
    (place / "diffmon.toml").unlink()
    if text is not None:
        (place / "diffmon.toml").write_text(text, errors="surrogateescape")
    assert [] == told("bash", "diffmon record ", 2, place)


def test_an_answer_loads_nothing_that_takes_time(place: Path) -> None:
    """Neither torch nor numpy nor the configuration's own machinery."""
    said = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", RUNS],
        env={**os.environ, **environment(place), "_DIFFMON_COMPLETE": "bash_complete", "COMP_WORDS": "diffmon record ", "COMP_CWORD": "2"},
        cwd=place,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert 3 == len(said.stdout.split())
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in said.stderr.splitlines()}
    assert "click" in loaded
    assert set() == loaded & {"torch", "numpy", "pydantic", "structlog", "rich"}


def test_the_script_is_for_a_shell_that_is_known() -> None:
    """Any other is refused, with those that are."""
    done = diffmon("completion", "tcsh")
    assert 2 == done.exit_code
    assert "'tcsh' is not one of 'bash', 'zsh', 'fish'" in done.stderr
    assert "complete -o nosort -F _diffmon_completion diffmon" in diffmon("completion", "bash").stdout
    assert diffmon("completion", "zsh").stdout.startswith("#compdef diffmon")
    assert "complete --no-files --command diffmon" in diffmon("completion", "fish").stdout


def test_the_help_says_where_the_script_belongs() -> None:
    """A line a shell, as it is to be typed."""
    lines = diffmon("completion", "--help").stdout.splitlines()
    assert any(line.endswith('in ~/.zshrc:    eval "$(diffmon completion zsh)"') for line in lines)
    assert any(line.endswith(" diffmon completion fish > ~/.config/fish/completions/diffmon.fish") for line in lines)
