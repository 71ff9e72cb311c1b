"""A sheet of what the base network is trained on: spectrograms of two of each kind of sound alone, and of whole scenes.

python -m tests.bench.scenes sheet.png
"""

from __future__ import annotations

from pathlib import Path

import click
import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from monitor.synth.scene import KINDS, Scene
from monitor.synth.wave import RATE_HZ, Floats

SECONDS = 6.0
EACH = 2
SCENES = 8
RANGE_DB = 60.0


def drawn(axes: Axes, sound: Floats, title: str) -> None:
    """One spectrogram, brightest at its own loudest, `[n]`."""
    _, _, _, image = axes.specgram(sound + 1e-9, NFFT=1024, noverlap=768, Fs=RATE_HZ, cmap="magma")
    top = float(np.max(image.get_array()))
    image.set_clim(top - RANGE_DB, top)
    axes.set_title(title, fontsize=7, pad=2)
    axes.set_yscale("symlog", linthresh=500)
    axes.set_ylim(30, RATE_HZ / 2)
    axes.tick_params(labelsize=5)


@click.command()
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
def main(out: Path, seed: int) -> None:
    """Writes the sheet."""
    mpl.use("agg")
    n = round(SECONDS * RATE_HZ)
    alone = [
        (f"{name} {i}", make(np.random.default_rng([seed, i]))(n, np.random.default_rng([seed, 100 + i])))
        for name, make in KINDS.items()
        for i in range(EACH)
    ]
    scenes = [(Scene.drawn(seed + i), i) for i in range(SCENES)]
    whole = [(" + ".join(each for each, _, _ in scene.sources), scene.sound(SECONDS, seed=seed + i)[:, 0]) for scene, i in scenes]
    shown = [*alone, *whole]
    columns = 6
    figure = Figure(figsize=(16, 2.1 * -(-len(shown) // columns)), dpi=110, layout="constrained")
    for axes, (title, sound) in zip(figure.subplots(-(-len(shown) // columns), columns).flat, shown, strict=True):
        drawn(axes, sound, title)
    figure.savefig(out)
    click.echo(f"{out}: {len(shown)} spectrograms")


if __name__ == "__main__":
    main()
