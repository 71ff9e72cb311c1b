"""What of a picture is looked at: crop, masks, size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import SourceError
from monitor.source.view import GREY, LEAST_PX, Picture, View

sizes = st.integers(LEAST_PX, 70)
seeds = st.integers(0, 2**32 - 1)


def drawn(width: int, height: int, seed: int) -> Picture:
    """A picture of noise."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def shares(length: int, side: int) -> np.ndarray:
    """Share `[side, length]` of each pixel in the area of each new one: the slow, obvious mean of an area."""
    edges = np.arange(side + 1) * length / side
    pixel = np.arange(length)
    overlap = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    return overlap.clip(0) / (length / side)


@st.composite
def crops(draw: st.DrawFn) -> tuple[int, int, tuple[int, int, int, int]]:
    """Width and height of a picture, and a crop of it."""
    width, height = draw(sizes), draw(sizes)
    wide, high = draw(st.integers(LEAST_PX, width)), draw(st.integers(LEAST_PX, height))
    return width, height, (draw(st.integers(0, width - wide)), draw(st.integers(0, height - high)), wide, high)


@given(sizes, sizes, st.integers(8, LEAST_PX), seeds)
def test_smaller_is_the_mean_of_the_area(width: int, height: int, side: int, seed: int) -> None:
    """A pixel of a smaller picture is the mean of all that it shows, parts of pixels by their share."""
    picture = drawn(width, height, seed)
    exact = np.einsum("yh,hwc,xw->yxc", shares(height, side), picture.astype(float), shares(width, side))
    assert np.abs(exact - View(side).item(picture)).max() <= 0.51


@given(crops(), st.integers(8, 80), seeds)
def test_crop(given_crop: tuple[int, int, tuple[int, int, int, int]], side: int, seed: int) -> None:
    """A crop shows what the same part, cut out beforehand, would show; and says where that lies."""
    width, height, crop = given_crop
    picture = drawn(width, height, seed)
    left, top, wide, high = crop
    view = View(side, crop)
    assert crop == view.shown(width, height)
    np.testing.assert_array_equal(View(side).item(picture[top : top + high, left : left + wide]), view.item(picture))


@given(crops(), st.integers(8, 80), st.lists(st.tuples(st.integers(-9, 80), st.integers(-9, 80)), min_size=3, max_size=6), seeds)
def test_masks_hide(given_crop: tuple[int, int, tuple[int, int, int, int]], side: int, mask: list[tuple[int, int]], seed: int) -> None:
    """Nothing within a mask changes the item, wherever the crop lies; a mask on all of the picture leaves grey."""
    width, height, crop = given_crop
    picture = drawn(max(width, height), max(width, height), seed)
    hidden = View(len(picture), None, (tuple(mask),)).item(np.zeros_like(picture)) == GREY
    view = View(side, crop, (tuple(mask),))
    np.testing.assert_array_equal(view.item(picture), view.item(np.where(hidden, 255 - picture, picture)))
    everything = ((-1, -1), (80, -1), (80, 80), (-1, 80))
    assert {GREY} == set(View(side, crop, (tuple(mask), everything)).item(picture).ravel())


def test_overlapping_masks() -> None:
    """Where masks overlap, both hold; their edges belong to them; the picture itself stays as it is."""
    square = ((2, 2), (9, 2), (9, 9), (2, 9))
    other = ((5, 5), (12, 5), (12, 12), (5, 12))
    picture = np.zeros((16, 16, 3), np.uint8)
    item = View(16, None, (square, other)).item(picture)
    expected = np.zeros((16, 16), bool)
    expected[2:10, 2:10] = expected[5:13, 5:13] = True
    np.testing.assert_array_equal(expected, (item == GREY).all(-1))
    assert not picture.any()


@given(sizes, sizes, st.integers(1, 200), st.integers(0, 255))
def test_flat_stays_flat(width: int, height: int, side: int, value: int) -> None:
    """A picture of one value is that at any size, larger or smaller in either direction."""
    item = View(side).item(np.full((height, width, 3), value, np.uint8))
    assert (side, side, 3) == item.shape
    assert {value} == set(item.ravel())


def test_as_large_as_asked() -> None:
    """A picture that has the size already is left as it is."""
    picture = drawn(48, 48, 0)
    np.testing.assert_array_equal(picture, View(48).item(picture))


@settings(max_examples=30)
@given(crops(), st.integers(1, 50), st.sampled_from([0, 1, 2, 3]))
def test_crop_beyond(given_crop: tuple[int, int, tuple[int, int, int, int]], by: int, edge: int) -> None:
    """A crop that is not all in the picture is an error that tells both."""
    width, height, (left, top, wide, high) = given_crop
    crop = [(-by, top, wide, high), (left, -by, wide, high), (left, top, width - left + by, high), (left, top, wide, height - top + by)][
        edge
    ]
    with pytest.raises(SourceError, match=rf"{crop[2]} x {crop[3]} pixels at x {crop[0]}, y {crop[1]} .* has {width} x {height}$"):
        View(32, crop).item(drawn(width, height, 0))


@pytest.mark.parametrize("size", [(1, 1), (15, 400), (400, 15)])
def test_too_small(size: tuple[int, int]) -> None:
    """A picture with a side of less than 16 pixels is refused."""
    with pytest.raises(SourceError, match=f"^{size[0]} x {size[1]} pixels to look at, expected at least 16 x 16$"):
        View(128).shown(*size)
