"""A sheet of the anomalies that a discriminator learns from, made of the normal of four scenes; what was changed is outlined.

python -m tests.bench.anomalies sheet.png
"""

from __future__ import annotations

from pathlib import Path

import click
import matplotlib as mpl
import torch
from matplotlib.figure import Figure
from torch import Generator, Tensor

from models.examples import changed
from models.representation.audio import AudioRepresentation, AudioSettings
from models.synthetic.sound import KINDS
from monitor.learn.corpus import windows
from monitor.synth.scene import Scene

SECONDS = 24.0
SCENES = 4
EACH = {"added": 4, "moved": 2, "changed": 2, "stuck": 1}
"""Of every kind, a row."""
SPAN = 0.01, 0.995
"""Quantiles of a row's normal from black to white."""


def normal_of(seed: int, sense: AudioRepresentation) -> Tensor:
    """Windows `[n, length]` of one scene."""
    return windows(Scene.drawn(seed).sound(SECONDS, seed=seed), sense, sense.hop)[..., 0]


def made_of(normal: Tensor, rate_hz: float, generator: Generator) -> list[tuple[str, int, Tensor]]:
    """The kind, the window and what was made of it `[length]`."""
    found, used = [], 0
    for make in KINDS:
        for strange in make(normal, rate_hz, generator)[used : used + EACH[make.__name__]]:
            found.append((make.__name__, used, strange))
            used += 1
    return found


@click.command()
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--seed", type=click.IntRange(0), default=2, show_default=True)
def main(out: Path, seed: int) -> None:
    """Writes the sheet."""
    mpl.use("agg")
    sense, generator = AudioRepresentation(AudioSettings()), Generator().manual_seed(seed)
    columns = 1 + sum(EACH.values())
    figure = Figure(figsize=(1.6 * columns, 2.2 * SCENES), dpi=110, layout="constrained")
    for row, line in enumerate(figure.subplots(SCENES, columns)):
        normal = normal_of(seed + row, sense)
        before = sense.planes(normal[..., None])
        low, high = torch.quantile(before[:, 0], torch.tensor(SPAN)).tolist()
        shown = [("normal", 0, normal[0]), *made_of(normal, sense.rate_hz, generator)]
        for axes, (kind, i, strange) in zip(line, shown, strict=True):
            after = sense.planes(strange[None, :, None])
            axes.imshow(after[0, 0], origin="lower", aspect="auto", cmap="magma", vmin=low, vmax=high + 2)
            mask = changed(after, before[i : i + 1])[0]
            if mask.any():
                axes.contour(mask, levels=[0.5], colors="cyan", linewidths=0.6)
            axes.set_title(kind, fontsize=9)
            axes.set_xticks([])
            axes.set_yticks([])
        line[0].set_ylabel(" + ".join(name for name, _, _ in Scene.drawn(seed + row).sources), fontsize=6)
    figure.supxlabel(
        "2 s each, low sounds at the bottom; outlined: what is half as strong again as before, or weaker by as much", fontsize=9
    )
    figure.savefig(out)
    click.echo(f"{out}: {SCENES * columns} windows")


if __name__ == "__main__":
    main()
