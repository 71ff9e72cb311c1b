"""What surrounds the program: the example configuration, the wheel, the versions, the Makefile."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from monitor.config import Config, EvidenceConfig, HealthConfig, MqttConfig, SourceConfig, StreamConfig, ViewConfig, WebConfig, load
from tests.sounds import written
from tests.test_metrics import CONTRACT

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "config" / "diffmon.toml"


def run(*command: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """The finished process, its output as text."""
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=120, check=False, **options)


# --- the example configuration


def all_keys_in_force() -> str:
    """The example with every key that is commented out put in force; TLS on, since one of them needs it."""
    text = re.sub(r"^# (?=\[+[a-z.]+\]+$|[a-z_]+ = )", "", EXAMPLE.read_text(), flags=re.MULTILINE)
    return text.replace("tls = false", "tls = true")


def test_the_example_configuration_loads() -> None:
    """The example is a right configuration as it stands."""
    assert ("pump",) == tuple(s.name for s in load(EXAMPLE).stream)


def test_the_example_names_every_key(tmp_path: Path) -> None:
    """Each key of each section is in the example, active or commented out, and all together are right."""
    data = tomllib.loads(all_keys_in_force())
    stream, *others = data["stream"]
    assert set(Config.model_fields) == set(data)
    assert set(MqttConfig.model_fields) == set(data["mqtt"])
    assert set(HealthConfig.model_fields) == set(data["health"])
    assert set(WebConfig.model_fields) == set(data["web"])
    assert set(EvidenceConfig.model_fields) == set(data["evidence"])
    assert set(StreamConfig.model_fields) - {"view"} == set(stream)
    assert [set(ViewConfig.model_fields)] == [set(other["view"]) for other in others if "view" in other]
    sources = get_args(SourceConfig)
    shown = {s["source"]["type"]: set(s["source"]) for s in (stream, *others)}
    assert {get_args(c.model_fields["type"].annotation)[0]: set(c.model_fields) for c in sources} == shown
    (tmp_path / "all.toml").write_text(all_keys_in_force())
    assert len(sources) == len(load(tmp_path / "all.toml").stream)


def test_the_example_shows_the_defaults(tmp_path: Path) -> None:
    """Every optional value in the example is the one in force without it."""
    config = load(EXAMPLE)
    (tmp_path / "all.toml").write_text(all_keys_in_force())
    evidence = load(tmp_path / "all.toml").evidence
    assert config.mqtt is not None
    assert config.health is not None
    assert evidence is not None
    assert ["dir"] == changed(evidence)
    web = load(tmp_path / "all.toml").web
    assert web is not None
    assert ["token_file"] == changed(web)
    sections = (config.mqtt, config.health, config.stream[0], config.stream[0].source)
    assert [] == changed(config, but=("mqtt", "health", "homeassistant")) + [key for section in sections for key in changed(section)]


def changed(section: BaseModel, but: tuple[str, ...] = ()) -> list[str]:
    """Optional keys of a section that differ from their default."""
    fields = {key: field for key, field in type(section).model_fields.items() if not field.is_required() and key not in but}
    return [key for key, field in fields.items() if getattr(section, key) != field.default]


# --- the wheel


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with diffmon installed from a wheel, its dependencies left to the interpreter's own."""
    # A copy, because building leaves files beside the sources.
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for package in ("monitor", "models"):
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    built = run(sys.executable, "-m", "build", "--wheel", "--no-isolation", source)
    assert 0 == built.returncode, built.stdout + built.stderr
    (wheel,) = (source / "dist").glob("diffmon-*.whl")
    done = run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", target, wheel)
    assert 0 == done.returncode, done.stderr
    return target


