"""Made anomalies of pictures: a place that looks like another, is another colour, another texture, bent, smeared or scratched.

  python -m tests.bench.made_picture sheet.png      draws a sheet of them, of the demo's conveyor

Where it is, and what is there, are drawn apart: so a scratch may be dark, shiny, bent or of the part's own texture. The cameras' models
learn nothing from them; `made_against_real` asks whether such anomalies tell how real ones are found.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import click
import matplotlib as mpl
import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Generator, Tensor
from torch.nn import functional as F

from models.synthetic.draw import chance, choice, log_uniform, uniform
from monitor.demo.conveyor import STEP_S, Conveyor, Footage

_SIZES = 0.01, 0.3  # half the length of a shape, of the picture's side
_SLENDER = 0.03, 0.4  # half the width of a stroke, of its length; a pixel at least
_LOBES = 5  # of an outline
_GRAINS = 2, 24  # pixels of a texture that is drawn
_LOW = 8  # pixels over which colour follows the surroundings, where only detail is pasted
_FAINTEST = 0.25  # of the full change
_ROWS, _COLUMNS = 2, 6  # of the sheet


class Strange(NamedTuple):
    """Pictures with an anomaly in each."""

    pictures: Tensor
    """`[B, 3, H, W]` in [0, 1]."""
    mask: Tensor
    """How much of each pixel is strange, `[B, H, W]` in [0, 1]."""


def made(pictures: Tensor, generator: Generator) -> Strange:
    """Anomalies of normal pictures `[B, 3, H, W]` in [0, 1] of one stream, each of a shape and a kind that are drawn."""
    count = len(pictures)
    mask = shapes(count, pictures.shape[-1], generator)
    kind = choice(generator, [*KINDS.values()], count)
    strange = pictures.clone()
    for i, make in enumerate(KINDS):
        mine = kind == i
        if mine.any():
            strange[mine] = make(pictures[mine], pictures, mask[mine], generator)
    shown = (mask * log_uniform(generator, _FAINTEST, 1, count)[:, None, None])[:, None]
    return Strange(pictures.lerp(strange, shown).clamp(0, 1), mask)


def shapes(count: int, side: int, generator: Generator) -> Tensor:
    """Blots, strokes and clusters, soft or sharp at the edge, `[count, side, side]` in [0, 1]; each has its middle in the picture."""
    at = (torch.arange(side) + 0.5) / side
    down, along = (at[None] - uniform(generator, 0.05, 0.95, count, 1) for _ in range(2))
    angle = uniform(generator, 0, 2 * torch.pi, count, 1, 1)
    x = along[:, None] * angle.cos() + down[:, :, None] * angle.sin()
    y = down[:, :, None] * angle.cos() - along[:, None] * angle.sin()
    size = log_uniform(generator, *_SIZES, count, 1, 1)
    kind = choice(generator, (4, 4, 2), count)
    every = torch.stack([blots(x, y, size, generator), strokes(x, y, size, generator), clusters(x, y, size, generator)])
    inside = every[kind, torch.arange(count)]  # shares of the side, how far from the edge
    soft = log_uniform(generator, 0.5, 6, count, 1, 1) / side
    return (inside / soft + 0.5).clamp(0, 1)


def blots(x: Tensor, y: Tensor, size: Tensor, generator: Generator) -> Tensor:
    """Distance to the edge, more than 0 inside, of ovals with an uneven outline."""
    flat = log_uniform(generator, 1, 3, len(x), 1, 1)
    turn, radius = torch.atan2(y * flat, x), torch.sqrt(x.square() + (y * flat).square())
    outline = torch.ones_like(radius)
    for k in range(1, _LOBES + 1):
        outline += uniform(generator, 0, 0.5 / k, len(x), 1, 1) * torch.cos(k * turn + uniform(generator, 0, 2 * torch.pi, len(x), 1, 1))
    return (size * outline.clamp_min(0.2) - radius) / flat


def strokes(x: Tensor, y: Tensor, size: Tensor, generator: Generator) -> Tensor:
    """The same of lines, bent and of uneven width."""
    length = (3 * size).clamp_max(0.4)
    t = x / length
    bend = uniform(generator, -0.6, 0.6, len(x), 1, 1) * t.square()
    waver = uniform(generator, 0, 0.1, len(x), 1, 1) * torch.sin(uniform(generator, 1, 6, len(x), 1, 1) * t)
    half = (log_uniform(generator, *_SLENDER, len(x), 1, 1) * size).clamp_min(0.5 / x.shape[-1])
    thick = half * (1 + 0.5 * torch.sin(uniform(generator, 2, 20, len(x), 1, 1) * t))
    return torch.minimum(thick - (y - length * (bend + waver)).abs(), length - x.abs())


def clusters(x: Tensor, y: Tensor, size: Tensor, generator: Generator) -> Tensor:
    """The same of spots that lie together."""
    side = x.shape[-1]
    rough = smooth(torch.randn(len(x), 1, side, side, generator=generator), generator)[:, 0]
    within = 1 - (x.square() + y.square()).sqrt() / size
    return size * torch.minimum(within, rough - uniform(generator, 0, 1, len(x), 1, 1)) / 2


def pasted(mine: Tensor, normal: Tensor, mask: Tensor, generator: Generator) -> Tensor:
    """Another place of another normal picture."""
    return elsewhere(mine, normal, generator)


def grafted(mine: Tensor, normal: Tensor, mask: Tensor, generator: Generator) -> Tensor:
    """Only the detail of one: its colour follows what is around, as blending in the gradient domain would have it (Perez et al. 2003)."""
    other = elsewhere(mine, normal, generator)
    return low(mine) + other - low(other)


def tinted(mine: Tensor, normal: Tensor, mask: Tensor, generator: Generator) -> Tensor:
    """Darker, brighter or of another colour, its detail kept or not."""
    shade = uniform(generator, -0.5, 0.5, len(mine), 1, 1, 1)
    colour = uniform(generator, -0.2, 0.2, len(mine), 3, 1, 1) * chance(generator, 0.3, len(mine), 1, 1, 1)
    flat = mine.lerp(low(mine), uniform(generator, 0, 1, len(mine), 1, 1, 1))
    return flat + shade + colour


def textured(mine: Tensor, normal: Tensor, mask: Tensor, generator: Generator) -> Tensor:
    """Noise of the picture's own contrast, fine or coarse, grey or coloured, instead of its detail or on it."""
    grey = torch.randn(len(mine), 1, *mine.shape[2:], generator=generator).expand(-1, 3, -1, -1)
    coloured = torch.randn(mine.shape, generator=generator)
    noise = smooth(torch.where(chance(generator, 0.7, len(mine), 1, 1, 1), grey, coloured), generator)
    contrast = mine.std((1, 2, 3), keepdim=True)
    kept = mine.lerp(low(mine), uniform(generator, 0, 1, len(mine), 1, 1, 1))
    return kept + log_uniform(generator, 0.2, 2, len(mine), 1, 1, 1) * contrast * noise


