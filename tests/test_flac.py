"""A clip on a disk that is full: there whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from monitor.errors import SinkError
from monitor.flac import Sound
from tests.command import names
from tests.disk import no_room

RATE_HZ = 16_000
NOISE = np.random.default_rng(0).uniform(-0.5, 0.5, (RATE_HZ, 1)).astype(np.float32)


def write(path: Path) -> None:
    """A second of noise, in four pieces."""
    sound = Sound(path, RATE_HZ)
    for at in range(0, RATE_HZ, RATE_HZ // 4):
        sound.write(NOISE[at : at + RATE_HZ // 4])
    sound.finish()


@pytest.mark.parametrize("missing", [1, 500, 9000, 20_000])
def test_a_disk_that_is_full_at_any_moment_leaves_nothing(tmp_path: Path, missing: int) -> None:
    """Also where only the last bytes do not fit, which the library writes when it closes, without a word."""
    write(tmp_path / "whole.flac")
    samples, _ = soundfile.read(tmp_path / "whole.flac", dtype="float32")
    assert np.abs(NOISE[:, 0] - samples).max() < 2**-23
    with no_room((tmp_path / "whole.flac").stat().st_size - missing), pytest.raises(SinkError, match=r"b\.flac: cannot be written: "):
        write(tmp_path / "b.flac")
    assert ["whole.flac"] == names(tmp_path)
