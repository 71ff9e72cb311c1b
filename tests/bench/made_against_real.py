"""Whether made anomalies tell how well real ones are found: AUROC of both, place by place.

  python -m tests.bench.made_against_real score sites DATA_DIR sites.csv
  python -m tests.bench.made_against_real score images DATA_DIR images.csv --budget 2m --size 128
  python -m tests.bench.made_against_real plot out.png sites.csv images.csv

A place is a site, or a category of pictures. Networks are trained as `diffmon evaluate` does, and profiles fitted. Then each place's
normal that nothing was fitted on is compared with two kinds of anomalies: those of the test, and those that are made of that very normal.
A real clip counts as its worst window; of made ones, windows are compared with windows.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, astuple, dataclass
from functools import partial
from io import StringIO
from pathlib import Path
from statistics import fmean

import click
import matplotlib as mpl
import torch
from matplotlib.figure import Figure
from torch import Tensor

from models.profile import Profile
from models.representation.audio import AudioSettings
from models.representation.image import ImageSettings
from models.synthetic import sound
from monitor.errors import DiffmonError
from monitor.learn import images, judge
from monitor.learn.corpus import windows
from monitor.learn.detection import fit
from monitor.learn.fitting import scored
from monitor.learn.gallery import categories
from monitor.learn.heard import decoded, inputs, normal_planes, streams
from monitor.learn.network import start_from, trained, with_discriminators
from monitor.learn.places import distinct, sites, systems
from monitor.learn.protocol import waveforms
from monitor.learn.teaching import share
from monitor.options import Duration
from monitor.present import outcome
from monitor.records import Progress
from monitor.whole import write_whole
from tests.bench import made_picture

COLUMNS = "sense", "place", "made", "real"
EACH = 4
"""Anomalies that are made of every normal window or picture."""
SOME = 16
"""Windows or pictures at a time."""


@dataclass(frozen=True, slots=True)
class Point:
    """AUROC of one place."""

    sense: str
    place: str
    made: float
    real: float


def of_sites(data: Path, *, budget_s: float, seed: int, only: Sequence[str]) -> Iterator[Progress | list[Point]]:
    """Of every site, by one network for all, with its discriminator. Raises DiffmonError."""
    [places] = systems(data / "sites.csv", only, sites)
    start, sense = start_from(None, seed, kind="audio", grid=asdict(AudioSettings()))
    heard = yield from decoded(distinct(row for place in places for row in (*place.normal, *place.judged)), data, sense)
    taught_s = share(sense) * budget_s
    ours = yield from trained(start, sense, [inputs(places, heard, sense)], budget_s=budget_s - taught_s, seed=seed)
    ours = yield from with_discriminators(ours, sense, [streams(places, data, sense, taught_s)], seed=seed)
    [model] = ours.models
    generator, points = torch.Generator().manual_seed(seed), []
    for i, place in enumerate(places):
        known = fit(model, sense, normal_planes(place, heard))
        normal = [row for row in place.judged if row.role == "normal"]
        said = {row: scored(model, sense, heard[row].planes, known.profile) for row in place.judged}
        clips = torch.cat([windows(clip[:, None], sense, sense.hop) for _, clip in waveforms(normal, data)])
        strange = sound.made(clips.repeat(EACH, 1, 1), sense.rate_hz, generator)
        made = scored(model, sense, torch.cat([sense.look(some).planes for some in strange.split(SOME)]), known.profile)
        worst = {row: float(scores.max()) for row, scores in said.items()}
        points.append(
            Point(
                "sound",
                place.name,
                judge.auroc(torch.cat([said[row] for row in normal]).tolist(), made.tolist()),
                judge.auroc([worst[row] for row in normal], [worst[row] for row in place.judged if row.role == "anomaly"]),
            )
        )
        yield Progress("scoring", (i + 1) / len(places))
    yield points


def of_images(data: Path, *, budget_s: float, seed: int, only: Sequence[str], side: int) -> Iterator[Progress | list[Point]]:
    """Of every category, by a network each. Raises DiffmonError."""
    fresh, unposed = start_from(None, seed, kind="image", grid=asdict(ImageSettings(side=side)))
    generator, points = torch.Generator().manual_seed(seed), []
    for category in categories(data, only):
        learner = yield from images.learned(category, data, fresh, unposed, budget_s=budget_s, seed=seed)
        known = fit(learner.model, learner.sense, learner.usual)
        good, bad = (torch.from_numpy(learner.test[[row.anomalous is strange for row in category.judged]]) for strange in (False, True))
        strange = of_pictures(good.repeat(EACH, 1, 1, 1), generator)
        normal, real, made = (judged(learner, known.profile, each) for each in (good, bad, strange))
        points.append(Point("pictures", category.name, judge.auroc(normal, made), judge.auroc(normal, real)))
    yield points


def of_pictures(good: Tensor, generator: torch.Generator) -> Tensor:
    """Anomalies of pictures `[n, H, W, 3]` of bytes, likewise."""
    parts = [made_picture.made(some.permute(0, 3, 1, 2) / 255, generator).pictures for some in good.split(SOME)]
    return (torch.cat(parts) * 255).round().byte().permute(0, 2, 3, 1)


@torch.inference_mode()
def judged(learned: images.Learned, profile: Profile, pictures: Tensor) -> list[float]:
    """Scores of pictures `[n, H, W, 3]` of bytes."""
    sense = learned.sense
    return [
        value for some in pictures[:, None].split(SOME) for value in scored(learned.model, sense, sense.look(some).planes, profile).tolist()
    ]


def draw(points: Sequence[Point], out: Path) -> str:
    """Draws them, and says how far the one goes with the other."""
    from scipy.stats import spearmanr  # type: ignore[import-untyped]

    mpl.use("agg")
    figure = Figure(figsize=(5.2, 5), dpi=110, layout="constrained")
    axes, said = figure.subplots(), []
    for sense in dict.fromkeys(point.sense for point in points):
        own = [point for point in points if point.sense == sense]
        made, real = [point.made for point in own], [point.real for point in own]
        rank = float(spearmanr(made, real).statistic)
        said.append(f"{sense}: {len(own)} places, made {fmean(made):.3f}, real {fmean(real):.3f}, rank correlation {rank:+.2f}")
        axes.scatter(made, real, s=18, label=f"{sense}, rank correlation {rank:+.2f}")
    low = min(min(point.made, point.real) for point in points) - 0.02
    axes.plot([low, 1], [low, 1], color="grey", linewidth=0.6)
    axes.set_xlabel("AUROC of made anomalies")
    axes.set_ylabel("AUROC of real ones")
    axes.legend(loc="lower right")
    figure.savefig(out)
    return "\n".join(said)


@click.group()
def main() -> None:
    """Compares made anomalies with real ones."""


@main.command()
@click.argument("protocol", type=click.Choice(["sites", "images"]))
@click.argument("data_dir", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--budget", type=Duration(), default="10m", show_default=True, help="For training: of all sites, of each category.")
@click.option("--only", multiple=True, help="A place; all if none.")
@click.option("--size", "side", type=click.Choice(["128", "256"]), default="256", show_default=True, help="Of the pictures.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
def score(protocol: str, data_dir: Path, out: Path, budget: float, only: tuple[str, ...], side: str, seed: int) -> None:
    """Trains, judges, and writes a line a place to OUT."""
    of = of_sites if protocol == "sites" else partial(of_images, side=int(side))
    points = outcome(of(data_dir, budget_s=budget, seed=seed, only=only))
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *(astuple(point) for point in points)])
    write_whole(out, text.getvalue())
    click.echo(text.getvalue(), nl=False)


@main.command()
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.argument("scores", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def plot(out: Path, scores: tuple[Path, ...]) -> None:
    """Draws the points of all SCORES into OUT."""
    rows = [row for path in scores for row in csv.DictReader(path.read_text().splitlines())]
    click.echo(draw([Point(row["sense"], row["place"], float(row["made"]), float(row["real"])) for row in rows], out))


if __name__ == "__main__":
    try:
        main()
    except DiffmonError as error:
        sys.exit(f"{error}")
