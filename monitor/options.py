"""What verbs have in common: types of parameters, options, and how a failure is told. Only click is imported."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable
from functools import wraps
from math import isnan, nan
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from monitor.base import NEEDS, base_file, is_base, model_file
from monitor.errors import DiffmonError


class Number(click.FloatRange):
    """A number in a range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number, or a usage error."""
        try:
            number = float(value)
        except ValueError:
            number = nan
        if isnan(number):  # which no bound stops
            self.fail(f"{value!r} is not a number", param, ctx)
        return float(super().convert(number, param, ctx))


class Rate(Number):
    """False alarms in 24 hours."""

    def __init__(self) -> None:
        super().__init__(min=0.01, max=1000)


class Duration(click.ParamType[float]):
    """A duration like 90s, 3m, 24h; in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds, or a usage error."""
        from monitor.duration import seconds

        try:
            return seconds(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Counts(click.ParamType[tuple[int, ...]]):
    """Whole numbers from 1 on, with commas between."""

    name = "counts"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Each once, in order of size, or a usage error."""
        if isinstance(value, tuple):
            return value
        words = [word.strip() for word in value.split(",")]
        if not all(re.fullmatch("[1-9][0-9]{0,4}", word) for word in words):
            self.fail(f"{value!r}: expected numbers from 1 to 99999 with commas between, such as 1,16,256", param, ctx)
        return tuple(sorted({int(word) for word in words}))


class ModelFile(click.Path):
    """A model: a file, or `base` for the one that comes with the program."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Its file."""
        return model_file(value) if isinstance(value, str) else Path(value)


class Program(click.ParamType[list[str]]):
    """A command with its arguments, as a shell would split it."""

    name = "command"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[str]:
        """The words, of which the first is a program that is there; or a usage error. None if nothing is to be run."""
        if isinstance(value, list):
            return value
        try:
            words = shlex.split(value)
        except ValueError as error:
            self.fail(f"{value!r}: {error}", param, ctx)
        if value and not (words and shutil.which(words[0])):
            there = words and Path(words[0]).is_file()
            self.fail(f"{value!r}: {'is not executable (chmod +x)' if there else 'no such program'}", param, ctx)
        return words

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Names of files."""
        return [CompletionItem(incomplete, type="file")]


PATHS = click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
MODEL = click.option("--model", type=ModelFile(), help="Model to judge by; the one that comes with it, `base`, if none.")
INIT = click.option("--init", type=ModelFile(), help="Model to start from; `base` is the one that comes with it.")
PROFILE = click.option("--profile", type=click.Path(path_type=Path), help="What is normal there; the model's own if none.")
KIND = click.option("--kind", type=click.Choice(["audio", "image"]), default="audio", show_default=True, help="The sense.")
SEED = click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Decides every random choice.")
RATE = click.option(
    "--false-alarms-per-day",
    "rate",
    type=Rate(),
    default=1.0,
    show_default=True,
    help="False alarms to accept in 24 hours of normal.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program to read.")
CONFIG = click.option("--config", required=True, type=click.Path(path_type=Path), help="The configuration, a TOML file.")


def fails_cleanly(command: Callable[..., int | None]) -> Callable[..., None]:
    """The command with a person's mistakes told in a sentence, and its result as the exit code."""

    @wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        _be_a_good_neighbour()
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a file's name need not be UTF-8
        from monitor import log

        log.configure("warning")
        try:
            code = command(*args, **kwargs)
        except DiffmonError as error:
            click.echo(f"diffmon: {error}", err=True)
            sys.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("diffmon: interrupted", err=True)
            sys.exit(130)
        except BrokenPipeError:
            sys.stderr.close()  # whoever read our output has left; Python would complain at exit
            sys.exit(1)
        sys.exit(code or 0)

    return wrapped


def mixed(recordings: dict[str, object], model: Path | None, state: str | None, config: Path | None, only_state: dict[str, object]) -> str:
    """What is wrong with the two forms of `calibrate`, if they are mixed or half given."""
    if state is None:
        alien = [name for name, given in {"--config": config, **only_state}.items() if given]
        missing = [name for name, given in recordings.items() if not given]
        return f"{alien[0]} needs --from-state" if alien else f"Missing {missing[0]} (or '--from-state')." if missing else ""
    if config is None:
        return "--from-state needs --config"
    alien = [name for name, given in {"PATHS": recordings["PATHS"], "--model": model}.items() if given]
    if recordings["--out"] and only_state["--put-back"]:
        return "--put-back and --out exclude each other"
    return f"{alien[0]} and --from-state exclude each other" if alien else ""


def judging(model: Path | None, profile: Path | None) -> Path:
    """The model that is named, else the base. Raises a usage error if that has no profile to judge by."""
    chosen = model or base_file()
    if is_base(chosen) and profile is None:
        raise click.UsageError(f"{NEEDS}: '--model M' or '--profile P' is missing (`diffmon calibrate RECORDINGS --out P` makes one)")
    return chosen


def settled(asked: dict[str, object], kind: str, init: Path | None) -> str:
    """What is wrong with settings of pictures that are asked for, where they are settled already."""
    given = [name for name, value in asked.items() if value is not None]
    if given and kind != "image":
        return f"{given[0]} is for --kind image"
    return f"{given[0]} and --init exclude each other: a model to start from has its own" if given and init is not None else ""


def _be_a_good_neighbour() -> None:
    """Leaves half of the cores to others, and does not spin on the rest.

    With a thread on every core torch is a third faster on an idle machine, and fifty times slower as soon as one core is
    busy. The variables are read once, when torch is loaded; who sets them knows better.
    """
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // 2)))
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
