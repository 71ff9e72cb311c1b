"""How what it costs grows: with streams, windows, steps of reconstruction, the network, the length of a file; memory with that too.

  python -m tests.bench.growth OUT.png
  python -m tests.bench.growth OUT.png --lengths 1m,10m,1h --model other.safetensors

Prints a table of each and draws them. Time is the processor's, so that it means the same on a busy machine. Beside each table stands
the power with which the time grows over its last doubling: 1 is in proportion, 0 not at all. Quality is not looked at.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is loaded
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # who spins takes time for nothing

import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import soundfile
import torch

from models.checkpoint import Model
from models.denoiser import Denoiser
from models.normalise import standardise
from models.score import observe
from models.unet import UNetSettings
from monitor.bench.memory import Peak
from monitor.bench.speed import windows
from monitor.bench.stage import Stage, prepared
from monitor.bench.track import Track, track
from monitor.engine import Engine
from monitor.errors import DiffmonError
from monitor.learn.network import gflop
from monitor.opened import Opened
from monitor.options import ModelFile
from monitor.pipeline import BATCH
from monitor.present import outcome
from monitor.records import Progress
from monitor.synth.wave import RATE_HZ
from monitor.whole import check_writable
from tests.bench.training_time import Budgets

STREAMS = (1, 4, 16, 64, 256, 1024)
COUNTS = (1, 2, 4, 8, 16, 32, 64, 128)
STEPS = (1, 2, 4, 8)
WIDTHS = (6, 12, 24, 48, 96)
LEAST_S, LEAST = 1.0, 2
"""Each is done for so long, and so often."""


@dataclass(frozen=True, slots=True)
class Curve:
    """What grows with what."""

    over: str
    unit: str
    points: dict[float, float]

    @property
    def power(self) -> float:
        """Of the growth between the last two points."""
        (x, y), (xx, yy) = list(self.points.items())[-2:]
        return math.log(yy / y) / math.log(xx / x)


def cost_ms(work: Callable[[], object]) -> float:
    """Milliseconds of processor time that it takes: the least of some, what disturbs only adds."""
    work()
    least, count, until_s = math.inf, 0, time.process_time() + LEAST_S
    while count < LEAST or time.process_time() < until_s:
        began_s = time.process_time()
        work()
        least, count = min(least, time.process_time() - began_s), count + 1
    return 1000 * least


def by_streams(opened: Opened, sound: Track) -> Curve:
    """A batch whose windows come from ever more streams, each with a profile of its own."""
    points = {}
    for count in STREAMS:
        names = [f"s{i}" for i in range(count)]
        engine = Engine(opened.model, opened.representation, dict.fromkeys(names, opened.fitted.profile), device=torch.device("cpu"))
        cut = windows(opened.representation, sound, BATCH, names[:: max(1, count // BATCH)])
        points[float(count)] = cost_ms(lambda: engine.judge(cut)) / BATCH  # noqa: B023  # done at once
    return Curve("streams in a batch", "ms a window", points)


def by_count(opened: Opened, sound: Track) -> Curve:
    """Ever more windows."""
    engine = Engine(opened.model, opened.representation, {"s": opened.fitted.profile}, device=torch.device("cpu"))
    cut = windows(opened.representation, sound, max(COUNTS), ["s"])
    return Curve("windows", "ms", {float(count): cost_ms(lambda: engine.judge(cut[:count])) for count in COUNTS})  # noqa: B023


def by_steps(opened: Opened, sound: Track) -> Curve:
    """Ever more steps back from the same noise; of the network alone."""
    return Curve("steps of reconstruction", "ms a window", {float(n): network_ms(opened.model, opened, sound, n) for n in STEPS})


def by_size(opened: Opened, sound: Track) -> Curve:
    """Ever wider networks, over what one window takes of them in GFLOP."""
    points = {}
    for width in WIDTHS:
        settings = UNetSettings(opened.model.denoiser.settings.channels, (width, 2 * width, 4 * width))
        model = Model("audio", opened.model.grid, Denoiser(settings).requires_grad_(False).eval(), opened.model.bank)
        points[round(gflop(model, opened.representation), 3)] = network_ms(model, opened, sound, 1)
    return Curve("GFLOP of the network a window", "ms a window", points)


@torch.inference_mode()
def network_ms(model: Model, opened: Opened, sound: Track, steps: int) -> float:
    """Of one window in a batch, in the network."""
    sense, profile = opened.representation, opened.fitted.profile
    items = torch.stack([torch.from_numpy(w.items) for w in windows(sense, sound, BATCH // 2)])
    inputs = standardise(sense.look(items).planes, profile)
    return cost_ms(lambda: observe(model.denoiser, inputs, profile, model.bank, sense.recipe, steps)) / len(items)


def by_length(stage: Stage, sound: Track, lengths: Sequence[float], folder: Path) -> tuple[Curve, Curve]:
    """`replay` of ever longer files: processor time, and the most memory."""
    seconds, memory = {}, {}
    for length_s in lengths:
        path = folder / "long.wav"
        with soundfile.SoundFile(path, "w", RATE_HZ, 1) as file:
            for start in range(0, round(length_s * RATE_HZ), RATE_HZ):
                file.write(sound.piece(start, RATE_HZ))
        profile = [] if stage.profile is None else ["--profile", str(stage.profile)]
        command = [sys.executable, "-m", "monitor.cli", "replay", str(path), "--model", str(stage.model), *profile]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        # Not what the system says in the end: a process begins with the size of the one that starts it.
        with Peak(process.pid) as peak:
            _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode or peak.mb is None:
            raise DiffmonError(f"replay of {length_s:g} s failed: exit code {process.returncode}")
        seconds[length_s], memory[length_s] = used.ru_utime + used.ru_stime, peak.mb
    return Curve("seconds of the file replayed", "s", seconds), Curve("seconds of the file replayed", "MB at most (PSS)", memory)


def staged(model: Path | None, folder: Path) -> Iterator[Progress | Stage]:
    """What is measured, last of all."""
    yield (yield from prepared(model, folder))


def draw(out: Path, curves: Sequence[Curve]) -> None:
    """Writes the picture."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 6), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    for axis, curve in zip(figure.subplots(2, 3).flat, curves, strict=True):
        axis.loglog(list(curve.points), list(curve.points.values()), "o-", color="tab:blue", base=2)
        low, high = min(curve.points.values()), max(curve.points.values())
        axis.set_ylim(low / 2, 2 * high)
        axis.set_xlabel(curve.over)
        axis.set_ylabel(curve.unit)
        axis.set_title(f"twice as much: {2**curve.power:.2f} times", loc="right", fontsize="small")
        axis.xaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_major_formatter("{x:.4g}")
        axis.grid(alpha=0.3)
    figure.savefig(out)


def table(curve: Curve) -> str:
    """A line a point."""
    lines = [f"{curve.over} ({curve.unit}): grows with power {curve.power:.2f} in the end"]
    return "\n".join([*lines, *(f"  {x:>8g} {y:10.2f}" for x, y in curve.points.items())])


@click.command()
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--model", type=ModelFile(), help="Model of sound; the one that comes with the program, or a fresh one, if none.")
@click.option("--lengths", type=Budgets(), default="30s,1m,2m,4m", show_default=True, help="Of the files that are replayed.")
def main(out: Path, model: Path | None, lengths: dict[str, float]) -> None:
    """Measures, prints and draws into OUT."""
    check_writable(out)
    sound = track()
    with TemporaryDirectory() as folder:
        stage = outcome(staged(model, Path(folder)))
        curves = []
        for measured in (by_streams, by_count, by_steps, by_size):
            curves.append(measured(stage.opened, sound))
            click.echo(table(curves[-1]))
        for curve in by_length(stage, sound, list(lengths.values()), Path(folder)):
            curves.append(curve)
            click.echo(table(curve))
    draw(out, curves)


if __name__ == "__main__":
    try:
        main()
    except DiffmonError as error:
        sys.exit(f"{error}")
