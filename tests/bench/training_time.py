"""How detection on the sites grows with the time that the network is trained.

  python tests/bench/training_time.py DATA OUT.png
  python tests/bench/training_time.py DATA OUT.png --every 1 --budgets 0s,3m --seed 1

For each budget `evaluate sites` runs on each so-many-th site of DATA/sites.csv. Prints a table of AUROC, mean over the
ratios, by the parts of the score, and draws it over time. The untrained control and the log-mel comparator do not depend on
the budget, and stand there once. A time is one of this machine: the steps beside it are what others can repeat.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is loaded

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from monitor.errors import DiffmonError
from monitor.learn.evaluation import COMPARATOR, evaluate
from monitor.learn.protocol import read_rows
from monitor.learn.report import UNTRAINED, Report
from monitor.options import Duration
from monitor.present import outcome
from monitor.whole import check_writable

COLOURS = {"R": "tab:blue", "S": "tab:orange", "T": "tab:green", "R + S": "tab:purple", "fusion": "black"}
LINEAR_S = 30.0
"""Times below are drawn evenly, those above by their logarithm: there is a budget of 0 s."""


class Budgets(click.ParamType[dict[str, float]]):
    """Durations with commas between, by their names; in seconds."""

    name = "durations"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, float]:
        """Seconds by name, or a usage error."""
        if isinstance(value, dict):
            return value
        return {each.strip(): Duration().convert(each.strip(), param, ctx) for each in value.split(",")}


def mean_auroc(report: Report, prefix: str = "") -> dict[str, float]:
    """Mean over the ratios, of each detector that is drawn."""
    return {name: report.auroc[prefix + name]["mean"] for name in COLOURS}


def line(name: str, steps: str, values: Mapping[str, float]) -> str:
    """One line of the table."""
    return f"{name:10}{steps:>7}" + "".join(f"{value:8.3f}" for value in values.values())


def draw(out: Path, budgets: Mapping[str, float], reports: Mapping[str, Report], title: str) -> None:
    """Writes the picture: a curve a detector, and both controls as level lines."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.5, 5), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    for name, colour in COLOURS.items():
        values = [mean_auroc(report)[name] for report in reports.values()]
        width = 2.5 if name == "fusion" else 1.5
        axis.plot(list(budgets.values()), values, "o-", color=colour, linewidth=width, markersize=4, label=name)
    control = next(iter(reports.values())).auroc
    for name, label, style in ((f"{UNTRAINED}fusion", "untrained, fusion", "--"), (COMPARATOR, COMPARATOR, ":")):
        axis.axhline(control[name]["mean"], color="tab:gray", linestyle=style, linewidth=1.5, label=label)
    _axes(axis, budgets, title)
    figure.savefig(out)


def _axes(axis: Any, budgets: Mapping[str, float], title: str) -> None:
    axis.set_xscale("symlog", linthresh=LINEAR_S)
    axis.set_xticks(list(budgets.values()), list(budgets))
    axis.minorticks_off()
    axis.set_xlabel("training time")
    axis.set_ylabel("AUROC, mean over sites and ratios")
    axis.set_title(title, loc="left")
    axis.grid(alpha=0.3)
    axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)


@click.command()
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--every", type=click.IntRange(1), default=3, show_default=True, help="Keep each so-many-th site alone.")
@click.option("--budgets", type=Budgets(), default="0s,30s,1m,2m,5m,10m", show_default=True, help="Times to train for.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the network and its training.")
def main(data: Path, out: Path, every: int, budgets: dict[str, float], seed: int) -> None:
    """AUROC on the sites of DATA by training time: a table, and a picture in OUT."""
    check_writable(out)
    names = list(dict.fromkeys(row.group for row in read_rows(data / "sites.csv")))[::every]
    click.echo(f"{'budget':10}{'steps':>7}" + "".join(f"{name:>8}" for name in COLOURS))
    reports: dict[str, Report] = {}
    for name, budget_s in budgets.items():
        report = reports[name] = outcome(evaluate("sites", data, budget_s=budget_s, seed=seed, only=names))
        click.echo(line(name, str(report.steps), mean_auroc(report)))
    click.echo(line("untrained", "", mean_auroc(report, UNTRAINED)))
    click.echo(f"{COMPARATOR}: {report.auroc[COMPARATOR]['mean']:.3f}")
    draw(out, budgets, reports, f"{len(names)} site{'s' * (len(names) > 1)}, seed {seed}")


if __name__ == "__main__":
    try:
        main()
    except DiffmonError as error:
        sys.exit(f"{error}")
