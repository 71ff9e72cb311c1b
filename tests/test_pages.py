"""README and the pages of docs/ say nothing that is not there: commands, links, keys, topics, fields and pictures."""

from __future__ import annotations

import itertools
import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click
import pytest

from monitor.cli import main
from monitor.config import parse
from monitor.errors import ConfigError
from monitor.records import Event
from monitor.sink.homeassistant import discovery

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ENDS = ("|", "||", "&&", ";", ">", ">>")
"""What ends a command of the shell, as far as pages use it."""
LONGEST = 200
"""Lines that a newcomer is asked to read."""

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def fenced(page: Path, language: str) -> list[str]:
    """The blocks of a language, indented or not."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```$", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return ["\n".join(line.removeprefix(indent) for line in text.splitlines()) for indent, text in found]


def commands(page: Path, program: str) -> Iterator[list[str]]:
    """The words after a program's name, of each command of a shell block that runs it; what is redirected is left out."""
    for block in fenced(page, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
            lexer.whitespace_split = True
            simple = [list(words) for ends, words in itertools.groupby(lexer, lambda word: word in ENDS) if not ends]
            yield from (words[1:] for words in simple if words[0] == program)


def read(command: click.Command, words: list[str]) -> None:
    """Reads a command line to its last word, and runs nothing. Raises click.ClickException."""
    context = command.make_context(command.name, list(words))
    if isinstance(command, click.Group):
        _, verb, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        assert verb is not None
        read(verb, rest)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the files lie that the commands must find before they begin."""
    (tmp_path / "DATA").mkdir()
    (tmp_path / "alarm.sh").write_text("#!/bin/sh\n")
    (tmp_path / "alarm.sh").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@each_page
def test_every_command_of_a_page_is_understood(page: Path, folder: Path) -> None:
    """Verbs, options and their values are those of the program, and none that it needs is missing."""
    wrong = []
    for words in commands(page, "diffmon"):
        try:
            read(main, words)
        except click.ClickException as error:
            wrong.append(f"diffmon {shlex.join(words)}: {error.format_message()}")
    assert [] == wrong


def test_there_are_commands_to_understand() -> None:
    """The search for commands finds them; a verb that no page shows is not taught."""
    shown = {words[0] for page in PAGES for words in commands(page, "diffmon")}
    assert set() == set(main.commands) - shown


@pytest.mark.parametrize("line", ["replay --modle m", "replai x.wav", "train x --out m --budget soon", "check", "run --config a b"])
def test_a_wrong_command_would_be_found(line: str) -> None:
    """What the walk over the pages would say of an option, a verb, a value and a file too much, and of one that is missing."""
    with pytest.raises(click.UsageError):
        read(main, line.split())


@each_page
def test_every_target_of_make_is_there(page: Path) -> None:
    """What a page asks make for, the Makefile has."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set() == {word for words in commands(page, "make") for word in words if "=" not in word} - targets


def anchors(page: Path) -> set[str]:
    """The names of its headings in links."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_page
def test_every_link_leads_somewhere(page: Path) -> None:
    """Relative links name files of the project, and headings in them."""
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        path, _, heading = link.partition("#")
        target = page.parent / path if path else page
        if "://" not in link and not (target.exists() and (not heading or heading in anchors(target))):
            broken.append(link)
    assert [] == broken


@each_page
def test_every_key_of_a_page_is_a_key_of_the_configuration(page: Path) -> None:
    """What stands in a TOML block is a right configuration, once it has a stream."""
    stream = {"name": "pump", "model": "pump.safetensors", "source": {"type": "microphone"}}
    wrong = []
    for block in fenced(page, "toml"):
        try:
            parse({"stream": [stream], **tomllib.loads(block)}, name=page.name, folder=page.parent)
        except ConfigError as error:
            wrong.append(str(error))
    assert [] == wrong


def test_the_examples_of_events_have_every_field() -> None:
    """A `new` and an `end` of the page on MQTT are as the record of an event is, `reason` at the end alone."""
    page = ROOT / "docs" / "mqtt.md"
    events = [event for event in map(json.loads, fenced(page, "json")) if "id" in event]
    names = [field.name for field in fields(Event)]
    assert [("new", names[:-1]), ("end", names)] == [(event["type"], list(event)) for event in events]
    explained = re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?`) \|", page.read_text(), flags=re.MULTILINE)))
    assert set() == set(names) - set(explained) - {"node", "stream", "start_unix", "end_unix"}


def test_the_page_names_the_entities_that_home_assistant_is_told_of() -> None:
    """Platforms, names and ids of the table are those of the announcement."""
    components = json.loads(discovery("diffmon/plant", "plant", ["pump"], []))["components"]
    rows = re.findall(r"^\| (\w+) \| (pump [\w ]+) \| `(\w+)` \|", (ROOT / "docs" / "mqtt.md").read_text(), flags=re.MULTILINE)
    assert [(e["platform"], e["name"], e["unique_id"]) for e in components.values()] == rows


def test_the_automation_listens_to_topics_that_are_published() -> None:
    """Each topic of the YAML is in the announcement of the same node and stream."""
    [automation] = fenced(ROOT / "docs" / "mqtt.md", "yaml")
    topics = re.findall(r"topic: (\S+)", automation)
    assert len(topics) > 2
    announced = discovery("diffmon/plant", "plant", ["pump"], [])
    assert [] == [topic for topic in topics if f'"{topic}"' not in announced]


def test_every_picture_is_made_by_make_pictures() -> None:
    """No picture of docs/ comes from elsewhere, and each is shown on a page."""
    recipe = (ROOT / "Makefile").read_text().partition("\npictures:")[2].partition("\n\n")[0]
    drawn = {path.name for path in (ROOT / "docs").iterdir() if path.suffix in (".png", ".svg")}
    assert drawn
    assert drawn == set(re.findall(r"docs/(\w+\.(?:png|svg))", recipe))
    assert drawn == {Path(link).name for page in PAGES for link in re.findall(r"!\[[^]]*\]\(([^)]+)\)", page.read_text())}


def test_the_first_page_is_short() -> None:
    """A newcomer reads README to its end."""
    assert len((ROOT / "README.md").read_text().splitlines()) < LONGEST