def bent(mine: Tensor, normal: Tensor, mask: Tensor, generator: Generator) -> Tensor:
    """Moved by some pixels, as much as its middle is inside."""
    side = mine.shape[-1]
    by = log_uniform(generator, 2, 24, len(mine), 1) * torch.nn.functional.normalize(torch.randn(len(mine), 2, generator=generator), dim=1)
    near = low(mask[:, None])[:, 0]
    at = (torch.arange(side) + 0.5) * 2 / side - 1
    grid = torch.stack(torch.meshgrid(at, at, indexing="xy"), -1)
    return F.grid_sample(mine, grid + near[..., None] * by[:, None, None] * 2 / side, padding_mode="border", align_corners=False)


def smeared(mine: Tensor, normal: Tensor, mask: Tensor, generator: Generator) -> Tensor:
    """Without its detail, or with too much of it."""
    return low(mine).lerp(mine, torch.where(chance(generator, 0.7, len(mine), 1, 1, 1), 0.0, 2.5))


KINDS: dict[Callable[[Tensor, Tensor, Tensor, Generator], Tensor], int] = {
    pasted: 3,
    grafted: 3,
    tinted: 4,
    textured: 3,
    bent: 3,
    smeared: 2,
}
"""Each with how often it is drawn, of eighteen."""


def elsewhere(mine: Tensor, normal: Tensor, generator: Generator) -> Tensor:
    """Other normal pictures, shifted and turned by quarters, `[B, 3, H, W]`."""
    found = normal[torch.randint(len(normal), (len(mine),), generator=generator)]
    moved = []
    for picture in found:
        down, along, turns, flip = (int(torch.randint(n, (1,), generator=generator)) for n in (*picture.shape[1:], 4, 2))
        turned = torch.rot90(picture, turns, (1, 2))
        moved.append((turned.flip(2) if flip else turned).roll((down, along), (1, 2)))
    return torch.stack(moved)


def low(pictures: Tensor) -> Tensor:
    """Means over some pixels around each."""
    return F.avg_pool2d(pictures, 2 * _LOW + 1, 1, _LOW, count_include_pad=False)


def smooth(noise: Tensor, generator: Generator) -> Tensor:
    """Noise `[B, C, H, W]` of grains of a size that is drawn, of unit deviation."""
    side = noise.shape[-1]
    grain = log_uniform(generator, *_GRAINS, len(noise), 1, 1, 1)
    hz = torch.fft.fftfreq(side)[:, None].square() + torch.fft.rfftfreq(side)[None].square()
    spectrum = (-hz * grain.square() * 4).exp()
    rough = torch.fft.irfft2(torch.fft.rfft2(noise) * spectrum, s=noise.shape[2:])
    return rough / rough.std((2, 3), keepdim=True).clamp_min(1e-6)


@click.command()
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
def main(out: Path, seed: int) -> None:
    """Draws a sheet: pairs of a picture with an anomaly, and where that is."""
    mpl.use("agg")
    footage = Footage(Conveyor.drawn(seed), seed=seed)
    seen = np.stack([footage.frame(STEP_S * (i + 0.5)) for i in range(_ROWS * _COLUMNS)])
    strange = made(torch.from_numpy(seen).permute(0, 3, 1, 2) / 255, Generator().manual_seed(seed))
    figure = Figure(figsize=(2.2 * _COLUMNS, 2.2 * 2 * _ROWS), dpi=80, layout="constrained")
    axes = figure.subplots(2 * _ROWS, _COLUMNS).reshape(_ROWS, 2, _COLUMNS).swapaxes(1, 2).reshape(-1, 2)
    for (above, below), picture, mask in zip(axes, strange.pictures, strange.mask, strict=True):
        above.imshow(picture.permute(1, 2, 0))
        below.imshow(mask, cmap="magma", vmin=0, vmax=1)
        above.set_axis_off()
        below.set_axis_off()
    figure.savefig(out)
    click.echo(f"{out}: {len(seen)} pictures")


if __name__ == "__main__":
    main()
