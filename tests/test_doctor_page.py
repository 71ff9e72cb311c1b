"""`doctor` on the live page: its port, its token, and what serves it."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from monitor.doctor import Finding, page, permissions
from monitor.errors import SettingError
from tests.broker import free_port
from tests.test_doctor import config

TOKEN = "correct-horse-battery"


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


@contextmanager
def daemon(outbox: Path) -> Iterator[None]:
    """A process that has an outbox for itself."""
    outbox.parent.mkdir()
    program = (
        "import sys; from pathlib import Path; from monitor.sink.outbox import Outbox; o = Outbox(Path(sys.argv[1])); print(); input()"
    )
    with subprocess.Popen([sys.executable, "-c", program, outbox], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield


def found(folder: Path, **settings: object) -> Finding:
    """What is found of a page with these settings."""
    [finding] = page.findings(config(folder, state_dir=str(folder / "state"), web=settings))
    return finding


def test_no_page_is_asked_for(tmp_path: Path) -> None:
    """And so nothing can be wrong with it."""
    [finding] = page.findings(config(tmp_path))
    assert ("page", "ok", "none asked for: no [web] in the configuration") == (finding.check, finding.status, finding.detail)


def test_a_page_that_can_be_served_says_who_may_look(tmp_path: Path) -> None:
    """With its token, which is not told, and without."""
    (tmp_path / "token").write_text(TOKEN)
    port = free_port()
    guarded, open_ = found(tmp_path, port=port, token_file="token"), found(tmp_path, port=port)
    assert ("ok", f"127.0.0.1:{port}: free; asks for the token in {tmp_path}/token") == (guarded.status, guarded.detail)
    assert ("ok", f"127.0.0.1:{port}: free; asks for no token: whoever has an account here may look") == (open_.status, open_.detail)


def test_a_port_that_is_taken_is_told(taken: int, tmp_path: Path) -> None:
    """Nobody could look, though all is heard; that the daemon itself has it is well."""
    finding = found(tmp_path, port=taken)
    assert "warning" == finding.status
    assert f"ss -ltnp 'sport = :{taken}'" in finding.mend
    with daemon(tmp_path / "state" / "barn.outbox"):
        assert ("ok", "") == (found(tmp_path, port=taken).status, found(tmp_path, port=taken).mend)


def test_an_address_that_is_not_ours_is_told(tmp_path: Path) -> None:
    """One of another machine."""
    (tmp_path / "token").write_text(TOKEN)
    finding = found(tmp_path, host="192.0.2.1", token_file="token")
    assert "warning" == finding.status
    assert "ip -brief address" in finding.mend


@pytest.mark.parametrize("text", [None, "short\n", ""])
def test_a_token_that_is_none_keeps_the_daemon_from_starting(text: str | None, tmp_path: Path) -> None:
    """It is missing, too short, or empty: here is how one is made."""
    if text is not None:
        (tmp_path / "token").write_text(text)
    finding = found(tmp_path, port=free_port(), token_file="token")
    assert ("failed", f"(umask 077; openssl rand -hex 16 > {tmp_path}/token)") == (finding.status, finding.mend)


def test_a_token_that_everybody_can_read_is_told(tmp_path: Path) -> None:
    """It is a secret like the broker's password."""
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o644)
    secret, *_ = permissions.findings(config(tmp_path, web={"token_file": "token"}))
    assert ("web.token_file", "warning", f"chmod 600 {tmp_path}/token") == (secret.check, secret.status, secret.mend)


def test_what_serves_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here is how it is installed."""

    def missing() -> None:
        raise SettingError("web: needs uvicorn, which is not installed, expected: pip install 'diffmon[web]'")

    monkeypatch.setattr("monitor.page.opening._needs", missing)
    finding = found(tmp_path)
    assert "failed" == finding.status
    assert finding.mend.startswith("pip install 'diffmon[web]'")
