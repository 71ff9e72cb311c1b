"""How far the clips that the sound protocols describe are from what another implementation makes of the same tables.

  python tests/bench/waveforms.py DATA_DIR --rendered DIR
  python tests/bench/waveforms.py DATA_DIR --referee FILE.py

With --rendered, every row of sites.csv is held against a WAV file, DIR/SITE/train/00000.wav, normal/00000.wav or
anomaly/snr-6/00000.wav, named after the row's number; 16-bit files may differ by one step, 3.1e-5. With --referee, every
row of sites.csv and ovr.csv is held against that module's waveform(row, data_dir), whose row is a dict of strings.
Prints the number of rows and the largest absolute difference of a sample.
"""

from __future__ import annotations

import csv
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np

from monitor.errors import DiffmonError
from monitor.learn.protocol import Clip, Row, read_clip, read_rows, waveforms

Pairs = Iterable[tuple[Clip, Clip]]


def largest_difference(pairs: Pairs) -> float:
    """Largest absolute difference between the two clips of a pair; infinite if their lengths differ."""
    return max(float(np.abs(a - b).max()) if a.shape == b.shape else float("inf") for a, b in pairs)


def beside_files(rows: list[Row], data_dir: Path, folder: Path) -> Iterator[tuple[Clip, Clip]]:
    """Each row of sites.csv as it sounds here, clipped as its file is, and as it was rendered below `folder`."""
    for row, clip in waveforms(rows, data_dir):
        kind = row.role if row.mix is None else f"anomaly/snr{row.mix.snr_db:+.0f}"
        yield clip.clip(-1, 1), read_clip(folder / row.group / kind / f"{row.number:05d}.wav")


def beside_module(rows: list[Row], table: Path, module: Any) -> Iterator[tuple[Clip, Clip]]:
    """Each row as it sounds here, and as the other module computes it from the table's own text."""
    with table.open(encoding="utf-8", newline="") as file:
        texts = list(csv.DictReader(file))
    for row, clip in waveforms(rows, table.parent):
        yield clip, module.waveform(texts[row.number], table.parent)


def module_at(path: Path) -> Any:
    """The Python module in a file that is on no import path."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise DiffmonError(f"{path}: not a Python module")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def report(table: Path, rows: list[Row], pairs: Pairs) -> None:
    """Prints one line."""
    click.echo(f"{table.name}: {len(rows)} rows, largest difference {largest_difference(pairs):.3g}")


@click.command()
@click.argument("data_dir", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--rendered", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder of WAV files of sites.csv.")
@click.option("--referee", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Python file with a waveform(row, data_dir).")
def main(data_dir: Path, rendered: Path | None, referee: Path | None) -> None:
    """Largest difference between what the rows of DATA_DIR sound like here and in another implementation."""
    if rendered is None and referee is None:
        raise click.UsageError("expected --rendered DIR, --referee FILE.py or both")
    if rendered is not None:
        table = data_dir / "sites.csv"
        rows = read_rows(table)
        report(table, rows, beside_files(rows, data_dir, rendered))
    if referee is not None:
        module = module_at(referee)
        for table in (data_dir / "sites.csv", data_dir / "ovr.csv"):
            rows = read_rows(table)
            report(table, rows, beside_module(rows, table, module))


if __name__ == "__main__":
    try:
        main()
    except DiffmonError as error:
        sys.exit(f"{error}")
