"""Evaluation on the sound protocols: what is fitted on what, and that nothing is left out."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from models.representation import audio
from models.representation.audio import RECIPE
from monitor.learn import judge, network, optimise
from monitor.learn.evaluation import PROTOCOLS
from monitor.learn.protocol import read_rows
from monitor.learn.report import Report
from monitor.records import Progress
from tests.tables import LENGTH, PLACES, evaluated, hum, tables

OURS = ["R", "S", "T", "fusion", "R + S"]
DETECTORS = [*OURS, *(f"untrained: {name}" for name in OURS), "log-mel Mahalanobis"]
Sites = tuple[list[Progress], Report, dict[tuple[str, ...], float]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both tables and their clips."""
    return tables(tmp_path_factory.mktemp("made"))


@pytest.fixture
def data(made: Path, tmp_path: Path) -> Path:
    """A copy of them to change."""
    return Path(shutil.copytree(made, tmp_path / "data"))


@pytest.fixture(scope="module")
def sites(made: Path) -> Sites:
    """What came of the sites as they are, untrained; progress, report, scores written."""
    return *evaluated("sites", made, out=made / "scores.out", parts=True), scores(made / "scores.out")


def scores(path: Path) -> dict[tuple[str, ...], float]:
    """The written scores by the columns before them."""
    with path.open(newline="") as file:
        _, *rows = csv.reader(file)
    return {tuple(row[:-1]): float(row[-1]) for row in rows}


def replace_clip(path: Path) -> None:
    """Other sound under the same name."""
    sf.write(path, np.random.default_rng(99).normal(0, 0.1, LENGTH).astype(np.float32).clip(-1, 1), 16000)


def changed(before: dict[tuple[str, ...], float], after: dict[tuple[str, ...], float]) -> set[tuple[str, ...]]:
    """Where scores differ by more than another batch would explain."""
    assert before.keys() == after.keys()
    return {key for key in before if before[key] != pytest.approx(after[key], rel=1e-4, abs=1e-4)}


def test_sites(sites: Sites) -> None:
    """All detectors stand in the table, every judged row in the CSV, and every stage is shown to its end."""
    progress, report, written = sites
    assert ["0", "dB", "10", "dB", "mean"] == report.lines[0].split()
    assert DETECTORS == [line[:21].strip() for line in report.lines[1:12]]
    assert {(str(row),) for row in (3, 4, 5, 6, 10, 11, 12, 13)} == written.keys()
    assert ["decoding", "scoring", "scoring untrained"] == list(dict.fromkeys(p.stage for p in progress))
    assert {"decoding": 1.0, "scoring": 1.0, "scoring untrained": 1.0} == {p.stage: p.done for p in progress}
    assert report.seconds > 0


def test_report(sites: Sites, data: Path) -> None:
    """A script reads the numbers of the table, and the lines after it say coverage, training and cost."""
    _, report, _ = sites
    assert DETECTORS == list(report.auroc)
    for name, line in zip(DETECTORS, report.lines[1:12], strict=True):
        assert [f"{value:.3f}" for value in report.auroc[name].values()] == line.split()[-3:]
        assert ["0 dB", "10 dB", "mean"] == list(report.auroc[name])
    assert ["p = 0.1", "p = 0.2", "p = 0.3"] == [line[:7] for line in report.lines[12:15]]
    assert ["not trained", f"network: {report.gflop:.3f} GFLOP a window"] == report.lines[15:]
    assert (0, None) == (report.steps, report.loss)


def test_parts(sites: Sites, made: Path) -> None:
    """Beside the fused scores lie those of each other detector."""
    _, _, fused = sites
    written = {name: scores(made / f"scores-{name}.out") for name in ("R", "S", "T", "R+S", "mahalanobis", "untrained")}
    assert all(each.keys() == fused.keys() for each in written.values())
    assert {f"scores-{name}.out" for name in written} == {path.name for path in made.glob("scores-*")}
    r, s, _ = RECIPE.pooling.counts
    for key in fused:
        # A clip counts as its worst window, and the worst of a mean is at most the mean of the worst.
        assert written["R+S"][key] <= (r * written["R"][key] + s * written["S"][key]) / (r + s) + 1e-4


def test_ovr(data: Path) -> None:
    """Each class judges the test clips of all, and each other's lie further out than its own by the comparator."""
    _, report = evaluated("ovr", data, out=data / "out.csv", parts=True)
    assert ["hall", "mill", "mean"] == report.lines[0].split()
    assert DETECTORS == [line[:21].strip() for line in report.lines[1:12]]
    assert {"hall": 1.0, "mill": 1.0, "mean": 1.0} == report.auroc["log-mel Mahalanobis"]
    assert ["not trained", f"network: {report.gflop:.3f} GFLOP a window"] == report.lines[12:]
    answer = scores(data / "out.csv")
    assert {(label, str(row)) for label in PLACES for row in (3, 4, 8, 9)} == answer.keys()
    # T is the answer: the others lie beside it.
    assert {"R", "S", "R+S", "fusion", "mahalanobis", "untrained"} == {path.stem[4:] for path in data.glob("out-*")}
    test = [row for row in read_rows(data / "ovr.csv") if row.role == "test"]
    assert report.auroc["T"] == judge.ovr_auroc(test, {(label, int(row)): value for (label, row), value in answer.items()})


