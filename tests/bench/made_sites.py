"""A sites table of real normal and made anomalies, on which to choose settings.

  python -m tests.bench.made_sites DATA_DIR OUT_DIR
  python -m tests.bench.made_sites DATA_DIR OUT_DIR --less
  diffmon evaluate sites OUT_DIR

A setting that was chosen on the anomalies of a test set makes the numbers on that set worthless. So settings are chosen
here: DATA_DIR/sites.csv gives its training clips alone, and what is strange is made from nothing.

Each site's training clips are divided in their order: 65 % stay training, one is dropped, since consecutive clips overlap
by half, and the rest is what is judged. With --fold 1 it is the last 65 % that stay training. Each clip to judge is a
normal, and eight times an anomaly: two made sounds at each of four SNRs. With --less it is six times an anomaly, in
which a second of the clip, or a band of that second, is 6, 12 or 24 dB quieter: a detector must not be blind to that.
There `snr_db` is how much quieter.

The same arguments give the same bytes. A clip's anomalies do not depend on which other sites are there.
"""

from __future__ import annotations

import csv
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import click
import numpy as np
from numpy.random import Generator

from monitor.errors import DiffmonError, SourceError
from monitor.learn.protocol import EVENT, RATE_HZ, Clip, Row, read_clip, read_rows
from monitor.whole import write_whole
from tests.bench.less_sound import LONGEST, LOSSES_DB, band, less
from tests.bench.made_sound import made

COLUMNS = ("site", "role", "file", "event", "event_class", "snr_db", "onset_s")
TRAIN_SHARE = 0.65
FEWEST = 5
"""Clips of a site of which one is left to judge."""
SNRS_DB = (-12, -6, 0, 6)
REPEATS = 2
"""Anomalies of a clip at each SNR."""


@dataclass(frozen=True, slots=True)
class Strange:
    """What makes an anomaly of a clip."""

    event: Clip
    """`[EVENT]`."""
    kind: str
    """The `event_class`."""
    snr_db: int
    onset_s: float


def more(clip: Clip, rng: Generator) -> Iterator[Strange]:
    """Made sounds at each SNR."""
    for snr_db in SNRS_DB:
        for _ in range(REPEATS):
            kind, event = made(rng)
            yield Strange(event, kind, snr_db, onset(clip, rng))


def missing(clip: Clip, rng: Generator) -> Iterator[Strange]:
    """At each loss, all sound of a second and a band of another; nothing where there is silence."""
    if not clip.any():
        return
    for loss_db in LOSSES_DB:
        for part in (clip.astype(np.float64), band(clip, rng)):
            onset_s = onset(clip, rng)
            event = less(clip, part, int(onset_s * RATE_HZ), loss_db)
            if event.any():
                yield Strange(event, "less", loss_db, onset_s)


def onset(clip: Clip, rng: Generator) -> float:
    """A time from which the clip lasts for another second at least, in whole milliseconds."""
    return int(rng.integers(1 + (len(clip) - EVENT) * 1000 // RATE_HZ)) / 1000


def divided(clips: Sequence[Row], fold: int) -> tuple[Sequence[Row], Sequence[Row]]:
    """A site's clips to train on and to judge; the one between is in neither."""
    count = round(len(clips) * TRAIN_SHARE)
    if fold == 0:
        return clips[:count], clips[count + 1 :]
    return clips[-count:], clips[: -count - 1]


def sites(table: Path, every: int) -> dict[str, list[Row]]:
    """The training rows by site, of each so-many-th site. Raises SourceError if a site has too few."""
    found: dict[str, list[Row]] = {}
    for row in read_rows(table):
        if row.role == "train":
            found.setdefault(row.group, []).append(row)
    if not found:
        raise SourceError(f"{table}: no row has role train, expected at least {FEWEST} a site")
    for site, clips in found.items():
        if len(clips) < FEWEST:
            raise SourceError(f"{table}: site {site!r} has {len(clips)} rows with role train, expected at least {FEWEST}")
    return dict(list(found.items())[::every])


@dataclass(frozen=True, slots=True)
class Maker:
    """Writes clips and events, and gives their rows of the new table."""

    data: Path
    out: Path
    strange: Callable[[Clip, Generator], Iterator[Strange]]
    seed: int

    def rows(self, site: str, train: Sequence[Row], normal: Sequence[Row]) -> Iterator[tuple[object, ...]]:
        """The rows of a site, in the order of `COLUMNS`. Raises SourceError if a clip cannot be read or is no 1 to 16 s."""
        from scipy.io import wavfile  # type: ignore[import-untyped]

        for row in train:
            yield site, "train", self._copied(row)[0], "", "", "", ""
        for row in normal:
            file, clip = self._copied(row)
            if not EVENT <= len(clip) <= LONGEST:
                raise SourceError(f"{self.data / row.file}: {len(clip) / RATE_HZ:g} s long, expected 1 to {LONGEST / RATE_HZ:g} s")
            yield site, "normal", file, "", "", "", ""
            rng = np.random.default_rng([self.seed, row.number])
            for i, each in enumerate(self.strange(clip, rng)):
                event = f"events/{row.number:05d}-{i}.wav"
                # libsndfile writes the time of day into such a file.
                wavfile.write(self.out / event, RATE_HZ, each.event)
                yield site, "anomaly", file, event, each.kind, each.snr_db, each.onset_s

    def _copied(self, row: Row) -> tuple[str, Clip]:
        """The name of the row's clip in the new folder, and the clip."""
        source = self.data / row.file
        # A name of its own: the table's may be absolute, or lead out of the folder.
        name = f"clips/{row.number:05d}{source.suffix}"
        clip = read_clip(source)
        shutil.copyfile(source, self.out / name)
        return name, clip


def write_sites(maker: Maker, of: dict[str, list[Row]], fold: int) -> str:
    """Makes the folder and all in it, the table last, and says what is there. Raises DiffmonError."""
    try:
        maker.out.mkdir(parents=True, exist_ok=True)
        if any(maker.out.iterdir()):
            raise DiffmonError(f"{maker.out}: is not empty, expected a new folder or an empty one")
        for name in ("clips", "events"):
            (maker.out / name).mkdir()
        rows = [row for site, clips in of.items() for row in maker.rows(site, *divided(clips, fold))]
        count = sum(1 for _ in (maker.out / "clips").iterdir())
    except OSError as error:
        raise DiffmonError(f"{maker.out}: cannot be written: {error.strerror}") from None
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *rows])
    write_whole(maker.out / "sites.csv", text.getvalue())
    return f"{len(of)} sites, {count} clips, {len(rows)} rows"


@click.command()
@click.argument("data_dir", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out_dir", type=click.Path(file_okay=False, path_type=Path))
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the made sounds and their places.")
@click.option("--every", type=click.IntRange(1), default=1, show_default=True, help="Keep each so-many-th site alone.")
@click.option("--fold", type=click.IntRange(0, 1), default=0, show_default=True, help="Train on the first clips, or on the last.")
@click.option("--less", "quieter", is_flag=True, help="Take sound away instead of adding some.")
def main(data_dir: Path, out_dir: Path, seed: int, every: int, fold: int, quieter: bool) -> None:
    """Makes a sites table in OUT_DIR from the training rows of DATA_DIR/sites.csv."""
    maker = Maker(data_dir, out_dir, missing if quieter else more, seed)
    click.echo(write_sites(maker, sites(data_dir / "sites.csv", every), fold))


if __name__ == "__main__":
    try:
        main()
    except DiffmonError as error:
        sys.exit(f"{error}")
