"""Makes the model that comes with the program; `make base` runs it.

python -m monitor.make_base models/base.safetensors --budget 30m
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from monitor.options import SEED, Duration, fails_cleanly


@click.command()
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--budget", type=Duration(), default="30m", show_default=True, help="Time for making scenes and training.")
@click.option("--scenes", type=click.IntRange(min=1), default=320, show_default=True, help="How many places are made to learn from.")
@click.option("--steps", type=click.IntRange(min=1), help="Steps of training; the budget decides if none.")
@SEED
@fails_cleanly
def main(out: Path, budget: float, scenes: int, steps: int | None, seed: int) -> None:
    """Makes scenes, trains the base network on them, and writes it to OUT."""
    from monitor.learn.base import make_base
    from monitor.present import outcome

    made = outcome(make_base(out, scenes=scenes, budget_s=budget, steps=steps, seed=seed))
    for name, value in asdict(made).items():
        click.echo(f"{name}: {value}")


if __name__ == "__main__":
    main()
