"""How detection on the sites grows with the seconds of normal that a profile is made of, nothing being trained.

  python tests/bench/normal_time.py DATA OUT.png
  python tests/bench/normal_time.py DATA OUT.png --init other.safetensors --clips 2,4,0

For each count `evaluate sites --budget 0s` runs with so many training clips of each site, of those that come last before what is
judged (0 for all). They are 4 s long and overlap by half. Prints a table of AUROC, mean over the ratios, and draws it over the seconds.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is loaded

import csv
import sys
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from monitor.base import base_file
from monitor.errors import DiffmonError
from monitor.learn.evaluation import COMPARATOR, evaluate
from monitor.learn.report import UNTRAINED, Report
from monitor.options import INIT
from monitor.present import outcome
from monitor.whole import check_writable

SHOWN = {"fusion": "black", UNTRAINED + "fusion": "tab:gray", COMPARATOR: "tab:red"}
CLIP_S, STEP_S = 4.0, 2.0


def shortened(data: Path, out: Path, clips: int) -> float:
    """Writes a table whose sites have so many training clips, beside the others' rows; mean seconds of normal of a site."""
    with (data / "sites.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    training = defaultdict(list)
    for row in rows:
        if row["role"] == "train":
            training[row["site"]].append(row["file"])
    kept = {site: set(names[-clips:]) for site, names in training.items()}
    with (out / "sites.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        table.writeheader()
        table.writerows(row for row in rows if row["role"] != "train" or row["file"] in kept[row["site"]])
    (out / "clips").symlink_to((data / "clips").resolve())
    return sum(CLIP_S + STEP_S * (len(names) - 1) for names in kept.values()) / len(kept)


def measured(data: Path, clips: int, init: Path) -> tuple[float, Report]:
    """Seconds of normal, and what comes of it."""
    with TemporaryDirectory() as folder:
        seconds = shortened(data, Path(folder), clips)
        report = outcome(evaluate("sites", Path(folder), budget_s=0, seed=0, init=init))
    assert isinstance(report, Report)
    return seconds, report


def draw(out: Path, found: list[tuple[float, Report]]) -> None:
    """Writes the picture: a curve a detector."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), dpi=130, layout="constrained")
    axis = figure.subplots()
    for name, colour in SHOWN.items():
        axis.plot([s for s, _ in found], [r.auroc[name]["mean"] for _, r in found], "o-", color=colour, label=name)
    axis.set_xlabel("seconds of normal, mean over sites")
    axis.set_ylabel("AUROC, mean over sites and ratios")
    axis.grid(alpha=0.3)
    axis.legend()
    figure.savefig(out)


@click.command()
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--clips", default="2,4,8,0", show_default=True, help="Counts with commas between.")
@INIT
def main(data: Path, out: Path, clips: str, init: Path | None) -> None:
    """Measures, prints and draws."""
    check_writable(out)
    found = []
    click.echo("seconds " + "".join(f"{name:>24}" for name in SHOWN))
    for count in map(int, clips.split(",")):
        found.append(measured(data, count, init or base_file()))
        seconds, report = found[-1]
        click.echo(f"{seconds:7.1f} " + "".join(f"{report.auroc[name]['mean']:24.3f}" for name in SHOWN))
    draw(out, found)


if __name__ == "__main__":
    try:
        main()
    except DiffmonError as error:
        sys.exit(f"{error}")
