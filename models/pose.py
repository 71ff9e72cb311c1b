"""The pose of a part in its picture: the turn and shift that bring it to where normal parts lie.

Where parts lie as they fall, no place in the picture has a normal of its own. Once they are turned and shifted alike, it has. A pose is
found by phase-free means: a start by the moments of what differs from the border (Hu 1962, *Visual pattern recognition by moment
invariants*), or the picture as it is; then, over a ladder of smaller and smaller turns, the shift that correlates best with the mean
of normal pictures, all in local contrast, so that light does not count.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

_SIDE = 64  # pixels at which poses are found, to a fraction of one
_REACH = _SIDE // 8  # of a shift
_NEAR = 9  # pixels whose mean is taken away for local contrast
_TURNS = ((-6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0), (-2.0, -1.0, 0.0, 1.0, 2.0), (-1.0, -0.5, 0.0, 0.5, 1.0))  # degrees
_PAYS = 0.6  # of the variance at a place; parts that lie alike already are left as they are
_MOST = 96  # pictures that a frame is fitted to
_COARSE = 16  # cells in which pictures are compared: finer ones would tell noise, and that resampling lessens it
_LEAST = 1e-3


class Pose(NamedTuple):
    """Where parts lie: what is at the frame's centre, and how it is turned. Each `[B]`."""

    angle: Tensor
    """Radians."""
    x: Tensor
    """From the picture's centre, in half sides."""
    y: Tensor

    def matrix(self) -> Tensor:
        """From coordinates in the frame to those in the picture, `[B, 2, 3]`."""
        c, s = self.angle.cos(), self.angle.sin()
        return torch.stack([torch.stack([c, -s, self.x], -1), torch.stack([s, c, self.y], -1)], -2)

    def inverse(self) -> Tensor:
        """From coordinates in the picture to those in the frame, `[B, 2, 3]`."""
        c, s = self.angle.cos(), self.angle.sin()
        x, y = -c * self.x - s * self.y, s * self.x - c * self.y
        return torch.stack([torch.stack([c, s, x], -1), torch.stack([-s, c, y], -1)], -2)

    def moved(self, turn: float, x: Tensor | float = 0.0, y: Tensor | float = 0.0) -> Pose:
        """The pose after a turn (radians), its centre then shifted within the frame (half sides)."""
        angle = self.angle + turn
        c, s = angle.cos(), angle.sin()
        return Pose(angle, self.x + c * x - s * y, self.y + s * x + c * y)


class Frame(NamedTuple):
    """Where normal parts lie."""

    template: Tensor
    """Mean local contrast of normal pictures in the frame, `[1, 64, 64]`."""
    centre: Tensor
    """Of the parts, from their centre of mass, along their axis and across it, in half sides, `[2]`."""


