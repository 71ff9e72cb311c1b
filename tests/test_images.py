"""Evaluation on the image protocol: every test picture is judged, in its own category, and the maps are where the faults are."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitor.errors import DiffmonError, SourceError
from monitor.learn.components import PositionalComponents
from monitor.learn.gallery import categories
from monitor.learn.images import evaluate_images
from monitor.learn.report import Report
from monitor.records import Progress
from tests.gallery import SIDE, blot, gallery, picture

OURS = ["R", "S", "T", "fusion", "R + S"]
DETECTORS = [*OURS, *(f"untrained: {name}" for name in OURS), "positional PCA"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The table and its pictures."""
    return gallery(tmp_path_factory.mktemp("gallery"))


def evaluated(data: Path, **options: Any) -> tuple[list[Progress], Report]:
    """What is yielded; without training unless a budget is given."""
    steps = list(evaluate_images(data, **{"budget_s": 0.0, "seed": 0, "side": SIDE} | options))
    assert isinstance(steps[-1], Report)
    return [step for step in steps if isinstance(step, Progress)], steps[-1]


def scores(path: Path) -> dict[int, float]:
    """The written scores by row."""
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    assert ["row", "score"] == header
    return {int(row): float(score) for row, score in rows}


def test_every_test_picture_is_judged(data: Path, tmp_path: Path) -> None:
    """All detectors stand in the table; scores and maps are written of the rows that the judge asks for, and of no other."""
    progress, report = evaluated(data, out=tmp_path / "s.csv", maps=tmp_path / "maps", parts=True)
    assert ["plate", "cloth", "mean"] == report.lines[0].split()
    assert DETECTORS == list(report.auroc)
    assert {*range(12, 20), *range(32, 40)} == scores(tmp_path / "s.csv").keys()
    assert {f"{row}.npy" for row in [*range(12, 20), *range(32, 36)]} == {path.name for path in (tmp_path / "maps").iterdir()}
    assert (256, 256) == np.load(tmp_path / "maps/16.npy").shape
    assert scores(tmp_path / "s-untrained.csv").keys() == scores(tmp_path / "s-pca.csv").keys() == scores(tmp_path / "s.csv").keys()
    assert {"plate", "cloth"} == {p.stage.split(":")[0] for p in progress if ":" in p.stage}
    assert report.steps == 0
    assert report.loss is None


def test_a_fault_is_found_and_is_where_it_is_hot(data: Path, tmp_path: Path) -> None:
    """Trained for a moment, a network tells faults from normal, and its maps the faults' pixels from all others."""
    _, report = evaluated(data, only=["plate"], budget_s=1.0, maps=tmp_path / "maps")
    assert report.auroc["fusion"]["plate"] == 1.0
    assert report.steps > 0
    pixels = next(line for line in report.lines if line.startswith("pixel AUROC"))
    assert float(pixels.split()[3].rstrip(";")) > 0.8
    for row in range(16, 20):
        heat = np.load(tmp_path / f"maps/{row}.npy")
        where = np.kron(blot(row), np.ones((8, 8), bool))
        assert heat[where].mean() > 5 * heat[~where].mean()


def test_the_classical_detector_sees_a_blot() -> None:
    """Its map is highest where a blot is."""
    normal = np.stack([picture("plate", i) for i in range(20)])
    strange = picture("plate", 50, fault=True)
    hot = PositionalComponents(normal).maps(strange[None])[0]
    assert blot(50).flat[hot.argmax()]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("plate,train,good,plate-0.png,", "plate,train,blot,plate-0.png,"), "column label: 'blot' is not 'good', as it must be"),
        (("plate,train,good,plate-0.png,", "plate,middle,good,plate-0.png,"), "column split: 'middle' is not one of train, test"),
        (("category,split", "class,split"), "line 1: expected the columns category,split,label,file,mask"),
        (("plate-0.png", "gone.png"), "gone.png"),
    ],
)
def test_a_wrong_table_is_named(data: Path, tmp_path: Path, change: tuple[str, str], fault: str) -> None:
    """File, line and column, or the picture that is not there; and nothing is written."""
    table = (data / "images.csv").read_text()
    for path in data.iterdir():
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "images.csv").unlink()
    (tmp_path / "images.csv").write_text(table.replace(*change))
    with pytest.raises(SourceError, match=fault):
        evaluated(tmp_path, out=tmp_path / "s.csv")
    assert not (tmp_path / "s.csv").exists()


def test_a_category_needs_both_kinds(data: Path, tmp_path: Path) -> None:
    """One without an anomaly cannot be judged, and an unknown one is named with those that there are."""
    lines = (data / "images.csv").read_text().splitlines()
    (tmp_path / "images.csv").write_text("\n".join(line for line in lines if "blot" not in line))
    with pytest.raises(SourceError, match="'plate' has no row to judge that is anomalous"):
        categories(tmp_path, [])
    with pytest.raises(DiffmonError, match=r"--only: .rope. is not in .*, expected one of plate, cloth"):
        categories(data, ["rope"])


def test_maps_that_cannot_be_written_are_told_before_anything_is_learned(data: Path, tmp_path: Path) -> None:
    """A file where the folder should be."""
    (tmp_path / "maps").write_text("")
    with pytest.raises(DiffmonError, match=r"maps: cannot be written"):
        next(evaluate_images(data, budget_s=0.0, seed=0, maps=tmp_path / "maps", side=SIDE))