def test_a_clip_counts_as_its_protocol_has_it() -> None:
    """A site's clip is as strange as its worst window, a class's as its windows on average."""
    assert {"sites": 6.0, "ovr": 3.0} == {name: rules.pool(np.array([1.0, 6.0, 2.0])) for name, rules in PROTOCOLS.items()}


def test_sites_are_fitted_on_their_own_training_clips(sites: Sites, data: Path) -> None:
    """A test clip's sound moves its own rows alone, a site's training clip the rows of that site alone."""
    _, _, before = sites
    replace_clip(data / "hall-4.wav")
    replace_clip(data / "mill-0.wav")
    evaluated("sites", data, out=data / "after.csv")
    assert {(str(row),) for row in (4, 10, 11, 12, 13)} == changed(before, scores(data / "after.csv"))


def test_trained_classes_share_nothing(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A class's training clip moves no score of another class, whose training is repeated exactly."""
    monkeypatch.setattr(audio, "RECIPE", replace(audio.RECIPE, batch=2))
    # How many steps fit into a time is not the same twice.
    monkeypatch.setattr(network, "plan", lambda *args, seconds, steps: optimise.plan(*args, seconds=seconds, steps=3))
    progress, report = evaluated("ovr", data, out=data / "before.csv", budget_s=1.0)
    assert report.loss is not None
    assert f"trained: 2 networks, 6 steps, last loss {report.loss:.3f}" == report.lines[-2]
    assert [i / 6 for i in range(1, 7)] == pytest.approx([p.done for p in progress if p.stage == "training"])
    replace_clip(data / "mill-0.wav")
    evaluated("ovr", data, out=data / "after.csv", budget_s=1.0)
    before, after = scores(data / "before.csv"), scores(data / "after.csv")
    assert {("mill", str(row)) for row in (3, 4, 8, 9)} == changed(before, after)
    assert [before["hall", str(row)] for row in (3, 4, 8, 9)] == [after["hall", str(row)] for row in (3, 4, 8, 9)]


@pytest.mark.usefixtures("briefly")
def test_training(sites: Sites, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a budget the network is trained, shown with its loss, and scores otherwise; the controls stay as they were."""
    monkeypatch.setattr(audio, "RECIPE", replace(audio.RECIPE, batch=2))
    monkeypatch.setattr(optimise, "LEAST_STEPS", 60)
    _, untrained_report, before = sites
    progress, report = evaluated("sites", made, out=made / "trained.out", budget_s=1.0)
    training = [p for p in progress if p.stage == "training"]
    assert training
    assert all(p.loss is not None for p in progress if p.stage in ("training", "teaching"))
    assert ["training", "making anomalies", "teaching", "scoring"] == list(dict.fromkeys(p.stage for p in progress))[1:5]
    assert before.keys() == changed(before, scores(made / "trained.out"))
    assert ["R", "S", "T", "D", "fusion", "R + S", "R + S + T"] == [*report.auroc][:7]
    assert untrained_report.lines[6:12] == report.lines[8:14]
    assert (len(training), training[-1].loss) == (report.steps, report.loss)
    assert f"trained: {report.steps} steps, last loss {report.loss:.3f}" == report.lines[-2]


def test_only(data: Path) -> None:
    """A site that is asked for is judged alone; a class judges the clips of all; a name twice counts once."""
    evaluated("sites", data, only=["mill", "mill"], out=data / "sites.csv.out")
    assert {(str(row),) for row in (10, 11, 12, 13)} == scores(data / "sites.csv.out").keys()
    _, report = evaluated("ovr", data, only=["mill"], out=data / "ovr.csv.out")
    assert ["mill", "mean"] == report.lines[0].split()
    assert {("mill", str(row)) for row in (3, 4, 8, 9)} == scores(data / "ovr.csv.out").keys()


def test_short_and_uneven_clips(data: Path) -> None:
    """A clip shorter than a window, of exactly one, or ending between hops is judged, whatever lies at its end."""
    for name, samples in (("hall-3", 8000), ("hall-4", 33536), ("mill-3", 35200)):
        sf.write(data / f"{name}.wav", hum("hall", seed=5)[:samples], 16000)
    evaluated("ovr", data, only=["hall"], out=data / "before.csv")
    sound = hum("hall", seed=5)[:35200]
    sound[-1500:] = 0.5
    sf.write(data / "mill-3.wav", sound, 16000)
    evaluated("ovr", data, only=["hall"], out=data / "after.csv")
    assert {("hall", "8")} == changed(scores(data / "before.csv"), scores(data / "after.csv"))
