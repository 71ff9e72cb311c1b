"""Reads the configuration from its file, and says in sentences what is wrong with it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from monitor.config.root import Config
from monitor.config.section import NAME
from monitor.config.source import SourceConfig
from monitor.errors import ConfigError, SettingError

_BARE = re.compile(r"[A-Za-z0-9_-]+")  # keys that TOML takes without quotes


def _dotted(location: tuple[int | str, ...]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part if _BARE.fullmatch(part) else repr(part)}"
    return text.lstrip(".")


_TAGS = {c.model_fields["type"].annotation.__args__[0] for c in get_args(SourceConfig)}


def _keys(location: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """The location as the file has it: a tagged union puts its tag ("microphone") behind `source`, the file has no such key."""
    return tuple(p for i, p in enumerate(location) if i == 0 or location[i - 1] != "source" or p not in _TAGS)


def _sentence(error: Any) -> str:
    """One line for one pydantic error: key, value, what was expected."""
    where = _dotted(_keys(error["loc"]))
    match error["type"]:
        case "extra_forbidden":
            what = "unknown key"
        case "missing":
            what = "missing" + ", expected at least one [[stream]]" * (where == "stream")
        case "value_error":
            what = str(error["ctx"]["error"])
        case "union_tag_not_found":
            where, what = f"{where}.type", "missing"
        case "union_tag_invalid":
            where, what = f"{where}.type", f"{error['ctx']['tag']!r}: expected {error['ctx']['expected_tags'].replace(', ', ' or ')}"
        case "string_pattern_mismatch" if error["ctx"]["pattern"] == NAME:
            what = f"{error['input']!r}: expected at most 32 of a-z, 0-9, - and _, the first a letter or a digit"
        case "tuple_type":
            what = "expected a list"
        case "too_short":
            what = f"{error['input']!r}: expected at least {error['ctx']['min_length']}"
        case "model_type" | "model_attributes_type":
            what = "expected a section"
        case _:
            what = f"{error['input']!r}: {error['msg'][0].lower()}{error['msg'][1:]}"
    return f"{where}: {what}" if where else what


def parse(data: dict[str, Any], *, name: str, folder: Path) -> Config:
    """Configuration from parsed TOML; relative paths are taken from `folder`. Raises ConfigError naming every fault."""
    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        errors = error.errors()
        # A list whose only item is wrong is also reported as too short: that follows, and would only distract.
        around = {e["loc"][:n] for e in errors for n in range(len(e["loc"]))}
        lines = [f"{name}: {_sentence(e)}" for e in errors if e["loc"] not in around]
        raise ConfigError("\n".join(lines)) from None
    absolute: Config = _absolute(config, folder)
    return absolute


def _absolute(section: Any, folder: Path) -> Any:
    """The same section with every relative path taken from `folder`."""
    if isinstance(section, Path):
        return section if section.is_absolute() else folder / section
    if isinstance(section, tuple):
        return tuple(_absolute(s, folder) for s in section)
    if isinstance(section, BaseModel):
        return section.model_copy(update={k: _absolute(getattr(section, k), folder) for k in type(section).model_fields})
    return section


@contextmanager
def inside(path: Path) -> Iterator[None]:
    """Puts the file in front of what is found wrong with one of its keys in the block."""
    try:
        yield
    except SettingError as error:
        raise ConfigError(f"{path}: {error}") from None


def load(path: Path) -> Config:
    """Configuration of a file. Raises ConfigError: file, key, value, what was expected."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None
    return parse(data, name=str(path), folder=path.parent)
