"""The configuration file: what it takes, and what it says of each kind of mistake."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from monitor.config import FileConfig, FolderConfig, MicrophoneConfig, load
from monitor.duration import seconds
from monitor.errors import ConfigError
from monitor.size import size

FAN = '[[stream]]\nname = "fan"\nmodel = "fan.model"\nsource = { type = "microphone" }\n'
PUMP = '[[stream]]\nname = "pump"\nmodel = "pump.model"\nsource = { type = "file", paths = ["pump.wav"] }\n'
YARD = '[[stream]]\nname = "yard"\nmodel = "yard.model"\nsource = { type = "folder", path = "yard" }\n'


def written(folder: Path, text: str | bytes) -> Path:
    """A configuration file with that text."""
    path = folder / "diffmon.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refused(path: Path) -> list[str]:
    """What is said of a wrong file, line by line, without the file's name, which every line must begin with."""
    with pytest.raises(ConfigError) as caught:
        load(path)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{path}: ") for line in lines), lines
    return [line.removeprefix(f"{path}: ") for line in lines]


# What is taken


def test_the_shortest_file_has_every_default(tmp_path: Path) -> None:
    """One stream is enough; the rest has sensible values."""
    config = load(written(tmp_path, FAN))
    assert ("diffmon", "diffmon", "info", "auto", None, True) == (
        config.node,
        config.topic,
        config.log_level,
        config.device,
        config.mqtt,
        config.jsonl,
    )
    fan = config.stream[0]
    assert ("audio", None, 1.0, 2.0, 5.0, 5.0) == (fan.kind, fan.profile, fan.false_alarms_per_day, fan.quiet, fan.cooldown, fan.update)
    assert MicrophoneConfig(type="microphone", device=None, channel=0) == fan.source


def test_a_folder_has_sensible_durations(tmp_path: Path) -> None:
    """A recorder may pause for seconds, and is dead after minutes."""
    yard = load(written(tmp_path, YARD)).stream[0].source
    assert isinstance(yard, FolderConfig)
    assert (10.0, 180.0) == (yard.settled, yard.silence)


def test_relative_paths_are_taken_from_the_files_folder(tmp_path: Path) -> None:
    """Wherever the program is started: the folder of the file counts, and absolute paths stay."""
    text = (
        '[mqtt]\nusername = "u"\npassword_file = "secret/password"\ntls = true\nca_file = "/etc/ca.pem"\n'
        '[[stream]]\nname = "pump"\nmodel = "pump.model"\nprofile = "../pump.profile"\n'
        'source = { type = "file", paths = ["a.wav", "/data/b.wav"] }\n'
    )
    config = load(written(tmp_path, text))
    assert config.mqtt is not None
    assert (tmp_path / "secret/password", Path("/etc/ca.pem")) == (config.mqtt.password_file, config.mqtt.ca_file)
    pump = config.stream[0]
    assert (tmp_path / "pump.model", tmp_path / "../pump.profile") == (pump.model, pump.profile)
    assert isinstance(pump.source, FileConfig)
    assert (tmp_path / "a.wav", Path("/data/b.wav")) == pump.source.paths


