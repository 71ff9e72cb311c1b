"""A network stream as a source: a real server over HTTP, through PyAV, the capture process and the reader."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile

from monitor.config import NetworkConfig, parse
from monitor.errors import ConfigError, SourceError
from monitor.live import heard
from monitor.reader import Reader
from monitor.records import Block
from monitor.ring import Ring
from monitor.source.network import Network, placed
from monitor.source.pulse import SoundPulse
from tests.broker import until
from tests.command import diffmon
from tests.radio import HZ, PASSWORD, USERNAME, Radio
from tests.scripted import PATIENCE_S
from tests.test_login import certify

RATE_HZ = 16_000
SECRETS = ("hunter2", "p@ss", "p%40ss", "t0ken")


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy stands between."""
    for variable in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def radio() -> Iterator[Radio]:
    """A server for one test."""
    with closing(Radio()) as radio:
        yield radio


def network(url: str, *, login: bool = False) -> Network:
    """The source, in this process."""
    return Network(url, username=USERNAME if login else None, password=PASSWORD if login else None, rate_hz=RATE_HZ)


def section(url: str, password_file: Path) -> NetworkConfig:
    """Its section of the configuration, with a login."""
    password_file.write_text(PASSWORD + "\n")
    return NetworkConfig(type="network", url=url, username=USERNAME, password_file=password_file)


def test_hears_the_mean_of_the_channels_at_the_asked_rate(radio: Radio) -> None:
    """The tone of the left channel, the right one 0.2 above it: pitch, level and mean are right, and there is no gap."""
    with closing(network(radio.url("/tone"))) as source:
        blocks = list(islice(source.blocks(), 20))
    assert [0, *(b.end for b in blocks[:-1])] == [b.start for b in blocks]
    assert all(b.items.dtype == np.float32 and b.items.shape[1:] == (1,) for b in blocks)
    items = np.concatenate([b.items[:, 0] for b in blocks])
    expected = 0.1 + 0.3 * np.sin(2 * np.pi * HZ * np.arange(len(items)) / RATE_HZ)
    assert expected[400:-400] == pytest.approx(items[400:-400], abs=1e-3)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/hang", "sent nothing for 2 s"),
        ("/end", "broke off: input/output error"),
        ("/noise", "cannot be opened: "),
        ("/none", "cannot be opened: server returned 404 Not Found"),
    ],
)
def test_what_is_wrong_is_one_sentence_in_time_and_without_a_secret(radio: Radio, path: str, message: str) -> None:
    """A server that stops, ends, sends anything or has nothing there: named by its address without login and token."""
    began_s = time.monotonic()
    with pytest.raises(SourceError) as caught:
        list(network(radio.url(f"{path}?key=t0ken"), login=True).blocks())
    assert str(caught.value).startswith(f"network stream '{radio.url(path)}': {message}")
    assert not [secret for secret in (*SECRETS, USERNAME) if secret in str(caught.value)]
    assert 6 + 2 + 4 > time.monotonic() - began_s


def test_a_port_where_nobody_listens_is_told() -> None:
    """At once."""
    with closing(Radio()) as radio:
        url = radio.url("/tone")
    with pytest.raises(SourceError, match=r"^network stream 'http://127.0.0.1:\d+/tone': cannot be opened: connection refused$"):
        network(url, login=True)


