"""How pictures become planes, and their residuals statistics."""

from __future__ import annotations

import pytest
import torch
from torch import Generator, Tensor
from torch.testing import assert_close

from models.normalise import fit_normal, standardise, unsplit
from models.pooling.picture import PicturePooling, worst
from models.recipe import Observed, Sizes
from models.representation.image import RECIPE, ImageRepresentation, ImageSettings
from models.unet import Encoded

POOLING = PicturePooling()


def observed(residual: Tensor, seen: Encoded) -> Observed:
    """What is kept of residuals and features; of the pictures themselves nothing is."""
    return POOLING.observe(lambda: residual[:, 0], residual, seen)


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


def test_planes_come_back_from_two_levels() -> None:
    """What the network works on, put together again, is the planes about their mean; its sub-bands have unit deviation."""
    planes = torch.randn(20, 3, 16, 16, generator=seeded(3)).cumsum(-1)
    normal = fit_normal(planes, RECIPE)
    x = standardise(planes, normal)
    assert (20, 48, 4, 4) == x.shape
    assert_close(x.std((0, 2, 3), correction=0), torch.ones(48), rtol=1e-3, atol=0)
    assert_close(unsplit(x[:, None], normal)[:, 0], (planes - normal.mean) / normal.deviation, rtol=1e-3, atol=1e-3)


@pytest.fixture(scope="module")
def normal() -> Observed:
    """What is kept of 60 pictures of noise, rough and smooth, and of features of noise."""
    rough = torch.linspace(0.7, 1.4, 60)[torch.randperm(60, generator=seeded(5))].view(60, 1, 1, 1, 1)
    return observed(rough * residual(60), features(60, seed=6))


@pytest.fixture(scope="module")
def sizes(normal: Observed) -> Sizes:
    """How large they are."""
    return POOLING.fit(normal)


def features(count: int, seed: int) -> Encoded:
    """Features of pictures of 64 pixels, as two Haar levels leave them; each place has a mean of its own."""
    return Encoded(*(torch.randn(count, k, n, n, generator=seeded(seed)) + torch.arange(n) for k, n in ((4, 16), (6, 8), (8, 4))))


def told(residual: Tensor, sizes: Sizes, seed: int = 7) -> Tensor:
    """Statistics `[n, 18]` of residuals."""
    return POOLING.statistics(observed(residual, features(len(residual), seed)), sizes)


def test_the_worst_spot_is_seen_and_a_rough_picture_forgiven(sizes: Sizes) -> None:
    """A spot of 8 pixels at six times the usual stands out by energy; a picture as rough as normal ever is does not."""
    spot, rough = residual(), 1.35 * residual()
    spot[..., 16:24, 24:32] *= 6
    base, one, all_over = (told(each, sizes)[:, :6].mean(0) for each in (residual(), spot, rough))
    assert float((one - base).min()) > 1
    assert float((all_over - base).max()) < 0.4


def test_what_is_rougher_than_normal_ever_is_is_not_forgiven(sizes: Sizes) -> None:
    """Three times as rough everywhere is strange by energy, and untypical."""
    base, rough = told(residual(), sizes).mean(0), told(3 * residual(), sizes).mean(0)
    assert float((rough - base)[:6].min()) > 1
    assert float((rough - base)[-1]) > 1


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize(("side", "which"), [(8, 6), (16, 9), (32, 12)])
def test_a_faint_stain_is_seen_at_its_size(sizes: Sizes, side: int, which: int, sign: int) -> None:
    """Darker or brighter by less than the noise: its own size shows it, at every level, more than a size four times smaller."""
    stained = residual()
    stained[:, :, 0, 32 : 32 + side, 32 : 32 + side] += sign * 8 / side
    rise = (told(stained, sizes) - told(residual(), sizes)).mean(0)
    assert float(rise[which : which + 3].min()) > 0.5
    if side == 32:
        assert float(rise[which : which + 3].mean()) > float(rise[6:9].mean())


def test_features_that_are_unlike_their_place_are_strange(sizes: Sizes) -> None:
    """Features of other places are strange where they are, though they are usual elsewhere."""
    moved = Encoded(*(each.flip(-1) for each in features(4, seed=7)))
    usual, unusual = (POOLING.statistics(observed(residual(), each), sizes) for each in (features(4, seed=7), moved))
    assert float((unusual - usual)[:, 15:17].min()) > 1
    assert torch.equal(usual[:, :15], unusual[:, :15])


def test_each_picture_may_have_sizes_of_its_own(normal: Observed, sizes: Sizes) -> None:
    """Statistics and heat are the same by sizes for all as by the same sizes for each, beside others."""
    others = {name: 2 * each + 1 for name, each in sizes.items()}
    mixed = {name: torch.stack([each, others[name], each]) for name, each in sizes.items()}
    few = {name: each[:3] for name, each in normal.items()}
    for judge in (POOLING.statistics, POOLING.heat):
        assert_close(judge(few, mixed)[[0, 2]], judge(few, sizes)[[0, 2]], rtol=1e-4, atol=1e-4)


def test_heat_lies_on_the_spot(normal: Observed, sizes: Sizes) -> None:
    """On normal it is about 1; the hottest pixel is within the spot, and far from it is hardly more than usual."""
    assert_close(POOLING.heat(normal, sizes).mean(), torch.tensor(1.0), rtol=0.1, atol=0)
    spot = residual()
    spot[..., 16:24, 24:32] += 3
    heat = POOLING.heat(observed(spot, features(4, seed=7)), sizes)[0]
    row, column = divmod(int(heat.argmax()), 64)
    assert (64, 64) == heat.shape
    assert 14 <= row < 26
    assert 22 <= column < 34
    assert heat[16:24, 24:32].mean() > 10 * heat[40:, 40:].mean()


def test_the_worst_of_few_is_the_largest() -> None:
    """Of so few places that their share is less than one, it is one; the level is the median."""
    found, level = worst([torch.tensor([[[[1.0, 2.0], [3.0, 9.0]]]])])
    assert_close(found, torch.tensor([[9.0]]).log())
    assert_close(level, torch.tensor([[2.0]]).log())


@pytest.mark.parametrize("count", [1, 2, 5])
def test_sizes_of_few_pictures_are_finite(count: int) -> None:
    """Even one picture, or pictures of nothing, have sizes by which statistics are finite."""
    for planes in (residual(count), torch.zeros(count, 3, 3, 64, 64)):
        sizes = POOLING.fit(observed(planes, features(count, seed=8)))
        assert all(each.isfinite().all() for each in sizes.values())
        assert told(residual(), sizes).isfinite().all()