def test_the_configuration_is_frozen(tmp_path: Path) -> None:
    """Nobody changes it while the daemon runs, at any depth."""
    config = load(written(tmp_path, "[mqtt]\n" + FAN))
    for section, key in ((config, "node"), (config.mqtt, "port"), (config.stream[0], "quiet"), (config.stream[0].source, "channel")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(section, key, "other")


@pytest.mark.parametrize(
    ("text", "expected_s"),
    [("500ms", 0.5), ("90s", 90), ("1.5m", 90), (" 3 m ", 180), ("24h", 86400), ("7d", 604800), (2, 2), (0.25, 0.25)],
)
def test_durations_have_units(text: str | float, expected_s: float) -> None:
    """A number is seconds."""
    assert expected_s == seconds(text)


@given(st.floats(0, 999_999, allow_nan=False), st.sampled_from([("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600), ("d", 86400)]))
@settings(max_examples=50, deadline=None, derandomize=True)
def test_every_written_duration_is_read_back(number: float, unit: tuple[str, float]) -> None:
    """Number times unit, whatever the number."""
    assert pytest.approx(round(number, 6) * unit[1]) == seconds(f"{number:.6f}{unit[0]}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0B", 0), ("500MB", 500_000_000), ("2GiB", 2_147_483_648), (" 1.5 KiB ", 1536), ("3kB", 3000), ("1TiB", 1 << 40), (7, 7)],
)
def test_sizes_have_units(text: str | int, expected: int) -> None:
    """Of a thousand or of 1024; a number is bytes."""
    assert expected == size(text)


# What is refused: one clear line for each mistake


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"colour = 1\n{FAN}", "colour: unknown key"),
        (f"{FAN}hop_s = 1", "stream[0].hop_s: unknown key"),
        (FAN.replace('"microphone"', '"microphone", rate = 8000'), "stream[0].source.rate: unknown key"),
        (PUMP.replace("paths", 'file = "x.wav", paths'), "stream[0].source.file: unknown key"),
        (f"[mqtt]\nport = 70000\n{FAN}", "mqtt.port: 70000: input should be less than or equal to 65535"),
        (f"[mqtt]\nport = 0\n{FAN}", "mqtt.port: 0: input should be greater than or equal to 1"),
        (f"[health]\nport = 0\n{FAN}", "health.port: 0: input should be greater than or equal to 1"),
        (f'[health]\nhost = ""\n{FAN}', "health.host: '': string should have at least 1 character"),
        (f'[health]\npath = "/metrics"\n{FAN}', "health.path: unknown key"),
        (f"health = 9464\n{FAN}", "health: expected a section"),
        (f"[web]\nport = 0\n{FAN}", "web.port: 0: input should be greater than or equal to 1"),
        (
            f'[web]\nhost = "::"\n{FAN}',
            "web: token_file: missing, and others than this machine reach '::': expected a file with a token",
        ),
        (f'[evidence]\nmax_size = "2 gigs"\n{FAN}', "evidence.max_size: '2 gigs' is not a size like 500MB or 2GiB"),
        (f"[evidence]\nfree = true\n{FAN}", "evidence.free: True is not a size like 500MB or 2GiB"),
        (f"[evidence]\nfree = -1\n{FAN}", "evidence.free: -1: input should be greater than or equal to 0"),
        (f'[evidence]\nbefore = "2m"\n{FAN}', "evidence.before: 120.0: input should be less than or equal to 60"),
        (f'[evidence]\nlongest = "5s"\n{FAN}', "evidence: longest: 5 s is not more than before, 5 s: the event itself would not be kept"),
        (
            f"[evidence]\naudio = false\npicture = false\n{FAN}",
            "evidence: audio and picture are both false: nothing would be kept, expected one of them or no [evidence]",
        ),
        (f"[mqtt]\nport = []\n{FAN}", "mqtt.port: []: input should be a valid integer"),
        (f'[mqtt]\ntls = "perhaps"\n{FAN}', "mqtt.tls: 'perhaps': input should be a valid boolean, unable to interpret input"),
        (f"node = 5\n{FAN}", "node: 5: input should be a valid string"),
        (f'node = "The Barn"\n{FAN}', "node: 'The Barn': expected at most 32 of a-z, 0-9, - and _, the first a letter or a digit"),
        (FAN.replace("fan", "f/n"), "stream[0].name: 'f/n': expected at most 32 of a-z, 0-9, - and _, the first a letter or a digit"),
        (FAN + PUMP + FAN, "stream[2].name: 'fan' is taken by stream[0]"),
        (f'{FAN}quiet = "soon"', "stream[0].quiet: 'soon' is not a duration like 90s, 3m or 24h"),
        (f"{FAN}quiet = [1]", "stream[0].quiet: [1] is not a duration like 90s, 3m or 24h"),
        (f"{FAN}quiet = true", "stream[0].quiet: True is not a duration like 90s, 3m or 24h"),
        (f"{FAN}quiet = inf", "stream[0].quiet: inf is not a duration like 90s, 3m or 24h"),
        (f"{FAN}quiet = nan", "stream[0].quiet: nan is not a duration like 90s, 3m or 24h"),
        (f"{FAN}quiet = -1", "stream[0].quiet: -1: input should be greater than or equal to 0"),
        (f"{FAN}false_alarms_per_day = 0", "stream[0].false_alarms_per_day: 0: input should be greater than or equal to 0.01"),
        (f'{FAN}learn_for = "5s"', "stream[0].learn_for: '5s': input should be greater than or equal to 10"),
        (f'{FAN}learn_for = "3h"', "stream[0]: learn_for: 10800 s, but keep_normal keeps 7200 s, expected at least as much"),
        (f'{FAN}recalibrate = "often"', "stream[0].recalibrate: 'often': input should be 'never' or 'auto'"),
        (
            f'{FAN}recalibrate = "auto"\nkeep_normal = "10m"',
            "stream[0]: recalibrate: 'auto', but keep_normal keeps 600 s, expected at least 3600 s",
        ),
        (YARD.replace("path", 'settled = "soon", path'), "stream[0].source.settled: 'soon' is not a duration like 90s, 3m or 24h"),
        (YARD.replace("path", "settled = -1, path"), "stream[0].source.settled: -1: input should be greater than or equal to 0"),
        (f'{FAN}keep_normal = "-1"', "stream[0].keep_normal: '-1' is not a duration like 90s, 3m or 24h"),
        (f'log_level = "loud"\n{FAN}', "log_level: 'loud': input should be 'debug', 'info', 'warning' or 'error'"),
        (f'topic = "a/#"\n{FAN}', "topic: 'a/#': string should match pattern '^[^#+\\s/][^#+\\s]*$'"),
        ("", "stream: missing, expected at least one [[stream]]"),
        ("stream = []", "stream: []: expected at least 1"),
        (FAN.replace("[[stream]]", "[stream]"), "stream: expected a list"),
        (FAN.replace('model = "fan.model"\n', ""), "stream[0].model: missing"),
        (
            FAN.replace("microphone", "tape"),
            "stream[0].source.type: 'tape': expected 'microphone' or 'camera' or 'file' or 'folder' or 'network' or 'stdin'",
        ),
        (FAN.replace('type = "microphone"', ""), "stream[0].source.type: missing"),
        (FAN.replace('{ type = "microphone" }', '"microphone"'), "stream[0].source: expected a section"),
        (PUMP.replace('paths = ["pump.wav"]', 'paths = "pump.wav"'), "stream[0].source.paths: expected a list"),
        (PUMP.replace('"pump.wav"', ""), "stream[0].source.paths: []: expected at least 1"),
        (f'[mqtt]\npassword_file = "p"\n{FAN}', "mqtt: password_file needs a username"),
        (f'[mqtt]\nca_file = "ca.pem"\n{FAN}', "mqtt: ca_file needs tls = true"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, text: str, expected: str) -> None:
    """File, key, value and what was expected, and nothing that only follows from it."""
    assert [expected] == refused(written(tmp_path, text))


def test_every_mistake_is_named(tmp_path: Path) -> None:
    """Several mistakes are several lines, each for itself, in one go."""
    text = f'node = "A"\n[mqtt]\nport = 0\n{FAN}quiet = "soon"\n{PUMP.replace("file", "tape")}'
    assert [
        "node: 'A': expected at most 32 of a-z, 0-9, - and _, the first a letter or a digit",
        "mqtt.port: 0: input should be greater than or equal to 1",
        "stream[0].quiet: 'soon' is not a duration like 90s, 3m or 24h",
        "stream[1].source.type: 'tape': expected 'microphone' or 'camera' or 'file' or 'folder' or 'network' or 'stdin'",
    ] == refused(written(tmp_path, text))


def test_a_section_in_the_wrong_place_keeps_its_secrets(tmp_path: Path) -> None:
    """Where a whole section is wrong, its text is not repeated: it may hold a password."""
    assert ["mqtt: expected a section"] == refused(written(tmp_path, f'mqtt = "mqtt://user:hunter2@host"\n{FAN}'))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"node = ", "not TOML: Invalid value (at end of document)"),
        (b'node = "b\xff"', "cannot be read: 'utf-8' codec can't decode byte 0xff in position 9: invalid start byte"),
    ],
)
def test_what_is_no_toml_is_said(tmp_path: Path, content: bytes, expected: str) -> None:
    """Text that cannot be read as TOML or as UTF-8 is named with its file and place."""
    assert [expected] == refused(written(tmp_path, content))


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    """A file that is not there, and a folder in its place."""
    assert ["no such file"] == refused(tmp_path / "none.toml")
    assert ["cannot be read: Is a directory"] == refused(tmp_path)
