"""How a rate of false alarms becomes an alarm level, drawn of the demo's profile. `make pictures` writes it to docs/rate.png.

python -m tests.bench.rate diffmon-demo docs/rate.png
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from monitor.alarm import AlarmCurve
from monitor.config import load
from monitor.engine import score_of
from monitor.opened import Opened, open_stream

INK, TAIL, ALARM = "#1f2933", "#2f6f9f", "#c0392b"
RATES = (100.0, 1.0, 0.1)
"""A day; marked."""


def rarity(axis: Any, opened: Opened, curve: AlarmCurve) -> None:
    """How rare the scores of held-out normal are, the tail that carries on, and where the alarm levels lie."""
    profile = opened.fitted.profile
    scores = profile.quantiles.numpy()
    share = 1 - np.arange(len(scores)) / len(scores)
    rarest = curve.level(RATES[-1]) / 5
    carried = np.geomspace(float(profile.tail[1]), rarest, 100)
    axis.step(scores, share, color=INK, linewidth=1.6, where="post", label="held-out normal, counted")
    axis.plot([score_of(p, profile) for p in carried], carried, color=TAIL, linestyle="--", label="generalised Pareto tail")
    for rate in RATES:
        p = curve.level(rate)
        axis.plot(score_of(p, profile), p, "o", color=ALARM, markersize=5)
        axis.annotate(
            f"{rate:g} a day",
            (score_of(p, profile), p),
            (-6, -2),
            textcoords="offset points",
            color=ALARM,
            fontsize=9,
            ha="right",
            va="top",
        )
    axis.set_yscale("log")
    axis.set_xlabel("score of a window")
    axis.set_ylabel("share of normal that scores as high (p-value)")
    axis.legend(frameon=False, fontsize=9)


def levels(axis: Any, opened: Opened, curve: AlarmCurve) -> None:
    """The alarm level of every rate, and which of them normal vouches for."""
    profile = opened.fitted.profile
    alarm = np.array([score_of(float(p), profile) for p in curve.alarm_p])
    sure = curve.rates_per_day >= curve.vouched_per_day
    axis.plot(curve.rates_per_day, alarm, color=TAIL, linestyle="--", label="extrapolated")
    if sure.any():
        axis.plot(curve.rates_per_day[sure], alarm[sure], color=INK, linewidth=2, label="vouched for by held-out normal")
        axis.axvline(curve.vouched_per_day, color="#8899a6", linewidth=1)
    held = f"{curve.held_out_s / 60:.0f} minutes held out vouch\nfor {curve.vouched_per_day:.0f} a day and more"
    axis.text(0.97, 0.06, held, transform=axis.transAxes, ha="right", va="bottom", fontsize=9, color="#52606d")
    for rate in RATES:
        axis.plot(rate, score_of(curve.level(rate), profile), "o", color=ALARM, markersize=5)
    axis.set_xscale("log")
    axis.set_xlabel("false_alarms_per_day")
    axis.set_ylabel("alarm level (score)")
    axis.invert_xaxis()
    axis.legend(frameon=False, fontsize=9, loc="upper left")


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
def main(folder: Path, out: Path) -> None:
    """Draws rates and levels to OUT, from what `diffmon demo` left in FOLDER."""
    opened = open_stream(load(folder / "diffmon.toml").stream[0], None)
    figure = Figure(figsize=(11, 4), dpi=110, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    rarity(left, opened, opened.curve)
    levels(right, opened, opened.curve)
    for axis in (left, right):
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(out)
    click.echo(f"{out}: drawn")


if __name__ == "__main__":
    main()
