"""The pictures of anomalies: how a clip is stitched from its windows, and the heat within the event."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.bench.pictures import inside, stitched


def test_stitched_windows_are_the_clip() -> None:
    """Windows that show the same columns of one clip come back as that clip."""
    clip = torch.arange(2 * 3 * 11.0).view(2, 3, 11)
    windows = clip.unfold(-1, 4, 1).permute(2, 0, 1, 3)  # [n, 2, 3, 4]
    assert torch.equal(clip, stitched(windows))


def test_most_central() -> None:
    """A column is of the window in whose middle it lies; the first and the last window fill what is before and after."""
    windows = torch.arange(5.0)[:, None, None].expand(5, 1, 4)  # each shows its own number
    assert [0, 0, 0, 1, 2, 3, 4, 4] == stitched(windows)[0].tolist()


@pytest.mark.parametrize(("event_s", "share"), [((1.0, 2.0), 0.25), ((0.5, 1.5), 0.25), ((0.25, 0.5), 0.0625), ((5.0, 6.0), 0.0)])
def test_even_heat(event_s: tuple[float, float], share: float) -> None:
    """Of heat that is the same everywhere an event holds its share of the time, columns that it cuts counting in part."""
    assert pytest.approx(share) == inside(np.ones((3, 4)), np.arange(5.0), event_s)


def test_heat_in_the_event() -> None:
    """Heat counts by how much there is."""
    heat = np.array([[0.0, 3.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]])
    assert 0.75 == inside(heat, np.arange(5.0), (1.0, 2.0))
