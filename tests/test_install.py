"""`systemd/install` into a folder: what it puts there, what it leaves alone, what it takes away."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.test_systemd import complaints, exposed

ROOT = Path(__file__).parent.parent
UNIT = Path("etc/systemd/system/diffmon.service")
GROUPS = Path("etc/systemd/system/diffmon.service.d/groups.conf")
CONFIG = Path("etc/diffmon/diffmon.toml")


class Machine:
    """A folder that stands for a machine with some groups, and with a `systemctl` that notes when it is called."""

    def __init__(self, folder: Path, *groups: str) -> None:
        self.root = folder / "root"
        self.called = folder / "called"
        self._bin = folder / "bin"
        self._bin.mkdir()
        self._program("getent", f'case " {" ".join(groups)} " in *" $2 "*) exit 0;; esac; exit 2')
        self._program("systemctl", f'echo "$*" >> {self.called}')

    def _program(self, name: str, text: str) -> None:
        (self._bin / name).write_text(f"#!/bin/sh\n{text}\n")
        (self._bin / name).chmod(0o755)

    def run(self, *command: str | Path, umask: int = 0o022) -> str:
        """What the command said; it must succeed."""
        environment = os.environ | {"DESTDIR": str(self.root), "PATH": f"{self._bin}:{os.environ['PATH']}"}
        done = subprocess.run(
            [str(c) for c in command], capture_output=True, text=True, timeout=120, check=False, env=environment, umask=umask
        )
        assert (0, "") == (done.returncode, done.stderr)
        return done.stdout

    def install(self, verb: str, *, umask: int = 0o022) -> str:
        """What the script said."""
        return self.run(ROOT / "systemd" / "install", verb, umask=umask)

    def found(self) -> dict[str, str]:
        """The text of each file."""
        return {str(p.relative_to(self.root)): p.read_text() for p in sorted(self.root.rglob("*")) if p.is_file()}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """One without a GPU."""
    return Machine(tmp_path, "audio", "video")


def test_unit_and_configuration_are_installed(machine: Machine) -> None:
    """Both as they are in the checkout, and what is left to do is said."""
    said = machine.install("files")
    assert {str(UNIT), str(GROUPS), str(CONFIG)} == set(machine.found())
    assert (ROOT / "systemd" / "diffmon.service").read_text() == (machine.root / UNIT).read_text()
    assert (ROOT / "config" / "diffmon.toml").read_text() == (machine.root / CONFIG).read_text()
    assert "systemctl enable --now diffmon" in said


def test_the_service_can_read_what_is_installed(machine: Machine) -> None:
    """Also when root keeps its own files to itself."""
    machine.install("files", umask=0o077)
    assert {0o755} == {p.stat().st_mode & 0o777 for p in machine.root.rglob("*") if p.is_dir()}
    assert {0o644} == {p.stat().st_mode & 0o777 for p in machine.root.rglob("*") if p.is_file()}


def runnable(unit: Path) -> Path:
    """The installed unit, with programs that are there."""
    unit.write_text(re.sub(r"^(Exec\w+)=.*", r"\1=/bin/true", unit.read_text(), flags=re.MULTILINE))
    return unit


def test_only_groups_that_the_machine_has_are_left(machine: Machine) -> None:
    """The drop-in takes back the unit's list and names those that are there; systemd has nothing against it."""
    machine.install("files")
    assert ["SupplementaryGroups=", "SupplementaryGroups=audio video"] == (machine.root / GROUPS).read_text().splitlines()[-2:]
    assert "" == complaints(runnable(machine.root / UNIT))


def test_a_machine_may_have_none_of_the_groups(tmp_path: Path) -> None:
    """The service then has none, by systemd's own reading of unit and drop-in."""
    machine = Machine(tmp_path)
    machine.install("files")
    assert re.search(r"SupplementaryGroups= +Service has no supplementary groups", exposed(machine.root / UNIT).stdout)


def test_a_configuration_that_is_there_stays(machine: Machine) -> None:
    """It is not overwritten, and that is said."""
    machine.install("files")
    (machine.root / CONFIG).write_text("mine")
    assert "stays as it is" in machine.install("files")
    assert "mine" == (machine.root / CONFIG).read_text()


def test_a_link_for_a_configuration_stays(machine: Machine) -> None:
    """Even if what it points at is not there just now."""
    (machine.root / CONFIG).parent.mkdir(parents=True)
    (machine.root / CONFIG).symlink_to("/gone/diffmon.toml")
    machine.install("files")
    assert "/gone/diffmon.toml" == str((machine.root / CONFIG).readlink())


def test_installing_again_mends_and_changes_nothing_else(machine: Machine) -> None:
    """An old unit is replaced; what was right stays the same."""
    machine.install("files")
    before = machine.found()
    (machine.root / UNIT).write_text("old")
    machine.install("files")
    assert before == machine.found()


def test_removing_keeps_what_is_the_owners(machine: Machine) -> None:
    """Configuration, state and drop-ins of one's own stay; unit, groups and virtual environment go. Twice is no error."""
    machine.install("files")
    kept = {str(CONFIG): "mine", "var/lib/diffmon/diffmon.outbox": "events", str(GROUPS.with_name("gpu.conf")): "mine"}
    for name, text in {**kept, "opt/diffmon/.venv/bin/diffmon": "program"}.items():
        (machine.root / name).parent.mkdir(parents=True, exist_ok=True)
        (machine.root / name).write_text(text)
    machine.install("remove")
    machine.install("remove")
    assert kept == machine.found()
    assert not (machine.root / "opt/diffmon").exists()


def test_make_installs_and_removes(machine: Machine) -> None:
    """`make` does the same, makes no virtual environment for another place, and leaves the running systemd alone."""
    said = machine.run("make", "--no-print-directory", "-C", ROOT, "install-service")
    assert "works only where it was made" in said
    assert {str(UNIT), str(GROUPS), str(CONFIG)} == set(machine.found())
    machine.run("make", "--no-print-directory", "-C", ROOT, "uninstall-service")
    assert {str(CONFIG)} == set(machine.found())
    assert not machine.called.exists()
