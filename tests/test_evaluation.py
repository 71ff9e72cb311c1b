"""Evaluation on the sound protocols: what is fitted on what, and that nothing is left out."""

from __future__ import annotations

import csv
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
import torch

from models.checkpoint import Model, save_model
from models.normalise import fit_normal
from models.representation.audio import AudioRepresentation, AudioSettings
from models.score import COUNTS
from monitor.errors import DiffmonError, ModelError, SourceError
from monitor.learn import judge, network, optimise
from monitor.learn.evaluation import PROTOCOLS, ProtocolName, Report, evaluate
from monitor.learn.fitting import Pieces, fitted, joined, observed, sizes
from monitor.learn.network import untrained
from monitor.learn.protocol import read_rows
from monitor.learn.training import Progress

OURS = ["R", "S", "T", "fusion", "R + S"]
DETECTORS = [*OURS, *(f"untrained: {name}" for name in OURS), "log-mel Mahalanobis"]
PLACES = ("hall", "mill")
LENGTH = 36_000
Sites = tuple[list[Progress], Report, dict[tuple[str, ...], float]]


def hum(place: str, seed: int) -> np.ndarray:
    """A little more than one window of a place: a tone of its own in noise."""
    time_s = np.arange(LENGTH) / 16000
    tone = 0.1 * np.sin(2 * np.pi * (200 + 400 * PLACES.index(place)) * time_s)
    return (tone + np.random.default_rng(seed).normal(0, 0.02, LENGTH)).astype(np.float32)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two places of three training and two test clips each, with both tables; a place's fault is a chirp at two ratios."""
    folder = tmp_path_factory.mktemp("made")
    time_s = np.arange(16000) / 16000
    sf.write(folder / "chirp.wav", 0.3 * np.sin(2 * np.pi * 3000 * time_s**2), 16000)
    sites, ovr = ["site,role,file,event,event_class,snr_db,onset_s"], ["split,label,file"]
    for place in PLACES:
        for i in range(5):
            name = f"{place}-{i}.wav"
            sf.write(folder / name, hum(place, seed=10 * PLACES.index(place) + i), 16000)
            sites.append(f"{place},{'train' if i < 3 else 'normal'},{name},,,,")
            ovr.append(f"{'train' if i < 3 else 'test'},{place},{name}")
        sites += [f"{place},anomaly,{place}-3.wav,chirp.wav,chirp,{snr_db},1.0" for snr_db in (0, 10)]
    (folder / "sites.csv").write_text("\n".join(sites) + "\n")
    (folder / "ovr.csv").write_text("\n".join(ovr) + "\n")
    return folder


@pytest.fixture
def data(made: Path, tmp_path: Path) -> Path:
    """A copy of them to change."""
    return Path(shutil.copytree(made, tmp_path / "data"))


def evaluated(protocol: ProtocolName, data: Path, **options: Any) -> tuple[list[Progress], Report]:
    """What is yielded; without training unless a budget is given."""
    steps = list(evaluate(protocol, data, **{"budget_s": 0.0, "seed": 0} | options))
    assert isinstance(steps[-1], Report)
    return [step for step in steps if isinstance(step, Progress)], steps[-1]


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
    for key in fused:
        # A clip counts as its worst window, and the worst of a mean is at most the mean of the worst.
        assert written["R+S"][key] <= (COUNTS[0] * written["R"][key] + COUNTS[1] * written["S"][key]) / sum(COUNTS[:2]) + 1e-4


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
    monkeypatch.setattr(optimise, "BATCH", 2)
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


