"""Parts that lie as they fall, and the frame in which they lie alike."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from models.pose import Frame, Pose, find, fit_frame, foreground, placed, put_back, shrunk

SIDE = 128


def key(pose: Pose) -> Tensor:
    """A drawn key, with its head to the left of the frame's centre and its teeth to the right, for each pose: `[B, 3, 128, 128]`."""
    grid = (torch.arange(SIDE) + 0.5) / SIDE * 2 - 1
    y, x = torch.meshgrid(grid, grid, indexing="ij")
    points = torch.stack([x, y, torch.ones_like(x)], -1)
    u, v = (points @ pose.inverse()[:, None].mT).unbind(-1)  # in the frame, [B, H, W]
    head = (u + 0.3).square() + v.square() < 0.03
    shaft = (u.abs() < 0.45) & (v.abs() < 0.05)
    teeth = (u > 0.2) & (u < 0.45) & (v > 0) & (v < 0.16) & ((u * 20).long() % 2 == 0)
    part = (head | shaft | teeth).float()
    noise = torch.randn(len(part), 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    return 0.7 - 0.4 * part[:, None] + 0.01 * noise


def poses(count: int, seed: int, *, turn: float = math.pi, shift: float = 0.2) -> Pose:
    """Random ones."""
    generator = torch.Generator().manual_seed(seed)
    angle, x, y = (2 * torch.rand(3, count, generator=generator) - 1) * torch.tensor([turn, shift, shift])[:, None]
    return Pose(angle, x, y)


def spot(count: int, rows: tuple[int, int], columns: tuple[int, int]) -> Tensor:
    """1 in a rectangle, `[count, 128, 128]`."""
    marked = torch.zeros(count, SIDE, SIDE)
    marked[:, slice(*rows), slice(*columns)] = 1.0
    return marked


@pytest.fixture(scope="module")
def frame() -> Frame:
    """That of keys thrown on a table."""
    found = fit_frame(key(poses(40, seed=1)))
    assert found is not None
    return found


def test_thrown_parts_are_brought_to_lie_alike(frame: Frame) -> None:
    """However it lies, a part that was not there when the frame was fitted comes to where the others are: what varies is its noise."""
    thrown = key(poses(24, seed=2))
    alike = placed(thrown, find(thrown, frame))
    assert alike.var(0).mean() < 0.15 * thrown.var(0).mean()
    assert alike.var(0).median() < 4 * 0.01**2


def test_a_fault_moves_no_part(frame: Frame) -> None:
    """A part with something in its middle still lies as the others do."""
    where = poses(8, seed=3)
    thrown = key(where)
    faults = put_back(spot(8, (70, 80), (58, 68)), where)[:, None]
    spoilt = thrown * (1 - faults) + 0.9 * faults
    for good, bad in zip(find(thrown, frame), find(spoilt, frame), strict=True):
        assert_close(good, bad, rtol=0, atol=0.03)


@settings(max_examples=25, deadline=None)
@given(st.floats(-3.1, 3.1), st.floats(-0.3, 0.3), st.floats(-0.3, 0.3))
def test_heat_is_put_back_where_it_was(angle: float, x: float, y: float) -> None:
    """A spot of a picture lies, once the picture is placed and the heat put back, where it was; what the frame misses is cold."""
    pose = Pose(*(torch.tensor([value]) for value in (angle, x, y)))
    back = put_back(placed(spot(1, (60, 70), (70, 80))[:, None], pose)[:, 0], pose)
    grid = torch.arange(SIDE) + 0.5
    centre = [float((back[0].sum(axis) * grid).sum() / back.sum()) for axis in (0, 1)]
    assert [75.0, 65.0] == pytest.approx(centre, abs=0.5)
    assert back.sum() == pytest.approx(100.0, rel=0.05)


def test_the_inverse_is_the_inverse() -> None:
    """What goes from the frame to the picture comes back by the inverse."""
    pose = poses(16, seed=4, shift=0.5)
    points = torch.randn(16, 2, 1, generator=torch.Generator().manual_seed(5))
    there = pose.matrix()[:, :, :2] @ points + pose.matrix()[:, :, 2:]
    assert_close(points, pose.inverse()[:, :, :2] @ there + pose.inverse()[:, :, 2:], rtol=0, atol=1e-5)


def test_what_lies_alike_already_is_left() -> None:
    """Parts that lie alike, and surfaces without a part, have no frame."""
    still = key(poses(24, seed=6, turn=0.0, shift=0.0))
    surface = torch.rand(24, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(7))
    assert fit_frame(still) is None
    assert fit_frame(surface) is None


def test_the_light_does_not_count(frame: Frame) -> None:
    """A darker picture of less contrast has the same pose."""
    thrown = key(poses(8, seed=8))
    for there, dark in zip(find(thrown, frame), find(0.4 * thrown + 0.05, frame), strict=True):
        assert_close(there, dark, rtol=0, atol=0.01)


def test_a_picture_depends_on_no_other(frame: Frame) -> None:
    """One at a time they have the poses that they have together."""
    thrown = key(poses(4, seed=9))
    together = find(thrown, frame)
    for i in range(4):
        for one, each in zip(find(thrown[i : i + 1], frame), together, strict=True):
            assert_close(one[0], each[i], rtol=0, atol=1e-4)


def test_the_foreground_is_the_part() -> None:
    """It is what differs from the border, but for its outline."""
    drawn = shrunk(key(Pose(*torch.zeros(3, 1))))
    part = (drawn.mean(1) < 0.5).float()
    assert (foreground(drawn) - part).abs().mean() < 0.02
