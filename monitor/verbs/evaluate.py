"""The verb `evaluate`, a command a protocol. Only click is imported before it runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from monitor.options import INIT, SEED, Duration, Number, fails_cleanly

DATA = click.argument("data", type=click.Path(path_type=Path))


def protocol(budget: str, over: str, part: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The options that all protocols have."""
    options = (
        DATA,
        click.option("--out", type=click.Path(path_type=Path), help="Write the scores by which the protocol is judged there, as CSV."),
        click.option("--parts", is_flag=True, help="Write those of the other detectors beside them, as OUT-R.csv and so on; needs --out."),
        click.option("--budget", type=Duration(), default=budget, show_default=True, help=f"Time to train for, {over}."),
        click.option("--only", multiple=True, metavar="NAME", help=f"Limit to a {part}; may be repeated."),
        INIT,
        SEED,
    )

    def with_options(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return with_options


@click.group(short_help="Measures detection on protocols of real data.")
def evaluate() -> None:
    """Measures detection on real data, beside a classical detector and the same network untrained."""


@evaluate.command(short_help="Microphones: seconds of foreign sound at four levels.")
@protocol("10m", "over all sites", "site")
@click.option("--contaminate", type=Number(min=0, max=1), default=0.0, help="Mix events into this share of normal.")
@fails_cleanly
def sites(budget: float, **asked: Any) -> int:
    """One network for all sites of DATA/sites.csv; an anomaly is a second of another class's sound."""
    _need_out(asked)
    from monitor.learn.evaluation import evaluate as evaluated
    from monitor.present import evaluation

    return evaluation(evaluated("sites", budget_s=budget, **asked))


@evaluate.command(short_help="Classes of sound: one is normal, the others are not.")
@protocol("10m", "over all classes", "class")
@fails_cleanly
def ovr(budget: float, **asked: Any) -> int:
    """A network for each class of DATA/ovr.csv, which judges the test clips of all."""
    _need_out(asked)
    from monitor.learn.evaluation import evaluate as evaluated
    from monitor.present import evaluation

    return evaluation(evaluated("ovr", budget_s=budget, **asked))


@evaluate.command(short_help="Pictures of parts and surfaces, a network a category.")
@protocol("6m", "for each category", "category")
@click.option("--maps", type=click.Path(path_type=Path), help="Folder for heat maps, ROW.npy each.")
@click.option("--size", type=click.Choice(["256", "128"]), default="256", show_default=True, help="Pixels a side; 128 is quicker.")
@fails_cleanly
def images(budget: float, size: str, **asked: Any) -> int:
    """A network for each category of DATA/images.csv; test pictures that are not labelled good are anomalies."""
    _need_out(asked)
    from monitor.learn.images import evaluate_images
    from monitor.present import evaluation

    return evaluation(evaluate_images(budget_s=budget, side=int(size), **asked))


def _need_out(asked: dict[str, Any]) -> None:
    if asked["parts"] and asked["out"] is None:
        raise click.UsageError("--parts needs --out")