def test_training(sites: Sites, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a budget the network is trained, shown with its loss, and scores otherwise; the controls stay as they were."""
    monkeypatch.setattr(optimise, "BATCH", 2)
    monkeypatch.setattr(optimise, "LEAST_STEPS", 60)
    _, untrained_report, before = sites
    progress, report = evaluated("sites", made, out=made / "trained.out", budget_s=1.0)
    training = [p for p in progress if p.stage == "training"]
    assert training
    assert all(p.loss is not None for p in training)
    assert before.keys() == changed(before, scores(made / "trained.out"))
    assert untrained_report.lines[6:12] == report.lines[6:12]
    assert (len(training), training[-1].loss) == (report.steps, report.loss)
    assert f"trained: {report.steps} steps, last loss {report.loss:.3f}" == report.lines[-2]


def test_only(data: Path) -> None:
    """A site that is asked for is judged alone; a class judges the clips of all; a name twice counts once."""
    evaluated("sites", data, only=["mill", "mill"], out=data / "sites.csv.out")
    assert {(str(row),) for row in (10, 11, 12, 13)} == scores(data / "sites.csv.out").keys()
    _, report = evaluated("ovr", data, only=["mill"], out=data / "ovr.csv.out")
    assert ["mill", "mean"] == report.lines[0].split()
    assert {("mill", str(row)) for row in (3, 4, 8, 9)} == scores(data / "ovr.csv.out").keys()


def test_names_unknown(data: Path) -> None:
    """A name that is not in the table is refused beside some that are."""
    with pytest.raises(DiffmonError, match=r"--only: 'hell' is not in .*sites\.csv, expected one of hall, mill$"):
        evaluated("sites", data, only=["mill", "hell"])
    lines = [f"train,class-{i},hall-0.wav" for i in range(6)]
    (data / "ovr.csv").write_text("\n".join(["split,label,file", *lines]))
    with pytest.raises(DiffmonError, match=r"expected one of class-0, class-1, class-2, class-3, class-4, \.\.\.$"):
        evaluated("ovr", data, only=["hall"])


@pytest.mark.parametrize(
    ("protocol", "dropped", "fault"),
    [
        ("sites", "mill,train", "'mill' has no row to train on"),
        ("ovr", "train,mill", "'mill' has no row to train on"),
        ("ovr", "test,", "'hall' has no row to judge"),
        ("ovr", "test,mill", "class 'hall' has no test row of another class"),
        ("sites", "mill,normal", "site 'mill' has no row with role normal"),
        ("sites", "mill", ""),
    ],
)
def test_rows_missing(data: Path, protocol: ProtocolName, dropped: str, fault: str) -> None:
    """A place without rows to train on or to judge is named before anything is decoded."""
    table = data / f"{protocol}.csv"
    table.write_text("".join(line for line in table.read_text().splitlines(keepends=True) if not line.startswith(dropped)))
    first = evaluate(protocol, data, budget_s=0.0, seed=0)
    if fault:
        with pytest.raises(SourceError, match=fault):
            next(first)
    else:
        assert isinstance(next(first), Progress)


def test_bad_data(data: Path) -> None:
    """A folder without the table, a table without rows and a clip that is missing are named."""
    with pytest.raises(SourceError, match=r"none/ovr\.csv: cannot be read: No such file"):
        evaluated("ovr", data / "none")
    (data / "hall-4.wav").unlink()
    with pytest.raises(SourceError, match=r"hall-4\.wav: no such file"):
        evaluated("ovr", data)
    (data / "ovr.csv").write_text("split,label,file\n")
    with pytest.raises(SourceError, match="no class was scored"):
        evaluated("ovr", data)


def test_out_not_writable(data: Path) -> None:
    """A place for the scores that cannot be written to is refused before anything is decoded."""
    with pytest.raises(DiffmonError, match=r"no/out\.csv: the folder .*no does not exist"):
        next(evaluate("sites", data, budget_s=0.0, seed=0, out=data / "no/out.csv"))


def test_out_of_a_part_not_writable(data: Path) -> None:
    """A place that is taken for the scores of one detector is refused as early."""
    (data / "out-S.csv").mkdir()
    with pytest.raises(DiffmonError, match=r"out-S\.csv: is a folder"):
        next(evaluate("sites", data, budget_s=0.0, seed=0, out=data / "out.csv", parts=True))


def saved(path: Path, model: Model) -> Path:
    """The model on disk, with a profile of noise."""
    sense = AudioRepresentation(AudioSettings(**model.grid))
    planes = sense.planes(torch.randn(16, sense.length, 1, generator=torch.Generator().manual_seed(0)))
    normal = fit_normal(planes)
    seen = joined(list(observed(model, planes, normal)))
    profile, scores = sizes(sense, Pieces([planes[:12]], [planes[12:]]), normal, seen)
    save_model(path, model, fitted(sense, profile, scores, seed=0), {})
    return path


def model(seed: int, rate_hz: int = 16_000) -> Model:
    """A network of random weights."""
    grid = asdict(AudioSettings(rate_hz=rate_hz))
    return untrained(optimise.fresh("audio", grid, AudioRepresentation(AudioSettings(**grid)), seed=seed), seed=seed)


def test_init(data: Path) -> None:
    """Without a budget the network to start from is judged as it is."""
    path = saved(data / "start.safetensors", model(seed=7))
    _, report = evaluated("sites", data, only=["hall"], init=path, seed=7)
    # The control is drawn with the same seed: the same network.
    assert [report.auroc[name] for name in OURS] == [report.auroc[f"untrained: {name}"] for name in OURS]


def test_init_unfit(data: Path) -> None:
    """A model that listens at another rate, and a file that is none, are refused by name."""
    path = saved(data / "fast.safetensors", model(seed=0, rate_hz=32_000))
    with pytest.raises(ModelError, match=r"fast\.safetensors: listens at 32000 Hz, expected 16000 Hz"):
        evaluated("sites", data, init=path)
    with pytest.raises(ModelError, match=r"sites\.csv: "):
        evaluated("sites", data, init=data / "sites.csv")


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
