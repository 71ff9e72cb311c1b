"""What the verbs print: progress, tables, JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from monitor.errors import SourceError
from monitor.records import Event, Progress
from monitor.whole import check_writable, write_whole
from monitor.words import alarms, count

if TYPE_CHECKING:
    from monitor.doctor import Finding
    from monitor.learn.report import Report
    from monitor.learn.training import Summary
    from monitor.offline import Replayed
    from monitor.recorder import Recorded
    from monitor.recording import Recording
    from monitor.scoring import FileScore
    from monitor.sink.subscriber import Heard


T = TypeVar("T")


class Failures:
    """Files that could not be used: named at once on standard error, counted at the end."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, sentence: str) -> None:
        """Tells of one."""
        self.count += 1
        click.echo(f"diffmon: {sentence}", err=True)

    def exit_code(self) -> int:
        """1 if there were any, having said how many."""
        if self.count:
            click.echo(f"diffmon: {self.count} file{'s' * (self.count > 1)} could not be used", err=True)
        return int(self.count > 0)


class Bars:
    """Progress as a bar a stage, on standard error if that is a terminal; off one, nothing."""

    def __init__(self) -> None:
        self._stage = ""
        self._shown = sys.stderr.isatty()
        self._bar: Any = None
        self._loss = ""

    def show(self, progress: Progress) -> None:
        """Draws how far it has got."""
        if not self._shown:
            return
        if progress.stage != self._stage:
            self.close()
            self._stage = progress.stage
            self._bar = click.progressbar(
                length=1000, label=f"{progress.stage:12s}", file=sys.stderr, item_show_func=lambda _: self._loss, show_eta=True
            )
            self._bar.__enter__()
        self._loss = f"loss {progress.loss:.3f}" if progress.loss is not None else ""
        self._bar.update(max(0, round(1000 * progress.done) - self._bar.pos), self._loss)

    def close(self) -> None:
        """Ends the bar that is drawn."""
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None


def outcome(records: Iterable[Progress | T]) -> T:
    """The last record of a long job, its progress drawn on the way."""
    bars, last = Bars(), None
    try:
        for record in records:
            if isinstance(record, Progress):
                bars.show(record)
            else:
                last = record
    finally:
        bars.close()
    if last is None:
        raise AssertionError("a job ends with what came of it")
    return last


def follow(records: Iterable[Progress | Summary], *, as_json: bool) -> int:
    """Shows training or calibration and what came of it; 1 if a recording was skipped."""
    return _summary(outcome(records), as_json=as_json)


def put_back(profile: Path, *, there: bool) -> int:
    """Says which profile is in force from the daemon's next start on."""
    click.echo(f"{profile}: swapped with the one before it" if there else f"{profile}: set aside; what is configured is in force again")
    click.echo("the daemon takes it when it is started again")
    return 0


def _summary(summary: Summary, *, as_json: bool) -> int:
    failures = Failures()
    for sentence in summary.unreadable:
        failures(sentence)
    click.echo(json.dumps(asdict(summary)) if as_json else "\n".join(sentences(summary)))
    return failures.exit_code()


def recorded(records: Iterable[Progress | Recorded], *, as_json: bool) -> None:
    """Shows a recording and what came of it."""
    done = outcome(records)
    if as_json:
        click.echo(json.dumps(asdict(done)))
        return
    click.echo(
        f"{done.folder}: {done.seconds:g} s of {done.stream}, {done.segments} segments written now, {done.lost_s:g} s lost between them"
    )
    if done.seconds < done.wanted_s:
        click.echo(f"{done.wanted_s:g} s were asked for: the same command again goes on")


def sentences(s: Summary) -> Iterator[str]:
    """What came of training or calibration, a line each."""
    yield f"{s.out}: network {s.model}, written after {s.seconds:.0f} s"
    if s.steps:
        yield f"trained on {s.training_s:.0f} s of normal from {count(s.recordings, 'recording')}: {s.steps} steps, loss {s.loss:.3f}"
        yield f"the same again: the same recordings and budget, --seed {s.seed} --steps {s.steps}"
    yield f"calibrated on {s.held_out_s:.0f} s of normal" + (" that training did not see" if s.steps else "")
    if s.left_out:
        yield f"{s.left_out} windows, outliers among the others, were left out"
    yield f"alarm level for {alarms(s.false_alarms_per_day)}: score {s.threshold:.2f}"
    yield f"smallest rate that the held-out normal can vouch for: {s.vouched_per_day:g} a day"
    if s.extrapolated:
        yield "the alarm level lies beyond that: it is extrapolated; more normal, and a budget to judge it in, makes it surer"


def scores(results: Iterable[FileScore], out: Path | None, failures: Failures, *, as_json: bool) -> int:
    """Prints a line a file as it comes, or writes the whole table, a CSV; the exit code."""
    from monitor.scoring import csv_header, csv_row

    if out is not None:
        check_writable(out)
    lines = [csv_header()]
    for result in results:
        if result.short:
            click.echo(f"diffmon: {result.file}: short: {result.seconds:g} s, repeated to fill one window", err=True)
        lines.append(csv_row(result))
        if as_json:
            click.echo(json.dumps(asdict(result)))
        elif out is None:
            click.echo("\n".join(lines[-1 - (len(lines) == 2) :]))
    if out is not None:
        write_whole(out, "\n".join([*lines, ""]))
    return failures.exit_code()


