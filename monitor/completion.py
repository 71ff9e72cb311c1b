"""The verb `completion`, and what a shell is told of names. Only click is imported, and TOML read, so that a key's answer comes at once."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

import click
from click.shell_completion import get_completion_class, split_arg_string

from monitor.options import fails_cleanly

_USUAL = Path("diffmon.toml")
_HEAD = "#compdef diffmon\n"
_COMPLETES = "(( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }\n"
"""Of zsh, which completes nothing until it was told to: a new user's was not."""


_WHERE = """\b
For bash, in ~/.bashrc:  eval "$(diffmon completion bash)"
For zsh, in ~/.zshrc:    eval "$(diffmon completion zsh)"
For fish, once:          mkdir -p ~/.config/fish/completions
                         diffmon completion fish > ~/.config/fish/completions/diffmon.fish
"""


@click.command(short_help="Prints what makes a shell complete words.", epilog=_WHERE)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
@fails_cleanly
def completion(ctx: click.Context, shell: str) -> None:
    """Prints a script that makes SHELL complete verbs, options, names of streams and of files."""
    made = get_completion_class(shell)
    if made is None:
        raise AssertionError(f"click completes for {shell}")
    script = made(ctx.find_root().command, {}, "diffmon", "_DIFFMON_COMPLETE").source()
    click.echo(script.replace(_HEAD, _HEAD + _COMPLETES, 1))


def streams(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Names of streams in the configuration that the line names, before or after, or in ./diffmon.toml; none if it cannot be read."""
    words = split_arg_string(os.environ.get("COMP_WORDS", ""))
    try:
        return [name for name in _names(_configured(words)) if name.startswith(incomplete)]
    except (OSError, RuntimeError, ValueError, LookupError, TypeError):  # what is wrong with it, `check` says
        return []


def _configured(words: list[str]) -> Path:
    """The configuration that is named, or the usual one."""
    for i, word in enumerate(words):
        if word.startswith("--config="):
            return _path(word.removeprefix("--config="))
        if word == "--config":
            after = [w for w in words[i + 1 :] if w != "="]  # to bash an equals sign is a word of its own
            return _path(after[0]) if after else _USUAL
    return _USUAL


def _path(word: str) -> Path:
    """A path as the shell would read it."""
    return Path(os.path.expandvars(word)).expanduser()


def _names(path: Path) -> list[str]:
    found: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    return [str(stream["name"]) for stream in found["stream"]]
