"""Two hundred configurations with something wrong in them: each is refused in sentences, or right after all."""

from __future__ import annotations

import copy
import re
import tomllib
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.config import Config, parse
from monitor.errors import ConfigError

EXAMPLE = Path(__file__).parent.parent / "config" / "diffmon.toml"
ALL = tomllib.loads(
    re.sub(r"^# (?=\[+[a-z.]+\]+$|[a-z_]+ = )", "", EXAMPLE.read_text(), flags=re.MULTILINE).replace("tls = false", "tls = true")
)

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(["", "-1s", "1e9h", "..", "/", "\0", "a b", "25:00-26:00", "Mars/Olympus", "http://u:p@h/", 2**70, -1, 1e400]),
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3), max_leaves=5
)


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every place in the file, sections and lists too."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [p for key, each in inner for p in [(*path, key), *places(each, (*path, key))]]


def changed(path: tuple[str | int, ...], what: str, value: Any) -> dict[str, Any]:
    """The example with one place set to another value, removed, or given a neighbour."""
    data = copy.deepcopy(ALL)
    around: Any = data
    for key in path[:-1]:
        around = around[key]
    match what:
        case "set":
            around[path[-1]] = value
        case "remove":
            del around[path[-1]]
        case "add" if isinstance(around, dict):
            around[str(value)[:8]] = value
        case _:
            around.append(value)
    return data


@given(st.sampled_from(places(ALL)), st.sampled_from(["set", "set", "remove", "add"]), values)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_what_is_wrong_is_refused_with_file_and_key(path: tuple[str | int, ...], what: str, value: Any) -> None:
    """Whatever it is and wherever: a line for each mistake, that begins with the file, names the key and never shows a password."""
    try:
        assert isinstance(parse(changed(path, what, value), name="c.toml", folder=Path("/etc")), Config)
    except ConfigError as error:
        for line in str(error).splitlines():
            assert re.match(r"c\.toml: \S", line), line
        assert "u:p@" not in str(error) or path[-1] != "url"  # noqa: PT017  # a right one is right, too