def test_a_certificate_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that nobody vouches for is refused before anything is asked or told; with one that is trusted, the server is asked."""
    certify(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    with closing(Radio(tls=context)) as radio:
        url = f"https://localhost:{radio.port}/secret"
        with pytest.raises(SourceError, match=r"input/output error; is its certificate one that this machine trusts\?"):
            network(url, login=True)
        assert [] == radio.logins
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        with closing(network(url, login=True)) as source:
            assert len(next(source.blocks()).items)
        assert [] != radio.logins


def test_a_stream_without_sound_is_told(tmp_path: Path) -> None:
    """A picture alone is no sound."""
    with av.open(tmp_path / "a.mkv", "w") as file:
        stream: Any = file.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        for _ in range(3):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))))
        file.mux(stream.encode())
    with pytest.raises(SourceError, match="has no sound, expected a stream with sound in it"):
        network(str(tmp_path / "a.mkv"))


def test_what_is_not_finite_is_a_gap(radio: Radio, logs: list[dict[str, object]]) -> None:
    """A tenth of a second that is not a number is left out, and told once."""
    with closing(network(radio.url("/nan"))) as source:
        blocks = list(islice(source.blocks(), 30))
    assert all(np.isfinite(b.items).all() for b in blocks)
    gaps = [after.start - before.end for before, after in pairwise(blocks) if after.start != before.end]
    assert 1 == len(gaps)
    assert RATE_HZ / 10 <= gaps[0] <= RATE_HZ / 2
    assert 1 == len([entry for entry in logs if entry["event"] == "source.not_finite"])


def frame(begin_s: float | None) -> av.AudioFrame:
    """A tenth of a second in two channels, at a time of the stream."""
    made = av.AudioFrame.from_ndarray(np.array([[0.25] * 100, [0.75] * 100], np.float32), format="fltp", layout="stereo")
    made.sample_rate, made.time_base = 1000, Fraction(1, 1000)
    made.pts = None if begin_s is None else round(begin_s * 1000)
    return made


def test_time_stamps_that_jump_are_a_gap() -> None:
    """As long as the jump, if it can be; of one item if time goes back or far ahead; none for jitter or without time stamps."""
    times_s = [5.0, 5.1, 5.25, 5.85, None, 6.05, 1.0, 1.1, 9000.0]
    starts = [0, 100, 200, 800, 900, 1000, 1101, 1201, 1302]
    found = list(placed((frame(time_s) for time_s in times_s), rate_hz=1000))
    assert starts == [start for start, _ in found]
    assert {0.5} == {float(value) for _, samples in found for value in samples[:, 0]}


def test_the_login_is_sent_and_seen_by_nobody_else(radio: Radio, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The server gets it, whatever its characters; neither the process's arguments, its environment nor its log hold it."""
    with closing(heard(section(radio.url("/secret?key=t0ken"), tmp_path / "password"), RATE_HZ)) as source:
        assert 5 == len(list(islice(source.blocks(), 5)))
        seen = Path(f"/proc/{source._child.pid}/cmdline").read_text() + Path(f"/proc/{source._child.pid}/environ").read_text()
    out, err = capfd.readouterr()
    assert "network.opened" in err
    assert not [secret for secret in SECRETS if secret in seen + out + err]