def fit_frame(pictures: Tensor) -> Frame | None:
    """The frame in which normal pictures `[n, C, H, W]` are alike; none if turning and shifting them does not make them so.

    Of two starts, as they are and by their moments, the better is taken; a quarter of the pictures, held out, decides.
    """
    small = shrunk(pictures[:: max(1, len(pictures) // _MOST)])
    held = max(1, len(small) // 4)
    learned, tested = small[:-held] if len(small) > held else small, small[-held:]
    found = [_fitted(learned, start) for start in (_still(learned), _centred(learned, _by_moments(learned)))]
    spread = [_spread(placed(tested, find(tested, frame))) for frame in found]
    best = min(range(2), key=spread.__getitem__)
    return found[best] if spread[best] < _PAYS * _spread(tested) else None


def find(pictures: Tensor, frame: Frame) -> Pose:
    """The pose of each of `[B, C, H, W]`."""
    small = shrunk(pictures)
    still, mass = _still(small)[0], _by_moments(small)
    centred = mass.moved(0.0, *frame.centre)
    told = contrast(small)
    pose = _best(told, [still, centred, mass.moved(math.pi, *frame.centre)], frame.template)
    for turns in _TURNS:
        pose = _best(told, _turned(pose, turns), frame.template)
    return pose


def placed(pictures: Tensor, pose: Pose) -> Tensor:
    """Pictures `[B, C, H, W]` turned and shifted into the frame; what lies outside is as the nearest edge."""
    return _sampled(pictures, pose.matrix(), "border")


def put_back(heat: Tensor, pose: Pose) -> Tensor:
    """Heat `[B, H, W]` in the frame, where it was in the picture; what the frame does not show is cold."""
    return _sampled(heat[:, None], pose.inverse(), "zeros")[:, 0]


def shrunk(pictures: Tensor) -> Tensor:
    """Pictures as poses are found in them, `[B, C, 64, 64]`."""
    return pictures if pictures.shape[-1] == _SIDE else F.interpolate(pictures, (_SIDE, _SIDE), mode="area")


def _fitted(pictures: Tensor, start: tuple[Pose, Tensor]) -> Frame:
    """A frame from poses to start with, and their template made sharper turn by turn."""
    pose, centre = start
    told = contrast(pictures)
    # By moments a part may lie head to tail.
    poses = [pose, pose.moved(math.pi)] if centre.any() else [pose]
    pose = _best(told, poses, _framed(told, pose).median(0).values)
    for turns in _TURNS:
        pose = _best(told, _turned(pose, turns), _framed(told, pose).mean(0))
    return Frame(_framed(told, pose).mean(0), centre)


def _still(pictures: Tensor) -> tuple[Pose, Tensor]:
    zero = pictures.new_zeros(len(pictures))
    return Pose(zero, zero, zero), pictures.new_zeros(2)


def _by_moments(pictures: Tensor) -> Pose:
    """Poses by the axis and the centre of mass of what differs from the border, the longer tail to the right."""
    weight = foreground(pictures)
    grid = _grid(weight)
    total = weight.sum((1, 2)).clamp_min(1)
    x, y = (weight.sum(1) * grid).sum(1) / total, (weight.sum(2) * grid).sum(1) / total
    across, down = grid[None, None] - x[:, None, None], grid[None, :, None] - y[:, None, None]
    xx, yy, xy = ((weight * a * b).sum((1, 2)) / total for a, b in ((across, across), (down, down), (across, down)))
    angle = torch.atan2(2 * xy, xx - yy) / 2
    along = across * angle.cos()[:, None, None] + down * angle.sin()[:, None, None]
    skew = (weight * along**3).sum((1, 2))
    return Pose(torch.where(skew < 0, angle + math.pi, angle), x, y)


def _centred(pictures: Tensor, pose: Pose) -> tuple[Pose, Tensor]:
    """Poses so shifted that what most pictures have in the foreground lies in the middle, and by how much."""
    mean = foreground(placed(pictures, pose)).mean(0)
    grid = _grid(mean)
    sides = [grid[mean.amax(axis) > 0.25 * mean.max().clamp_min(_LEAST)] for axis in (0, 1)]
    centre = torch.stack([(side.amin() + side.amax()) / 2 for side in sides])
    return pose.moved(0.0, *centre), centre


def _grid(like: Tensor) -> Tensor:
    """Where pixels lie along a side, from -1 to 1."""
    return (torch.arange(_SIDE, dtype=like.dtype, device=like.device) + 0.5) / _SIDE * 2 - 1


def foreground(pictures: Tensor) -> Tensor:
    """1 where a picture differs from the colour of its border, `[B, 64, 64]`; the threshold is Otsu's (1979)."""
    k = _SIDE // 32
    border = torch.cat([pictures[..., :k, :], pictures[..., -k:, :]], -2).flatten(2)
    sides = torch.cat([pictures[..., :k], pictures[..., -k:]], -1).flatten(2)
    usual = torch.cat([border, sides], -1).median(-1).values[..., None, None]
    apart = F.avg_pool2d((pictures - usual).abs().amax(1, keepdim=True), 3, 1, 1)[:, 0]
    return (apart > _otsu(apart)[:, None, None]).to(apart)


def _otsu(values: Tensor, bins: int = 64) -> Tensor:
    """The threshold `[B]` that parts values `[B, H, W]` into two classes most unlike each other."""
    top = values.flatten(1).amax(1).clamp_min(_LEAST)
    which = (values.flatten(1) / top[:, None] * bins).long().clamp(0, bins - 1)
    share = values.new_zeros(len(values), bins).scatter_add_(1, which, torch.ones_like(which).to(values)) / which.shape[1]
    below = share.cumsum(1)
    mass = (share * (torch.arange(bins, dtype=values.dtype, device=values.device) + 0.5)).cumsum(1)
    between = (mass[:, -1:] * below - mass).square() / (below * (1 - below)).clamp_min(1e-6)
    return (between[:, :-1].argmax(1) + 1) * top / bins


def contrast(pictures: Tensor) -> Tensor:
    """Brightness less its mean nearby, of unit deviation, `[B, 1, H, W]`."""
    grey = pictures.mean(1, keepdim=True)
    apart = grey - F.avg_pool2d(grey, _NEAR, 1, _NEAR // 2, count_include_pad=False)
    return apart / apart.flatten(1).std(1)[:, None, None, None].clamp_min(_LEAST)


def _turned(pose: Pose, degrees: Sequence[float]) -> list[Pose]:
    return [pose.moved(math.radians(each)) for each in degrees]


def _framed(told: Tensor, pose: Pose) -> Tensor:
    """Contrasts `[B, 1, 64, 64]` in the frame; outside of a picture there are none."""
    return _sampled(told, pose.matrix(), "zeros")


def _best(told: Tensor, poses: Sequence[Pose], template: Tensor) -> Pose:
    """Of several poses of each contrast `[B, 1, 64, 64]`, each shifted to fit, the one that correlates best with the template."""
    fits = [_shift(_framed(told, pose), template) for pose in poses]
    which = torch.stack([fit for fit, _, _ in fits]).argmax(0)
    shifted = [pose.moved(0.0, x, y) for pose, (_, x, y) in zip(poses, fits, strict=True)]
    each = torch.arange(len(told), device=which.device)
    return Pose(*(torch.stack(values)[which, each] for values in zip(*shifted, strict=True)))


def _shift(pictures: Tensor, template: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Correlation with the template at the best shift, and that shift along x and y in half sides, each `[B]`; by Fourier transform."""
    side = pictures.shape[-1]
    spectrum = torch.fft.rfft2(pictures) * torch.fft.rfft2(template).conj()
    correlation = torch.fft.irfft2(spectrum, s=pictures.shape[-2:]).sum(1)
    step = torch.arange(side, device=pictures.device)
    near = (step <= _REACH) | (step >= side - _REACH)
    allowed = correlation.masked_fill(~(near[:, None] & near), -torch.inf)
    fit, place = allowed.flatten(1).max(1)
    row, column = place // side, place % side
    each = torch.arange(len(pictures), device=pictures.device)

    def between(before: Tensor, after: Tensor) -> Tensor:
        """How far the peak of a parabola through three neighbours lies from the middle one."""
        bend = before - 2 * fit + after
        return torch.where(bend < -_LEAST, (before - after) / (2 * bend.clamp_max(-_LEAST)), 0.0).clamp(-0.5, 0.5)

    down = between(correlation[each, (row - 1) % side, column], correlation[each, (row + 1) % side, column])
    along = between(correlation[each, row, (column - 1) % side], correlation[each, row, (column + 1) % side])
    x, y = (torch.where(at > side // 2, at - side, at) + rest for at, rest in ((column, along), (row, down)))
    return fit, 2 * x / side, 2 * y / side


def _spread(pictures: Tensor) -> float:
    """Mean variance at a place."""
    return float(F.adaptive_avg_pool2d(pictures, _COARSE).var(0, correction=0).mean())


def _sampled(x: Tensor, matrix: Tensor, outside: str) -> Tensor:
    grid = F.affine_grid(matrix, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode=outside, align_corners=False)
