"""What the network makes of anomalies, as pictures; and how much of the heat lies where the event is.

  python tests/bench/pictures.py DATA OUT_DIR --model-budget 3m
  python tests/bench/pictures.py DATA OUT_DIR --sites siren-102871 --all

One network is trained on the sites that are drawn, with --all on every site of DATA/sites.csv. A picture shows one anomaly
of a site: its log-mel, what comes back from each noise level, the heat, and the score of the window around each moment.
A window is shorter than a clip, so the clip is stitched: there is a window from every column on, and a column is that of
the window in which it is most central.

Prints how much of the heat lies within the event's second, over all anomalies at 6 dB.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is loaded

import sys
from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.checkpoint import Model
from models.representation.audio import RECIPE, AudioRepresentation, AudioSettings
from models.score import PARTS
from models.score import score as scored
from monitor.errors import DiffmonError, SourceError
from monitor.learn.corpus import planes
from monitor.learn.detection import Fit, by_detector, fit
from monitor.learn.fitting import joined, observed
from monitor.learn.heard import Clips, decoded, inputs, normal_planes
from monitor.learn.network import start_from, trained
from monitor.learn.places import Place, System, sites, systems
from monitor.learn.protocol import EVENT, Clip, Row, event_start, read_rows, waveform
from monitor.options import Duration
from monitor.panel import DIFFERENCE, LOUDNESS, decibels, panel
from monitor.present import Bars
from monitor.records import Progress

SNR_DB = 6.0
CLASSES = ("air_conditioner", "drilling", "jackhammer", "siren")
"""Of each, the first site is drawn if none is named."""
USUAL = 0.95
"""Share of a site's own normal that scores below the level that is drawn."""

