"""`doctor` and the sources that nobody on this machine makes sound for: network streams, and standard input."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from monitor.config import Config, parse
from monitor.doctor import audio
from monitor.source.process import Process
from tests import capture
from tests.broker import free_port
from tests.radio import PASSWORD, USERNAME, Radio


def config(folder: Path, **source: Any) -> Config:
    """A stream `fan` of this source."""
    stream = {"name": "fan", "model": "fan.model", "source": source}
    return parse({"stream": [stream]}, name="diffmon.toml", folder=folder)


@pytest.fixture(scope="module")
def radio() -> Iterator[Radio]:
    """A server that serves sound."""
    with closing(Radio()) as server:
        yield server


def test_a_network_stream_is_heard_as_the_daemon_would(radio: Radio, tmp_path: Path) -> None:
    """In its process, with its login; a second of it is enough, and its level is told."""
    (tmp_path / "secret").write_text(PASSWORD)
    source = {"type": "network", "url": radio.url("/secret?token=hunter3"), "username": USERNAME, "password_file": "secret"}
    (found,) = audio.findings(config(tmp_path, **source))
    assert ("sound of fan", "ok", "") == (found.check, found.status, found.mend)
    assert found.detail.startswith("heard, at -")


@pytest.mark.parametrize(
    ("path", "detail", "mend"),
    [
        ("/none", "404", 'ffprobe -v error {url}  # from here; then, in the stream\'s source: url = "..."'),
        ("/secret", "401", 'username = "..."  and  password_file = "..."  # in the stream\'s source, as the server knows them'),
        ("/noise", "cannot be opened", 'ffprobe -v error {url}  # from here; then, in the stream\'s source: url = "..."'),
    ],
)
def test_a_network_stream_that_is_not_heard_is_told_with_what_mends_it(
    radio: Radio, path: str, detail: str, mend: str, tmp_path: Path
) -> None:
    """Why, and the next thing to do; what follows a question mark is a secret."""
    (found,) = audio.findings(config(tmp_path, type="network", url=radio.url(f"{path}?token=hunter3")))
    assert ("sound of fan", "failed") == (found.check, found.status)
    assert detail in found.detail
    assert mend.format(url=radio.url(path)) == found.mend
    assert "hunter3" not in found.detail


def test_a_url_that_nobody_serves_is_found(tmp_path: Path) -> None:
    """RTSP as well."""
    url = f"rtsp://127.0.0.1:{free_port()}/yard"
    (found,) = audio.findings(config(tmp_path, type="network", url=url))
    assert ("failed", f"network stream '{url}': cannot be opened: connection refused") == (found.status, found.detail)
    assert f'ffprobe -v error -rtsp_transport tcp {url}  # from here; then, in the stream\'s source: url = "..."' == found.mend


def test_a_network_stream_that_is_silent_is_found(tmp_path: Path) -> None:
    """The microphone at its other end is dead, or off."""

    def opening(*_: object) -> Process:
        return Process(capture.command("zeros"), name="network stream", rate_hz=capture.RATE_HZ)

    (found,) = audio.findings(config(tmp_path, type="network", url="rtsp://camera/yard"), opening, within_s=1.5)
    assert ("failed", "no living sound within 1.5 s: always the same value, or nothing") == (found.status, found.detail)
    assert "ffplay -rtsp_transport tcp rtsp://camera/yard  # silent there too? then it is its camera or microphone" == found.mend


def test_a_password_that_cannot_be_read_is_found(tmp_path: Path) -> None:
    """It lies in a file of its own."""
    source = {"type": "network", "url": "http://127.0.0.1:1/a", "username": "me", "password_file": "none"}
    (found,) = audio.findings(config(tmp_path, **source))
    assert ("failed", f"ls -l {tmp_path}/none") == (found.status, found.mend)
    assert "password_file" in found.detail


def test_standard_input_is_not_tried(tmp_path: Path) -> None:
    """What the doctor would take of it, the daemon would miss; and it is another one."""
    (found,) = audio.findings(config(tmp_path, type="stdin", rate_hz=16000))
    assert ("sound of fan", "ok", "not tried: standard input is the daemon's own") == (found.check, found.status, found.detail)
