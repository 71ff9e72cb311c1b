"""The spine, drawn: what passes from source to sink, of one event of the demo. `make pictures` writes it to docs/spine.png.

python -m tests.bench.spine diffmon-demo docs/spine.png
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle
from numpy.typing import NDArray

from models.representation.audio import AudioRepresentation
from monitor.config import load
from monitor.engine import Engine, pick_device
from monitor.opened import engines, opened_streams
from monitor.records import Explanation, Window
from monitor.source.sound import SoundFiles

INK, MONITOR, MODELS, ALARM = "#1f2933", "#e8f0f7", "#fbefd9", "#c0392b"
STEPS = ("source", "ring", "window", "representation", "reconstructor", "score", "event", "sink")
WHAT = (
    "samples of a\nmicrophone",
    "the last half minute;\nwhat is lost is counted",
    "2.1 s without a gap,\none every 0.5 s",
    "mel and wavelet planes\nof 64 bands",
    "noised, and taken back:\nwhat normal would be",
    "what does not\ncome back",
    "a decision: rarer\nthan you accept",
    "JSON over MQTT,\nkept until it is received",
)
OF_MODELS = ("representation", "reconstructor", "score")
EVERY_S = 0.1
"""Between two windows whose scores are drawn."""

Values = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """One strange window of a recording, with what is around it."""

    before: Values
    """Samples `[n]`, the window in the middle third."""
    window: Values
    """Samples `[length]`."""
    explained: Explanation
    scores: Values
    """Of windows `EVERY_S` apart over all of `before`, by their end."""
    level: float
    """The alarm level, as a score."""


def seen(folder: Path) -> Seen:
    """The strangest window of the demo's recording. Raises DiffmonError if the demo was not run there."""
    config = load(folder / "diffmon.toml")
    stream = config.stream[0]
    opened = opened_streams(config)
    judge, sense = engines(opened, pick_device("cpu"))[stream.name], opened[stream.name].representation
    assert isinstance(sense, AudioRepresentation)
    items = SoundFiles(round(sense.rate_hz)).read(folder / "live.wav", start_s=0.0, seconds=600.0)
    coarse = judged(judge, stream.name, items, range(0, len(items) - sense.length, sense.length // 4))
    start = int(np.argmax(coarse)) * (sense.length // 4)
    first, after = max(0, start - sense.length), min(len(items), start + 2 * sense.length)
    ends = range(max(0, first - sense.length), after - sense.length, round(EVERY_S * sense.rate_hz))
    window = items[start : start + sense.length]
    level = judge.score_at(stream.name, opened[stream.name].curve.level(stream.false_alarms_per_day))
    explained = judge.explain([Window(stream.name, start, window, 0)])[0]
    return Seen(items[first:after, 0], window[:, 0], explained, judged(judge, stream.name, items, ends), level)


def judged(judge: Engine, stream: str, items: Values, starts: Sequence[int]) -> Values:
    """Scores of windows from these indices on."""
    length = judge.representation.length
    return np.array([j.score for j in judge.judge([Window(stream, i, items[i : i + length], 0) for i in starts])])


def wave(samples: Values, colour: str = INK) -> Callable[[Any], None]:
    """A panel of samples."""

    def draw(axis: Any) -> None:
        axis.plot(samples[:: max(1, len(samples) // 1500)], color=colour, linewidth=0.5)
        axis.set_xlim(0, 1500)
        axis.set_ylim(*(1.1 * np.abs(samples).max() * np.array([-1, 1])))

    return draw


def ring(samples: Values) -> Callable[[Any], None]:
    """The same samples, the part marked that is judged next."""

    def draw(axis: Any) -> None:
        wave(samples, "#8899a6")(axis)
        axis.axvspan(500, 1000, color=ALARM, alpha=0.18, linewidth=0)

    return draw


def plane(values: Values, span: tuple[float, float], colours: str = "magma") -> Callable[[Any], None]:
    """A panel of values over time and frequency `[H, W]`."""
    return lambda axis: axis.imshow(values, origin="lower", aspect="auto", cmap=colours, vmin=span[0], vmax=span[1])


def scores(values: Values, level: float) -> Callable[[Any], None]:
    """Scores and the alarm level, what lies above it filled."""

    def draw(axis: Any) -> None:
        shown = np.clip(values, 0, None) ** 0.5
        axis.plot(shown, color=INK, linewidth=1)
        axis.axhline(level**0.5, color=ALARM, linewidth=1, linestyle="--")
        axis.fill_between(range(len(shown)), level**0.5, shown, where=shown > level**0.5, color=ALARM, alpha=0.35, linewidth=0)
        axis.set_ylim(0, 1.15 * shown.max())
        axis.set_xlim(0, len(shown) - 1)

    return draw


def message(text: str) -> Callable[[Any], None]:
    """What goes out."""

    def draw(axis: Any) -> None:
        axis.text(0.06, 0.5, text, transform=axis.transAxes, fontsize=7.2, family="monospace", va="center", color=INK)
        axis.set_facecolor("white")

    return draw


def panels(s: Seen) -> list[Callable[[Any], None]]:
    """One for each step."""
    shown, normal, hot = s.explained.shown[0], s.explained.normal[0], np.sqrt(np.maximum(s.explained.heat, 0))
    span = tuple(np.quantile(shown, [0.01, 0.995]).tolist())
    text = f'{{"type": "new",\n "stream":\n  "machine-room",\n "score": {s.scores.max():.0f},\n "where": ...}}'
    heat = plane(hot, (0.0, float(np.quantile(hot, 0.999))), "inferno")
    return [
        wave(s.before),
        ring(s.before),
        wave(s.window),
        plane(shown, span),
        plane(normal, span),
        heat,
        scores(s.scores, s.level),
        message(text),
    ]


def draw(out: Path, s: Seen) -> None:
    """Writes the picture."""
    figure = Figure(figsize=(14, 2.9), dpi=110, facecolor="white")
    FigureCanvasAgg(figure)
    width, gap, left, bottom, height = 0.096, 0.0265, 0.012, 0.31, 0.4
    for i, (step, what, panel) in enumerate(zip(STEPS, WHAT, panels(s), strict=True)):
        x = left + i * (width + gap)
        axis = figure.add_axes((x, bottom, width, height))
        panel(axis)
        axis.set_xticks([])
        axis.set_yticks([])
        for side in axis.spines.values():
            side.set_color("#b8c4ce")
        figure.text(x + width / 2, bottom + height + 0.06, step, ha="center", fontsize=11.5, fontweight="bold", color=INK)
        figure.text(x + width / 2, bottom - 0.05, what, ha="center", va="top", fontsize=8, color=INK, linespacing=1.3)
        if i:
            y = bottom + height / 2
            tip = FancyArrowPatch(
                (x - gap + 0.002, y), (x - 0.002, y), transform=figure.transFigure, arrowstyle="-|>", mutation_scale=12, color=INK
            )
            figure.add_artist(tip)
    _rooms(figure, left, width, gap)
    figure.savefig(out)


def _rooms(figure: Figure, left: float, width: float, gap: float) -> None:
    """Which steps are the monitor's, and which the models', behind them."""
    first = STEPS.index(OF_MODELS[0])
    for name, colour, begin, count in (
        ("monitor/: time, processes, files, network", MONITOR, 0, first),
        ("models/: mathematics on batches of numbers", MODELS, first, len(OF_MODELS)),
        ("monitor/", MONITOR, first + len(OF_MODELS), len(STEPS) - first - len(OF_MODELS)),
    ):
        x, wide = left + begin * (width + gap) - gap / 2 + 0.003, count * (width + gap) - 0.006
        figure.add_artist(Rectangle((x, 0.03), wide, 0.94, transform=figure.transFigure, facecolor=colour, edgecolor="none", zorder=-1))
        figure.text(x + 0.006, 0.9, name, fontsize=8.5, color="#52606d", va="center")


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
def main(folder: Path, out: Path) -> None:
    """Draws the spine to OUT, from what `diffmon demo` left in FOLDER."""
    draw(out, seen(folder))
    click.echo(f"{out}: drawn")


if __name__ == "__main__":
    main()
