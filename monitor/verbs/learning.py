"""The verbs `train` and `calibrate`: from recordings of normal to a model, or to a profile."""

from __future__ import annotations

from pathlib import Path

import click

from monitor.base import base_file
from monitor.completion import streams
from monitor.options import INIT, JSON, KIND, MODEL, PATHS, RATE, SEED, Duration, Number, Rate, fails_cleanly, mixed, settled


@click.command(short_help="Learns normal from recordings.")
@PATHS
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Where the model is written.")
@KIND
@INIT
@click.option("--budget", type=Duration(), default="3m", show_default=True, help="Time for decoding, training and calibration.")
@click.option("--steps", type=click.IntRange(min=1), help="Steps of training, to repeat a run exactly; the budget decides if none.")
@click.option("--size", type=click.Choice(["256", "128"]), help="Pixels a side of a picture, 256 if none; 128 is quicker.")
@click.option("--rate", "frames", type=Number(min=0.1, max=30), help="Frames a second of pictures and videos, 2 if none.")
@RATE
@SEED
@JSON
@fails_cleanly
def train(
    paths: tuple[Path, ...],
    out: Path,
    kind: str,
    init: Path | None,
    budget: float,
    steps: int | None,
    size: str | None,
    frames: float | None,
    rate: float,
    seed: int,
    as_json: bool,
) -> int:
    """Learns from recordings of normal: files, or folders that are searched through."""
    wrong = settled({"--size": size, "--rate": frames}, kind, init)
    if wrong:
        raise click.UsageError(wrong)
    from monitor.learn import training
    from monitor.present import follow

    grid = ({} if size is None else {"side": int(size)}) | ({} if frames is None else {"rate_hz": frames})
    learned = training.train(paths, out, kind=kind, budget_s=budget, seed=seed, steps=steps, init=init, rate=rate, grid=grid)
    return follow(learned, as_json=as_json)


@click.command(short_help="Makes a profile for a new place.")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Where the profile is written; with --from-state where the daemon finds it.")
@MODEL
@click.option(
    "--from-state", metavar="STREAM", shell_complete=streams, help="Learn from what the daemon kept of this stream; needs --config."
)
@click.option("--config", type=click.Path(path_type=Path), help="The daemon's configuration.")
@click.option("--newest", type=Duration(), help="Learn from so much of what was kept last, such as 1h.")
@click.option("--put-back", is_flag=True, help="Put the profile before the last one of --from-state back in force.")
@click.option("--budget", type=Duration(), default="3m", show_default=True, help="About how long it may take, if there is much normal.")
@click.option(
    "--false-alarms-per-day",
    "rate",
    type=Rate(),
    help="False alarms to accept in 24 hours of normal; with --from-state the stream's, or 1.",
)
@SEED
@JSON
@fails_cleanly
def calibrate(
    paths: tuple[Path, ...],
    out: Path | None,
    model: Path | None,
    from_state: str | None,
    config: Path | None,
    newest: float | None,
    put_back: bool,
    budget: float,
    rate: float | None,
    seed: int,
    as_json: bool,
) -> int:
    """Makes a profile for a new place, in seconds, for a model that exists.

    PATHS are recordings of its normal; then --out is needed. With --from-state and --config it is made of the normal that
    the daemon kept of a stream and of the events that were marked as normal, for the model of that stream.
    """
    wrong = mixed({"PATHS": paths, "--out": out}, model, from_state, config, {"--newest": newest, "--put-back": put_back})
    if wrong:
        raise click.UsageError(wrong)
    from monitor import present

    if from_state is not None and config is not None:
        from monitor.learn import relearning

        there = relearning.place(config, from_state)
        if put_back:
            return present.put_back(there.profile, there=relearning.put_back(there))
        relearned = relearning.recalibrate(there, out=out, newest_s=newest, budget_s=budget, seed=seed, rate=rate)
        return present.follow(relearned, as_json=as_json)
    from monitor.learn import training

    assert out is not None  # noqa: S101  # asked for above
    learned = training.calibrate(paths, out, model_path=model or base_file(), budget_s=budget, seed=seed, rate=rate or 1.0)
    return present.follow(learned, as_json=as_json)
