"""The command line. Only click is imported before a command needs more, so that help comes at once."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from monitor import __version__
from monitor.base import base_file
from monitor.evaluate import evaluate
from monitor.options import (
    CONFIG,
    INIT,
    JSON,
    KIND,
    MODEL,
    PATHS,
    PROFILE,
    RATE,
    SEED,
    Duration,
    Number,
    Program,
    Rate,
    fails_cleanly,
    judging,
    mixed,
    settled,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="diffmon")
def main() -> None:
    """Learns what is normal from recordings, listens all day, and says over MQTT what is not."""


@main.command(short_help="Learns a made scene, finds planted faults.")
@click.option("--camera", is_flag=True, help="Watch parts on a conveyor instead of a machine room.")
@click.option("--base", is_flag=True, help="Train nothing: calibrate the base model on a minute of the room.")
@SEED
@click.option("--out", type=click.Path(path_type=Path), default=Path("diffmon-demo"), show_default=True, help="Folder for what it makes.")
@click.option("--budget", type=Duration(), help="Time to train for; 80s if none, with --camera 3m.")
@click.option("--mqtt", metavar="HOST:PORT", help="Broker to use; one of its own if none.")
@fails_cleanly
def demo(camera: bool, base: bool, seed: int, out: Path, budget: float | None, mqtt: str | None) -> int:
    """Makes the sound of a machine room, learns it, plants four faults and shows what a subscriber hears of them.

    With --camera it draws parts that pass on a conveyor, three of them with a fault, and a shadow that is none.
    """
    if base and (camera or budget is not None):
        raise click.UsageError(f"--base and {'--camera' if camera else '--budget'} exclude each other")
    from monitor.demo.learning import base_model, own_model
    from monitor.demo.line import AssemblyLine
    from monitor.demo.room import MachineRoom
    from monitor.demo.show import run

    scene = AssemblyLine(seed) if camera else MachineRoom(seed)
    return run(scene, seed=seed, out=out, learn=base_model if base else own_model(budget), broker=mqtt)


@main.command(short_help="Learns normal from recordings.")
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


@main.command(short_help="Makes a profile for a new place.")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Where the profile is written; with --from-state where the daemon finds it.")
@MODEL
@click.option("--from-state", metavar="STREAM", help="Learn from what the daemon kept of this stream; needs --config.")
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


@main.command(short_help="Says how strange each recording is.")
@PATHS
@MODEL
@PROFILE
@click.option("--csv", "csv_out", type=click.Path(path_type=Path), help="Write the table there instead of printing it.")
@JSON
@fails_cleanly
def score(paths: tuple[Path, ...], model: Path | None, profile: Path | None, csv_out: Path | None, as_json: bool) -> int:
    """Says how strange each recording is: score by its worst window, mean_score by how untypical it is as a whole."""
    chosen = judging(model, profile)
    from monitor.present import Failures, scores
    from monitor.scoring import score_files

    failures = Failures()
    return scores(score_files(paths, chosen, profile, failures), csv_out, failures, as_json=as_json)


@main.command(short_help="Finds the events in recordings.")
@PATHS
@MODEL
@PROFILE
@click.option(
    "--false-alarms-per-day",
    "rate",
    type=Rate(),
    help="False alarms to accept in 24 hours of normal; the stream's, or 1.",
)
@JSON
@click.option("--publish", is_flag=True, help="Publish the events too; needs --config.")
@click.option("--config", type=click.Path(path_type=Path), help="Take broker, node, and the stream's settings from there.")
@click.option("--stream", help="Stream of the configuration to replay as; its first if none.")
@click.option(
    "--report", type=click.Path(path_type=Path), metavar="OUT.html", help="Write what was found as a page to look at and listen to."
)
@click.option("--png", type=click.Path(path_type=Path), metavar="OUT.png", help="Write the same as one picture, without sound.")
@click.option("--fail-on-anomaly", is_flag=True, help="Exit with 3 if there was an event.")
@fails_cleanly
def replay(
    paths: tuple[Path, ...],
    model: Path | None,
    profile: Path | None,
    rate: float | None,
    as_json: bool,
    publish: bool,
    config: Path | None,
    stream: str | None,
    report: Path | None,
    png: Path | None,
    fail_on_anomaly: bool,
) -> int:
    """Answers for files what the daemon would have said: the same windows, the same events."""
    if publish and config is None:
        raise click.UsageError("--publish needs --config")
    if stream is not None and config is None:
        raise click.UsageError("--stream needs --config")
    if report is not None and report == png:
        raise click.UsageError("--report and --png name the same file")
    if config is None or model is not None:
        model = judging(model, profile)
    from monitor.whole import check_writable

    for out in filter(None, (report, png)):
        if out.resolve() in [path.resolve() for path in paths]:
            raise click.UsageError(f"{out}: is to be replayed, expected another file to write to")
        check_writable(out)
    from monitor.offline import ready, replay_files, setting
    from monitor.present import Failures, replayed

    chosen = setting(config_path=config, name=stream, model=model, profile=profile, rate=rate, paths=paths)
    by, failures = ready(chosen), Failures()
    replaying = partial(replay_files, paths, chosen, by, publish=publish)
    showing = partial(replayed, failures=failures, as_json=as_json, fail_on_anomaly=fail_on_anomaly)
    if report is None and png is None:
        return showing(replaying(failed=failures))
    from monitor.report.chronicle import Chronicle
    from monitor.report.write import write

    chronicle = Chronicle(failures)
    code = showing(chronicle.follow(replaying(failed=chronicle.fail, tally=chronicle.tally)))
    write(chronicle, chosen, by, report=report, png=png)
    return code


@main.command(short_help="Watches all day.")
@CONFIG
@fails_cleanly
def run(config: Path) -> None:
    """Watches all day, as configured."""
    from monitor.daemon import run

    run(config)


@main.command(short_help="Records a stream, to learn from.")
@click.argument("stream")
@CONFIG
@click.option("--for", "lasting", type=Duration(), required=True, help="How much sound the folder shall hold in the end, such as 24h.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the segments; what is there already counts.")
@JSON
@fails_cleanly
def record(stream: str, config: Path, lasting: float, out: Path, as_json: bool) -> None:
    """Records STREAM of the configuration as the daemon would hear it, a segment a minute; its model need not exist yet."""
    if lasting <= 0:
        raise click.UsageError(f"--for: {lasting:g} s, expected more than 0")
    from monitor.present import recorded
    from monitor.recorder import record

    recorded(record(config, stream, lasting, out), as_json=as_json)


@main.command(short_help="Tells whether the daemon would start.")
@CONFIG
@fails_cleanly
def check(config: Path) -> None:
    """Tells whether the daemon would start with this configuration, and what its alarm levels rest on."""
    from monitor.daemon import check

    for line in check(config):
        click.echo(line)


@main.command(short_help="Finds out what keeps the daemon from hearing or being heard.")
@CONFIG
@JSON
@fails_cleanly
def doctor(config: Path, as_json: bool) -> int:
    """Tries all that the daemon needs on this machine, and says how to mend what is wrong: exit code 1 if something is."""
    from monitor.doctor.examine import examine
    from monitor.present import examined

    return examined(examine(config), as_json=as_json)


@main.command(short_help="Prints events as they come.")
@CONFIG
@click.option("--exec", "command", type=Program(), default="", metavar="CMD", help="Run for each step, the event as JSON on its input.")
@click.option("--stream", "streams", multiple=True, metavar="NAME", help="Limit to a stream; may be repeated.")
@JSON
@fails_cleanly
def listen(config: Path, command: list[str], streams: tuple[str, ...], as_json: bool) -> None:
    """Prints the node's events as they come from the broker, until Ctrl-C; what is said while the broker is away is not heard."""
    from monitor.listen import listen
    from monitor.present import listened

    listened(listen(config, streams, command), as_json=as_json)


@main.command(short_help="Lists the microphones and cameras.")
@JSON
@fails_cleanly
def devices(as_json: bool) -> None:
    """Lists the microphones and cameras."""
    from monitor.present import devices

    devices(as_json=as_json)


main.add_command(evaluate)


if __name__ == "__main__":
    main()