def replayed(results: Iterable[tuple[Recording, Event] | Replayed], failures: Failures, *, as_json: bool, fail_on_anomaly: bool) -> int:
    """Prints events as they are found, and what each file came to; the exit code."""
    from monitor.sink.payload import payload

    found = 0
    for result in results:
        if not isinstance(result, tuple):
            found += result.events
            click.echo(json.dumps(asdict(result)) if as_json else _replayed(result))
        elif as_json:
            click.echo(payload(result[1]))
        elif result[1].type == "end":
            click.echo(_happened(result[1], result[0]))
    failed = failures.exit_code()
    return 3 if found and fail_on_anomaly else failed


def _replayed(r: Replayed) -> str:
    short = ", short: repeated to fill one window" if r.short else ""
    events = f"{r.events} event{'s' * (r.events != 1)}"
    windows = f"{r.windows} window{'s' * (r.windows != 1)}{short}"
    return f"{r.file}: {events} in {clock(r.seconds)} ({windows}); highest score {r.score:.2f}, alarm level {r.threshold:.2f}"


def _happened(event: Event, recording: Recording) -> str:
    where = dict(event.where)
    begin_s, end_s = (index / recording.source.rate_hz for index in (event.start_index, event.end_index))
    return f"{recording.path}: {clock(begin_s)} to {clock(end_s)}  score {event.peak_score:.1f}  {place(where)}  {rarity(event)}"


def place(where: dict[str, float]) -> str:
    """Where in words: a band, a box, or the keys as they are."""
    if {"low_hz", "high_hz"} <= where.keys():
        return f"{where['low_hz']:.0f} to {where['high_hz']:.0f} Hz"
    if {"x", "y", "width", "height"} <= where.keys():
        return f"{where['width']:g} x {where['height']:g} px at {where['x']:g}, {where['y']:g}"
    return " ".join(f"{k} {v:g}" for k, v in where.items())


def rarity(event: Event) -> str:
    """How rare a window like its strangest is on normal."""
    p = f"p {event.p_value:.1g}" if event.p_value >= 1e-9 else "p < 1e-9"
    return p + " (extrapolated)" * event.extrapolated


def clock(seconds: float) -> str:
    """Time into a recording, like 1:02:03.4."""
    minutes, rest = divmod(round(seconds, 1), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02d}:{rest:04.1f}" if hours else f"{minutes}:{rest:04.1f}"


def devices(*, as_json: bool) -> None:
    """Prints the microphones and cameras there are. Raises SourceError, after the cameras, where there can be no microphones."""
    from monitor.source.microphone import input_devices
    from monitor.source.v4l import cameras

    seen, heard, refusal = cameras(), [], None
    try:
        heard = input_devices()
    except SourceError as error:
        refusal = error
    if as_json:
        click.echo(json.dumps([{"kind": "microphone", **asdict(d)} for d in heard] + [{"kind": "camera", **asdict(c)} for c in seen]))
    else:
        lines = [f"{d.name}  ({d.host}, {d.channels} channels, {d.rate_hz:g} Hz)" for d in heard]
        lines += [f"{c.name}  ({c.id or c.path})" for c in seen]
        click.echo("\n".join(lines) or "no microphone and no camera found")
    if refusal is not None:
        raise refusal


def examined(findings: Iterable[Finding], *, as_json: bool) -> int:
    """Prints every finding as it is made, and below it what mends it, or all of them as a list; 1 if something failed."""
    found = []
    for finding in findings:
        found.append(finding)
        if not as_json:
            click.echo(f"{finding.status:7s}  {finding.check}: {finding.detail}" + f"\n         {finding.mend}" * bool(finding.mend))
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in found]))
    return int(any(finding.status == "failed" for finding in found))


def listened(steps: Iterable[Heard], *, as_json: bool) -> None:
    """Prints every step as it is heard."""
    for step in steps:
        click.echo(json.dumps(step.event) if as_json else _step(step.event))


def _step(event: Mapping[str, Any]) -> str:
    """Local time (of the start, later of how far it has got), stream, type, score, band, and why it ended."""
    at = datetime.fromtimestamp(event["start_unix"] if event["type"] == "new" else event["end_unix"])
    score = "score -" if event["score"] is None else f"score {event['score']:.1f}"
    words = (f"{at:%Y-%m-%d %H:%M:%S}", event["stream"], f"{event['type']:6s}", score, place(event["where"]), event.get("reason") or "")
    return "  ".join(words).rstrip()


def evaluation(records: Iterable[Progress | Report]) -> int:
    """Shows an evaluation and its table."""
    click.echo("\n".join(outcome(records).lines))
    return 0
