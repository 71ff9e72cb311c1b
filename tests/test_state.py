"""The state folder: whose it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.errors import SinkError
from monitor.state import take


def test_a_state_folder_is_one_daemon_s_alone(tmp_path: Path) -> None:
    """Whatever its node is called: they would delete each other's clips. It is free again when that ends."""
    give_back = take(tmp_path)
    with pytest.raises(SinkError, match="another daemon has this state folder, expected one for each"):
        take(tmp_path)
    give_back()
    take(tmp_path)()


def test_a_folder_that_is_not_there_is_nobody_s(tmp_path: Path) -> None:
    """What is wrong with it, whoever writes there says."""
    take(tmp_path / "nowhere")()