Values = NDArray[Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class View:
    """A clip, stitched of its windows; columns from `edges_s[0]` on."""

    shown: Values
    """Log-mel, the input's first plane, `[H, W]`."""
    restored: Values
    """The same as it comes back, `[L, H, W]`."""
    heat: Values
    """`[H, W]`."""
    scores: Values
    """Of the window from each column on, `[n, D]`, the parts first, then the fusion."""
    edges_s: Values
    """Where the columns meet, `[W + 1]`."""


@dataclass(frozen=True, slots=True)
class Looker:
    """A trained network, what it looks at, and where the clips lie."""

    model: Model
    sense: AudioRepresentation
    data: Path

    def view(self, clip: Clip, known: Fit) -> View:
        """What the network makes of a clip `[n]`."""
        first, after = self.sense.span((0, 1))
        seen = planes(clip[:, None], self.sense, after - first)
        found = joined(list(observed(self.model, self.sense, seen, known.normal)))
        back = seen[:, None, 0] - found["cells"][:, :, 0] * known.normal.deviation[0]
        pooling = self.model.follows(self.sense.recipe).pooling
        hot = stitched(pooling.heat(found, known.profile.sizes))
        edges_s = (first + (after - first) * np.arange(hot.shape[-1] + 1)) / self.sense.rate_hz
        scores = by_detector(scored(found, known.profile, pooling), known.profile, pooling.counts).numpy()
        return View(stitched(seen[:, 0]).numpy(), stitched(back).numpy(), hot.numpy(), scores, edges_s)

    def event_s(self, row: Row, clip: Clip) -> tuple[float, float]:
        """When an anomaly's event begins and ends in its clip."""
        assert row.mix is not None
        start = event_start(row.mix, len(clip))
        return start / self.sense.rate_hz, (start + EVENT) / self.sense.rate_hz


def stitched(windows: Tensor) -> Tensor:
    """`[..., H, n + W - 1]` of windows `[n, ..., H, W]`, each a column after the one before: the most central of each column."""
    count, width = len(windows), windows.shape[-1]
    columns = torch.arange(count + width - 1)
    which = (columns - width // 2).clamp(0, count - 1)
    return torch.stack([windows[w, ..., c] for w, c in zip(which.tolist(), (columns - which).tolist(), strict=True)], -1)


def inside(hot: Values, edges_s: Values, event_s: tuple[float, float]) -> float:
    """Share of the heat `[H, W]` that lies within the event."""
    overlap = np.minimum(edges_s[1:], event_s[1]) - np.maximum(edges_s[:-1], event_s[0])
    within = overlap.clip(0) / np.diff(edges_s)
    return float(hot.sum(0) @ within / hot.sum()) if hot.any() else 0.0


def finished(job: Generator[Progress, None, T]) -> T:
    """What a long job comes to, its progress drawn on the way."""
    bars = Bars()
    try:
        while True:
            bars.show(next(job))
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        bars.close()


def first_sites(table: Path) -> list[str]:
    """The first site of each of the classes. Raises SourceError if there is none."""
    names = list(dict.fromkeys(row.group for row in read_rows(table)))
    found = [next((name for name in names if name.rsplit("-", 1)[0] == label), None) for label in CLASSES]
    if not any(found):
        raise SourceError(f"{table}: no site of {', '.join(CLASSES)}: name some with --sites")
    return [name for name in found if name]


def anomalies(place: Place) -> list[Row]:
    """Those that are drawn and counted."""
    return [row for row in place.judged if row.mix and row.mix.snr_db == SNR_DB]


def drawn_row(rows: Sequence[Row], seed: int) -> Row:
    """One of a site's anomalies; which does not depend on the other sites."""
    return rows[int(np.random.default_rng([seed, rows[0].number]).integers(len(rows)))]


def learned(system: System, data: Path, *, budget_s: float, seed: int) -> tuple[Looker, Clips]:
    """A network of the places' normal, and their training clips."""
    start, sense = start_from(None, seed, kind="audio", grid=asdict(AudioSettings()))
    assert isinstance(sense, AudioRepresentation)
    heard = finished(decoded([row for place in system for row in place.normal], data, sense))
    ours = finished(trained(start, sense, [inputs(system, heard, sense)], budget_s=budget_s, seed=seed))
    click.echo(f"trained: {ours.steps} steps" + (f", last loss {ours.loss:.3f}" if ours.loss is not None else ""))
    return Looker(ours.models[0], sense, data), heard


def shares(looker: Looker, known: Fit, rows: Sequence[Row]) -> Iterator[tuple[float, float]]:
    """Of each anomaly, the share of heat within its event, and that of time."""
    for row in rows:
        clip = waveform(row, looker.data)
        view, event_s = looker.view(clip, known), looker.event_s(row, clip)
        yield inside(view.heat, view.edges_s, event_s), inside(np.ones_like(view.heat), view.edges_s, event_s)


def told(name: str, found: Sequence[tuple[float, float]]) -> str:
    """A line: quartiles of the heat within the event, and what chance would be."""
    hot, time = np.array(found).T
    low, middle, high = np.quantile(hot, [0.25, 0.5, 0.75])
    return f"{name:24}{len(hot):5}{middle:9.3f}{low:9.3f}{high:9.3f}{np.median(time):9.3f}"


def draw(out: Path, looker: Looker, known: Fit, row: Row) -> None:
    """Writes the picture of one anomaly."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    assert row.mix is not None
    clip = waveform(row, looker.data)
    view, clean = looker.view(clip, known), looker.view(waveform(replace(row, mix=None), looker.data), known)
    figure = Figure(figsize=(8.5, 11), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    # Bars of colour have a column of their own, so that time is aligned in all panels.
    grid = figure.subplots(6, 2, width_ratios=[1, 0.025], height_ratios=[1, 1, 1, 1, 1, 1.15])
    for axis in grid[1:, 0]:
        axis.sharex(grid[0, 0])
    for axis in grid[:-1, 0]:
        axis.tick_params(labelbottom=False)
    _spectra(grid[:4], view, looker.sense.edges_hz)
    top = float(np.quantile(view.heat, 0.998))
    axis, bar = grid[4]
    shown = np.sqrt(view.heat)
    title, span = "heat: where they differ", (0.0, top**0.5)
    panel(axis, view.edges_s, looker.sense.edges_hz, shown, title=title, colours="inferno", span=span, unit=DIFFERENCE, bar=bar)
    _scores(grid[5, 0], view, clean, known)
    length_s = looker.sense.length / looker.sense.rate_hz
    grid[5, 0].set_title(f"score of each window of {length_s:.1f} s, at its middle", loc="left", fontsize=10)
    grid[5, 1].axis("off")
    for axis in grid[:, 0]:
        _shade(axis, looker.event_s(row, clip), "black" if axis is grid[5, 0] else "white")
    grid[0, 0].set_xlim(0, len(clip) / looker.sense.rate_hz)
    grid[5, 0].set_xlabel("seconds")
    figure.suptitle(f"{row.group}, row {row.number}: {row.mix.label} at {row.mix.snr_db:+g} dB (between the lines)")
    figure.savefig(out)


def _spectra(grid: Any, view: View, edges_hz: Sequence[float]) -> None:
    """The clip, and what comes back from each noise level, in the same colours."""
    loudest = float(view.shown.max())
    low, high = decibels(np.quantile(view.shown, [0.01, 0.998]), loudest).tolist()
    titles = ["what was heard", *(f"what comes back from noise level {sigma:g}" for sigma in RECIPE.judged)]
    for (axis, bar), values, title in zip(grid, [view.shown, *view.restored], titles, strict=True):
        shown = decibels(values, loudest)
        panel(axis, view.edges_s, edges_hz, shown, title=title, colours="magma", span=(low, high), unit=LOUDNESS, bar=bar)


def _scores(axis: Any, view: View, clean: View, known: Fit) -> None:
    """The scores of the windows, at their middle."""
    width = len(view.edges_s) - len(view.scores)
    middle_s = [(view.edges_s[i] + view.edges_s[i + width]) / 2 for i in range(len(view.scores))]
    fusion = len(known.profile.mean_scale) - 1
    for i, name in enumerate(PARTS[:fusion]):
        axis.plot(middle_s, view.scores[:, i], linewidth=1, label=name)
    axis.plot(middle_s, view.scores[:, fusion], color="black", linewidth=2.5, label="fusion")
    axis.plot(middle_s, clean.scores[:, fusion], color="black", linewidth=1.2, linestyle="--", label="fusion, without the event")
    level = float(np.quantile(known.usual.numpy(), USUAL))
    axis.axhline(level, color="tab:gray", linestyle=":", linewidth=1.2, label=f"{USUAL:.0%} of the site's own normal is below")
    axis.set_ylabel("score")
    axis.grid(alpha=0.3)
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.28), ncols=3, frameon=False, fontsize=8)


def _shade(axis: Any, event_s: tuple[float, float], colour: str) -> None:
    axis.axvspan(*event_s, color=colour, alpha=0.08, linewidth=0)
    for edge_s in event_s:
        axis.axvline(edge_s, color="tab:cyan", linewidth=1.2)


@click.command()
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out_dir", type=click.Path(file_okay=False, path_type=Path))
@click.option("--model-budget", "budget", type=Duration(), default="3m", show_default=True, help="Time to train for.")
@click.option("--sites", "names", multiple=True, metavar="NAME", help="Site to draw; may be repeated. Four of as many classes if none.")
@click.option("--all", "every", is_flag=True, help="Train on all sites, and count the heat of all.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the training, and of what is drawn.")
def main(data: Path, out_dir: Path, budget: float, names: tuple[str, ...], every: bool, seed: int) -> None:
    """Pictures of anomalies of the sites of DATA in OUT_DIR, and how much of the heat lies where the event is."""
    table = data / "sites.csv"
    drawn = list(names) or first_sites(table)
    for name in set(drawn).difference(row.group for row in read_rows(table)):
        raise DiffmonError(f"--sites: {name!r} is not in {table}, expected the name of a site")
    [system] = systems(table, () if every else drawn, sites)
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DiffmonError(f"{out_dir}: cannot be written: {error.strerror}") from None
    looker, heard = learned(system, data, budget_s=budget, seed=seed)
    click.echo(f"{'heat within the event':24}{'count':>5}{'median':>9}{'lower':>9}{'upper':>9}{'chance':>9}")
    found: list[tuple[float, float]] = []
    for place in (place for place in system if anomalies(place)):
        rows, known = anomalies(place), fit(looker.model, looker.sense, normal_planes(place, heard))
        if place.name in drawn:
            draw(out_dir / f"{place.name}.png", looker, known, drawn_row(rows, seed))
        each = list(shares(looker, known, rows))
        click.echo(told(place.name, each))
        found += each
    if found:
        click.echo(told("all", found))


if __name__ == "__main__":
    try:
        main()
    except DiffmonError as error:
        sys.exit(f"{error}")
