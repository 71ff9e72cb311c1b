"""The model that comes with the program, for a place of which there is too little to train on, or nobody has the time."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

BASE = "base"
"""Its name, wherever a model is named; a file of that name is `./base`."""
NEEDS = "the base model knows no place of its own"


def model_file(name: str) -> Path:
    """The file of a model that is named: the one that comes with the program, or what is at a path."""
    return base_file() if name == BASE else Path(name)


def model_named(value: object) -> object:
    """The same of a value that may be no name at all, which is for others to refuse."""
    return model_file(value) if isinstance(value, str) else value


def base_file() -> Path:
    """Where it is installed."""
    return Path(str(files("models").joinpath("base.safetensors")))


def is_base(model: Path) -> bool:
    """Whether a model's file is that one."""
    return model == base_file()