def from_wheel(installed: Path, cwd: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    """A process that finds the wheel's diffmon before the checkout's."""
    return run(*command, cwd=cwd, env={**os.environ, "PYTHONPATH": str(installed)})


def test_the_wheel_brings_its_packages(installed: Path, tmp_path: Path) -> None:
    """Both packages come from the wheel, whole: every module of the checkout, and the licence."""
    where = "import monitor.cli, models; print(monitor.cli.__file__); print(models.__file__)"
    done = from_wheel(installed, tmp_path, sys.executable, "-c", where)
    assert [str(installed / "monitor" / "cli.py"), str(installed / "models" / "__init__.py")] == done.stdout.split()
    for package in ("monitor", "models"):
        assert modules(ROOT / package) == modules(installed / package)
    assert [] != list(installed.glob("diffmon-*.dist-info/licenses/LICENSE"))


def modules(package: Path) -> list[Path]:
    """All files of a package, as paths within it."""
    return sorted(p.relative_to(package) for p in package.rglob("*") if p.is_file() and "__pycache__" not in p.parts)


def test_the_wheels_command_answers(installed: Path, tmp_path: Path) -> None:
    """The installed `diffmon` shows its verbs from any folder."""
    done = from_wheel(installed, tmp_path, installed / "bin" / "diffmon", "--help")
    assert (0, "") == (done.returncode, done.stderr)
    assert "replay" in done.stdout


def test_the_wheel_replays(installed: Path, tmp_path: Path, model: Path) -> None:
    """The installed `diffmon` judges a recording, each line of its answer JSON."""
    wav = written(tmp_path / "tone.wav", seconds=3.0)
    done = from_wheel(installed, tmp_path, installed / "bin" / "diffmon", "replay", wav, "--model", model, "--json")
    assert 0 == done.returncode, done.stderr
    assert all(isinstance(json.loads(line), dict) for line in done.stdout.splitlines())


# --- the versions


def test_every_dependency_has_its_exact_version() -> None:
    """Whatever pyproject.toml names is pinned in constraints.txt, for every Python, and nothing else is."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(d for extra in project["optional-dependencies"].values() for d in extra)]
    names = {re.split(r"[^A-Za-z0-9_.-]", d)[0] for d in wanted} - {"diffmon"}
    pins = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and line[0] != "#"]
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+( ; python_version (<|>=) \"3\.12\")?", pin) for pin in pins)
    assert names == {pin.split("==")[0] for pin in pins}


# --- the Makefile


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A folder with what `make` reads, and nothing installed."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def python_that_fails_on(word: str, folder: Path) -> Path:
    """An interpreter that fails when `word` is in what it is asked to run."""
    python = folder / "python"
    python.write_text(f'#!/bin/sh\ncase "$*" in *{word}*) exit 1;; esac\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return python


@pytest.mark.parametrize(
    ("word", "said"),
    [("version_info", "diffmon needs Python 3.11, 3.12 or 3.13"), ("ensurepip", "apt-get install python3-venv")],
)
@pytest.mark.parametrize("target", ["demo", "test"])
def test_make_says_what_is_missing(bare: Path, target: str, word: str, said: str) -> None:
    """An unfit Python ends `make` with one sentence on what to do, before anything is installed."""
    done = run("make", "-C", bare, target, f"PYTHON={python_that_fails_on(word, bare)}")
    assert 2 == done.returncode
    assert said in done.stderr
    assert not (bare / ".venv").exists()


def test_installing_happens_once(bare: Path) -> None:
    """With everything in place `make demo` does nothing but run the demo."""
    (bare / ".venv" / "bin").mkdir(parents=True)
    for name in (".venv/bin/pip", ".venv/.demo"):
        (bare / name).touch()
    (bare / ".venv" / "bin" / "diffmon").write_text('#!/bin/sh\necho "ran $*"\n')
    (bare / ".venv" / "bin" / "diffmon").chmod(0o755)
    done = run("make", "--no-print-directory", "-C", bare, "demo")
    assert ("ran demo\n", "") == (done.stdout, done.stderr)


def test_make_and_ci_install_the_same_packages() -> None:
    """What `make test` asks for is what CI installs, which needs `make` itself, too."""
    asked = re.search(r"^PACKAGES := (.*)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    installed = re.search(r"^for package in (.*); do$", (ROOT / ".ci" / "run").read_text(), flags=re.MULTILINE)
    assert asked is not None
    assert installed is not None
    assert ["make", *asked[1].split()] == installed[1].split()


def test_nothing_names_a_host() -> None:
    """Where packages come from is the machine's to say."""
    assert [] == [name for name in ("Makefile", "constraints.txt", ".ci/run") if "://" in (ROOT / name).read_text()]


def test_every_fact_that_is_logged_is_explained() -> None:
    """Whoever is called at night finds each line of the journal, but those for debugging, in the page for operations."""
    told = set()
    for path in (ROOT / "monitor").rglob("*.py"):
        told |= set(re.findall(r"""(?:\blog|_log|tell)(?:\.(?!debug)\w+)?\(\s*f?"([a-z]+\.[a-z_]+)\"""", path.read_text()))
    assert len(told) > 50
    page = (ROOT / "docs" / "operations.md").read_text()
    assert [] == sorted(fact for fact in told if f"`{fact}`" not in page)


def test_every_metric_of_the_page_is_there() -> None:
    """An alert on a name that nobody publishes never fires."""
    named = re.findall(r"\bdiffmon_\w+", (ROOT / "docs" / "operations.md").read_text())
    assert len(named) > 8
    assert [] == [n for n in named if re.sub(r"_(sum|count|bucket)$", "", n) not in CONTRACT]