def test_a_wrong_login_is_told_without_it(radio: Radio, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Across the pipe, with the server's own reason."""
    config = section(radio.url("/secret"), tmp_path / "password")
    (tmp_path / "password").write_text("hunter2\n")
    with closing(heard(config, RATE_HZ)) as source, pytest.raises(SourceError, match="server returned 401 Unauthorized") as caught:
        list(source.blocks())
    out, err = capfd.readouterr()
    assert not [secret for secret in SECRETS if secret in str(caught.value) + out + err]


def test_a_password_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """As a failure that may pass, since the file is read at every attempt."""
    config = section("http://127.0.0.1:1/", tmp_path / "password")
    (tmp_path / "password").unlink()
    with pytest.raises(SourceError, match=r"'http://127.0.0.1:1/': source.password_file: .*/password: cannot be read: No such file"):
        heard(config, RATE_HZ)


def test_check_and_record_tell_of_it_before_they_begin(tmp_path: Path, model: Path) -> None:
    """By its key, as a mistake in the configuration; with the file there, `check` finds nothing wrong and opens nothing."""
    config = tmp_path / "diffmon.toml"
    source = f'{{ type = "network", url = "http://127.0.0.1:1/", username = "{USERNAME}", password_file = "password" }}'
    config.write_text(f'[[stream]]\nname = "gate"\nmodel = "{model}"\nsource = {source}\n')
    check, record = ["check", "--config", config], ["record", "gate", "--config", config, "--for", "1s", "--out", tmp_path / "normal"]
    for done in (diffmon(*check), diffmon(*record)):
        assert 78 == done.exit_code
        assert done.stderr.startswith(
            f"diffmon: {config}: stream[0].source.password_file: {tmp_path / 'password'}: cannot be read: No such file"
        )
    assert not (tmp_path / "normal").exists()
    (tmp_path / "password").write_text(PASSWORD)
    assert 0 == diffmon(*check).exit_code


def test_record_keeps_what_it_hears(radio: Radio, tmp_path: Path) -> None:
    """As long as was asked for, at the rate of the models."""
    config, out = tmp_path / "diffmon.toml", tmp_path / "normal"
    config.write_text(f'[[stream]]\nname = "gate"\nmodel = "x"\nsource = {{ type = "network", url = "{radio.url("/tone")}" }}\n')
    done = diffmon("record", "gate", "--config", config, "--for", "2s", "--out", out)
    assert 0 == done.exit_code, done.stderr
    [path] = out.iterdir()
    assert (RATE_HZ, 2 * RATE_HZ) == (soundfile.info(path).samplerate, soundfile.info(path).frames)


def test_closing_ends_a_source_that_waits(radio: Radio) -> None:
    """From another thread, while the server sends nothing and the stream is still being opened."""
    source = heard(NetworkConfig(type="network", url=radio.url("/hang")), RATE_HZ)
    got: list[Block] = []
    reading = threading.Thread(target=lambda: got.extend(source.blocks()))
    reading.start()
    source.close()
    reading.join(PATIENCE_S)
    assert not reading.is_alive()
    source.close()


def test_a_server_that_starts_again_is_heard_again(radio: Radio, monkeypatch: pytest.MonkeyPatch) -> None:
    """The index goes on after a gap that is counted, and everything heard is in the ring."""
    monkeypatch.setattr("monitor.reader._FIRST_S", 0.05)
    monkeypatch.setattr("monitor.reader._MOST_S", 0.2)
    config = NetworkConfig(type="network", url=radio.url("/tone"))
    into = Ring(100 * RATE_HZ, item=(1,), rate_hz=RATE_HZ)
    reader = Reader("gate", lambda: heard(config, RATE_HZ), into, pulse=SoundPulse, live=True)
    reader.start()
    with closing(reader):
        until(lambda: into.end > RATE_HZ, timeout_s=PATIENCE_S)
        radio.close()
        until(lambda: reader.status == "offline", timeout_s=PATIENCE_S)
        before = into.end
        with closing(Radio(radio.port)):
            until(lambda: into.end > before and reader.status == "online", timeout_s=PATIENCE_S)
            assert 1 <= reader.restarts
            [(first, after)] = into.gaps
            assert before == first < after
            assert (after - first) / RATE_HZ < PATIENCE_S


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"url": "rtsp://me:hunter2@host/x"}, ".url: holds a login, expected none: the keys username and password_file are for it"),
        ({"url": "http://me:p/hunter2@host/x"}, ".url: expected a URL that begins with rtsp://, rtsps://, http://, https:// and a host"),
        ({"url": "file:///hunter2"}, ".url: expected a URL that begins with rtsp://"),
        ({"url": "rtsp:///hunter2"}, ".url: expected a URL that begins with rtsp://"),
        ({"url": "rtsp://host:hunter2/"}, ".url: expected a URL that begins with rtsp://"),
        ({"url": ["rtsp://me:hunter2@host/"]}, ".url: expected a URL that begins with rtsp://"),
        ({}, ".url: missing"),
        ({"url": "rtsp://host/", "password": "hunter2"}, ".password: unknown key"),
        ({"url": "rtsp://host/", "password_file": "hunter2"}, ": password_file needs a username"),
    ],
)
def test_a_configuration_that_is_wrong_is_refused_without_its_secret(source: dict[str, object], expected: str) -> None:
    """By key and what was expected, and never with what was written there."""
    stream = {"name": "gate", "model": "gate.model", "source": {"type": "network", **source}}
    with pytest.raises(ConfigError) as caught:
        parse({"stream": [stream]}, name="a.toml", folder=Path("/etc"))
    assert str(caught.value).startswith(f"a.toml: stream[0].source{expected}")
    assert "hunter2" not in str(caught.value)
