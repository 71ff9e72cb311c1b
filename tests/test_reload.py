"""A configuration read again while the daemon listens."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from monitor.config import StreamConfig, load
from monitor.health import Notifier
from monitor.reload import Reload

FILE = """
log_level = "error"
[mqtt]
host = "broker"
[[stream]]
name = "fan"
model = "m"
source = { type = "microphone" }
false_alarms_per_day = 1
"""


class Taken(list[StreamConfig]):
    """A control that keeps the streams it is given."""

    def reload(self, streams: Sequence[StreamConfig]) -> None:
        """Keeps them."""
        self.extend(streams)


def reloaded(tmp_path: Path, old: str, new: str) -> Taken:
    """What the control gets when one text replaces another in the file."""
    path = tmp_path / "c.toml"
    path.write_text(FILE)
    control = Taken()
    again = Reload(path, load(path), control, Notifier())  # type: ignore[arg-type]
    assert old in FILE
    path.write_text(FILE.replace(old, new))
    again()
    return control


@pytest.mark.parametrize(
    "line", ["false_alarms_per_day = 5", "quiet = '3s'", "cooldown = 0", "update = 9", "quiet_hours = ['22:00-06:00']"]
)
def test_what_may_change_is_put_in_force(line: str, tmp_path: Path) -> None:
    """Thresholds, times and quiet hours of a stream."""
    [stream] = reloaded(tmp_path, "false_alarms_per_day = 1", line)
    assert load(tmp_path / "c.toml").stream == (stream,)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('model = "m"', 'model = "n"', "stream[0].model: a change takes a restart; nothing was changed"),
        ('name = "fan"', 'name = "pump"', "stream[0].name: a change takes a restart; nothing was changed"),
        (
            'type = "microphone"',
            'type = "microphone", channel = 1',
            "stream[0].source.channel: a change takes a restart; nothing was changed",
        ),
        ("[[stream]]", "[[stream", "not TOML"),
        ("false_alarms_per_day = 1", "false_alarms_per_day = 0", "stream[0].false_alarms_per_day: 0: input should be"),
    ],
)
def test_what_may_not_is_refused_whole(old: str, new: str, expected: str, tmp_path: Path, logs: list[dict[str, object]]) -> None:
    """With the key and the reason; what else was changed is not put in force either."""
    assert [] == reloaded(tmp_path, old, new)
    [reason] = [str(entry["reason"]) for entry in logs if entry["event"] == "reload.refused"]
    assert expected in reason
