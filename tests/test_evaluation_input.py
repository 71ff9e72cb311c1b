"""What evaluation is given: names, tables, clips, places to write to and a network to start from; what it cannot use is named."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from models.checkpoint import Model, save_model
from models.normalise import fit_normal
from models.representation.audio import AudioRepresentation, AudioSettings
from monitor.errors import DiffmonError, ModelError, SourceError
from monitor.learn import optimise
from monitor.learn.detection import detectors
from monitor.learn.evaluation import ProtocolName, evaluate
from monitor.learn.fitting import Pieces, fitted, joined, observed, sizes
from monitor.learn.network import untrained
from monitor.learn.report import UNTRAINED
from monitor.records import Progress
from tests.tables import evaluated, tables


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Both tables and their clips, to be spoilt."""
    return tables(tmp_path)


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
    planes = sense.look(torch.randn(16, sense.length, 1, generator=torch.Generator().manual_seed(0))).planes
    normal = fit_normal(planes, sense.recipe)
    seen = joined(list(observed(model, sense, planes, normal)))
    profile, scores = sizes(model, sense, Pieces([planes[:12]], [planes[12:]]), normal, seen)
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
    assert [report.auroc[name] for name in detectors(3)] == [report.auroc[UNTRAINED + name] for name in detectors(3)]


def test_init_unfit(data: Path) -> None:
    """A model that listens at another rate, and a file that is none, are refused by name."""
    path = saved(data / "fast.safetensors", model(seed=0, rate_hz=32_000))
    with pytest.raises(ModelError, match=r"fast\.safetensors: listens at 32000 Hz, expected 16000 Hz"):
        evaluated("sites", data, init=path)
    with pytest.raises(ModelError, match=r"sites\.csv: "):
        evaluated("sites", data, init=data / "sites.csv")
