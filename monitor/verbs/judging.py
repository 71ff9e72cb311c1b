"""The verbs `score` and `replay`: what recordings hold that is not normal."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from monitor.completion import streams
from monitor.options import JSON, MODEL, PATHS, PROFILE, Rate, fails_cleanly, judging


@click.command(short_help="Says how strange each recording is.")
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
    from monitor.whole import check_spared

    if csv_out is not None:
        check_spared(csv_out, [*paths, chosen, *filter(None, [profile])])
    failures = Failures()
    return scores(score_files(paths, chosen, profile, failures), csv_out, failures, as_json=as_json)


@click.command(short_help="Finds the events in recordings.")
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
@click.option("--stream", shell_complete=streams, help="Stream of the configuration to replay as; its first if none.")
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
    if chronicle.sections:  # of nothing that was judged there is nothing to tell
        write(chronicle, chosen, by, report=report, png=png)
    return code
