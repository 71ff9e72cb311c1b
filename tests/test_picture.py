"""How pictures become planes, and their residuals statistics."""

from __future__ import annotations

import pytest
import torch
from torch import Generator, Tensor
from torch.testing import assert_close

from models.normalise import fit_normal, place_mean, standardise, unsplit
from models.pooling.picture import PicturePooling, worst
from models.pooling.whiten import whitener_by_place
from models.representation.image import RECIPE, ImageRepresentation, ImageSettings

POOLING = PicturePooling()


def seeded(seed: int) -> Generator:
    """A generator of its own."""
    return Generator().manual_seed(seed)


def residual(count: int = 4, side: int = 64) -> Tensor:
    """Residuals `[count, 3, 3, side, side]` of nothing but noise."""
    return torch.randn(count, 3, 3, side, side, generator=seeded(0))


def frames(count: int = 4, side: int = 32) -> Tensor:
    """Windows of random frames `[count, 1, side, side, 3]`."""
    return torch.randint(40, 200, (count, 1, side, side, 3), generator=seeded(1), dtype=torch.uint8)


@pytest.fixture
def sense() -> ImageRepresentation:
    """Pictures of 32 pixels a side."""
    return ImageRepresentation(ImageSettings(side=32))


def test_light_and_contrast_do_not_count(sense: ImageRepresentation) -> None:
    """A darker frame of half the contrast has the same planes; every frame's have mean 0 and mean square 1."""
    bright = frames()
    dark = (bright.float() * 0.5 + 10).round().to(torch.uint8)
    planes = sense.look(bright).planes
    assert_close(planes, sense.look(dark).planes, rtol=0, atol=0.05)
    assert_close(planes.mean((1, 2, 3)) * 0, torch.zeros(4))
    assert_close(planes.square().mean((1, 2, 3)), torch.ones(4), rtol=1e-3, atol=0)


def test_grey_has_no_colour(sense: ImageRepresentation) -> None:
    """Of a grey frame the planes of colour are nothing, and one colour more shows in them."""
    grey = frames()[..., :1].expand(-1, -1, -1, -1, 3)
    assert_close(sense.look(grey).planes[:, 1:], torch.zeros(4, 2, 32, 32), rtol=0, atol=1e-4)
    red = grey.clone()
    red[..., 0] = red[..., 0] // 2
    assert sense.look(red).planes[:, 1:].abs().mean() > 0.1


def test_a_difference_of_planes_is_made_visible(sense: ImageRepresentation) -> None:
    """What two frames of one light differ by comes back in colours, to what the one is in that of the other."""
    items = frames(1)
    look = sense.look(items)
    visible = sense.visible(items)
    mean = visible.mean((1, 2, 3), keepdim=True)
    assert_close(sense.visibly(look.planes, look), visible - mean, rtol=0, atol=1e-4)


def test_levels_and_boxes(sense: ImageRepresentation) -> None:
    """White is at 0 dB, black at the least; rows and columns are a box in shares of the picture."""
    white, black = torch.full((1, 1, 32, 32, 3), 255, dtype=torch.uint8), torch.zeros(1, 1, 32, 32, 3, dtype=torch.uint8)
    assert_close(sense.level_db(torch.cat([white, black])), torch.tensor([0.0, -48.13]), rtol=0, atol=0.01)
    assert {"x": 0.25, "y": 0.5, "width": 0.25, "height": 0.125} == sense.place((16, 20), (8, 16))
    assert (0, 1) == sense.span((3, 5))


def test_a_mean_of_its_own_only_where_that_pays() -> None:
    """Parts that lie alike have a mean picture; a surface that is different every time has one brightness."""
    part = torch.zeros(3, 8, 8)
    part[:, 2:5, 2:5] = 3.0
    noise = torch.randn(40, 3, 8, 8, generator=seeded(2))
    assert_close(place_mean(part + 0.1 * noise), part, rtol=0, atol=0.1)
    assert place_mean(noise).std((1, 2)).max() < 1e-6


def test_planes_come_back_from_two_levels() -> None:
    """What the network works on, put together again, is the planes about their mean; its sub-bands have unit deviation."""
    planes = torch.randn(20, 3, 16, 16, generator=seeded(3)).cumsum(-1)
    normal = fit_normal(planes, RECIPE)
    x = standardise(planes, normal)
    assert (20, 48, 4, 4) == x.shape
    assert_close(x.std((0, 2, 3), correction=0), torch.ones(48), rtol=1e-3, atol=0)
    assert_close(unsplit(x[:, None], normal)[:, 0], (planes - normal.mean) / normal.deviation, rtol=1e-3, atol=1e-3)


def test_the_worst_spot_is_seen_and_a_rough_picture_half_forgiven() -> None:
    """A spot of 8 pixels at ten times the usual stands out at every level; ten times everywhere is less than that."""
    usual = torch.ones(3, 3, 1, 1)
    quiet = residual(1)
    spot, rough = quiet.clone(), 10 * quiet
    spot[..., 16:24, 24:32] *= 10
    base, one, all_over = (POOLING.excess(POOLING.cells(each), usual)[0] for each in (quiet, spot, rough))
    assert float((one - base).min()) > 3
    assert float((all_over - base).max()) < float((one - base).min())
    assert_close(all_over - base, torch.full((3,), 100.0).log() / 2, rtol=0.05, atol=0)


def test_heat_lies_on_the_spot() -> None:
    """The hottest pixel is within the spot, and far from it is hardly any heat."""
    cells = residual(1)
    cells[..., 16:24, 24:32] *= 10
    heat = POOLING.heat(POOLING.cells(cells), torch.ones(3, 3, 1, 1))[0]
    row, column = divmod(int(heat.argmax()), 64)
    assert (64, 64) == heat.shape
    assert 14 <= row < 26
    assert 22 <= column < 34
    assert heat[16:24, 24:32].mean() > 20 * heat[40:, 40:].mean()


def test_signs_are_kept_in_courses() -> None:
    """Brighter and darker by as much are as far from nothing to either side; noise alone comes to nearly nothing."""
    bright = residual(2)
    bright[:, :, 0, 8:16, 8:16] += 2
    told = POOLING.courses(bright)
    assert (2, 3, 64, 3) == told.shape
    assert_close(told[:, :, 9, 0], torch.full((2, 3), 2.0), rtol=0, atol=0.5)
    assert_close(POOLING.courses(-bright), -told)


def test_the_worst_of_few_is_the_largest() -> None:
    """Of so few places that their share is less than one, it is one."""
    assert_close(worst(torch.tensor([1.0, 1.0, 1.0, 9.0])), torch.tensor(9.0 / (6.6 + 0.01) ** 0.5), rtol=1e-3, atol=0)


def test_places_are_white_by_their_own() -> None:
    """Where places differ, each is whitened about its own mean; where they do not, all are by the same."""
    noise = torch.randn(300, 16, 4, generator=seeded(4)) * torch.tensor([1.0, 2.0, 3.0, 4.0])
    for apart in (0.0, 5.0):
        mean, matrix = whitener_by_place(noise + apart * torch.arange(16)[:, None])
        assert ((16, 4), (16, 4, 4)) == (tuple(mean.shape), tuple(matrix.shape))
        white = torch.einsum("tkl,ntl->ntk", matrix, noise + apart * torch.arange(16)[:, None] - mean)
        assert_close(white.square().mean(), torch.tensor(1.0), rtol=0.05, atol=0)
    _, alike = whitener_by_place(noise)
    assert_close(alike, alike[:1].expand_as(alike))
