"""Commands that README, operations page and systemd unit show are commands of the program, and cost little to look up."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = README, ROOT / "docs" / "operations.md"


def commands(text: str) -> list[str]:
    r"""Commands of the console and sh blocks of a Markdown text, a `\` at a line's end joined with the next line."""
    blocks = re.findall(r"^ *```(?:console|sh)\n(.*?)^ *```", text, flags=re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line.strip().removeprefix("$ ") for line in lines]


def words(command: str) -> list[str]:
    """The words of a command up to a pipe, a redirection, a second command or a comment."""
    split = shlex.shlex(command, posix=True, punctuation_chars=True)
    split.whitespace_split = True
    found = []
    for word in split:
        if set(word) <= set("|&;<>()"):
            break
        found.append(word)
    return found


def unknown(arguments: list[str]) -> str | None:
    """What diffmon's command line does not know of these arguments: the first wrong verb or option."""
    from monitor.cli import main

    command: click.Command = main
    context = click.Context(main, info_name="diffmon")
    for word in arguments:
        if word.startswith("-") and word != "-":
            options = {o for p in command.get_params(context) for o in (*p.opts, *p.secondary_opts)}
            if word.split("=")[0] not in options:
                return word
        elif isinstance(command, click.Group):
            found = command.get_command(context, word)
            if found is None:
                return word
            command, context = found, click.Context(found, info_name=word, parent=context)
    return None


def test_the_readme_shows_commands() -> None:
    """The README's blocks hold commands of diffmon and of make."""
    found = commands(README.read_text())
    assert any(c.startswith("diffmon ") for c in found)
    assert any(c.startswith("make ") for c in found)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_the_commands_of_a_page_exist(page: Path) -> None:
    """Every verb and option that a page shows is one of the program's."""
    shown = [c for c in commands(page.read_text()) if c.startswith("diffmon ")]
    assert [] != shown
    wrong = {c: unknown(words(c)[1:]) for c in shown}
    assert {} == {c: word for c, word in wrong.items() if word is not None}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_the_targets_of_a_page_exist(page: Path) -> None:
    """Every `make` that a page shows has its target in the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    shown = [words(c)[1:] for c in commands(page.read_text()) if c.startswith("make ")]
    assert [] == [w for made in shown for w in made if "=" not in w and w not in targets]


def test_commands_are_found_in_markdown() -> None:
    """Prompts, continued lines, pipes and comments are understood; output and other blocks are left out."""
    text = "```console\n$ diffmon run \\\n  --config c.toml | head  # x\nalarm\n```\n```toml\nmake = 1\n```\n```sh\nmake demo\n```\n"
    assert ["diffmon run    --config c.toml | head  # x", "alarm", "make demo"] == commands(text)
    assert ["diffmon", "run", "--config", "c.toml"] == words(commands(text)[0])


def test_a_wrong_command_is_noticed() -> None:
    """A verb or an option that does not exist is named."""
    assert "--colour" == unknown(["replay", "a.wav", "--model", "m", "--colour"])
    assert "rerun" == unknown(["rerun", "--config", "c.toml"])
    assert unknown(["run", "--config", "c.toml"]) is None
    assert unknown(["run", "--help"]) is None


def test_the_command_line_is_light() -> None:
    """`diffmon --help` pays for no heavy library."""
    heavy = ("torch", "torchaudio", "numpy", "librosa", "scipy", "pydantic", "structlog", "paho", "soundfile", "sounddevice", "pywt")
    program = f"import monitor.cli, sys; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert ("[]\n", "") == (done.stdout, done.stderr)


def test_the_units_command_exists() -> None:
    """What the unit starts is a verb of the program, with options that it has."""
    (start,) = re.findall(r"^ExecStart=(.*)$", (ROOT / "systemd" / "diffmon.service").read_text(), flags=re.MULTILINE)
    program, *arguments = start.split()
    assert "diffmon" == Path(program).name
    assert unknown(arguments) is None
