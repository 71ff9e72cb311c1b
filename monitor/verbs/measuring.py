"""The verb `bench`: what a machine carries."""

from __future__ import annotations

import json
from pathlib import Path

import click

from monitor.options import JSON, MODEL, Counts, Number, fails_cleanly


@click.command(short_help="Measures what this machine can carry.")
@click.option("--streams", type=Counts(), default="1,16,256,4096", show_default=True, help="How many streams to play at once, in turn.")
@click.option("--seconds", type=Number(min=1, max=3600), default=60.0, show_default=True, help="How long each is played.")
@MODEL
@click.option("--peers", is_flag=True, help="Measure other programs at the same work too, where they are installed.")
@JSON
@fails_cleanly
def bench(streams: tuple[int, ...], seconds: float, model: Path | None, peers: bool, as_json: bool) -> None:
    """Measures speed, streams in real time, latency and memory on this machine, with a made room; it takes some ten minutes.

    Up to 64 streams are heard by a capture process each, as microphones are; more are fed in process, and the table says so. Events
    go through a real broker, Mosquitto if it is installed. Without --model and without `base` it takes a network that is not trained.
    """
    from monitor.bench.measure import bench as measured
    from monitor.bench.report import Report, as_keys, lines
    from monitor.present import outcome

    report: Report = outcome(measured(streams=streams, seconds=seconds, model=model, with_peers=peers))
    click.echo(json.dumps(as_keys(report)) if as_json else "\n".join(lines(report)))
