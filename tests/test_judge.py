"""The judge: AUROC from scores, its table, and scores as CSV."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import DiffmonError, ModelError, SourceError
from monitor.learn import judge
from monitor.learn.protocol import Mix, Row

SCORE = st.integers(-3, 3).map(float)


@settings(deadline=None, max_examples=30)
@given(normal=st.lists(SCORE, min_size=1, max_size=8), anomalous=st.lists(SCORE, min_size=1, max_size=8))
def test_auroc_counts_pairs(normal: list[float], anomalous: list[float]) -> None:
    """AUROC is the share of pairs in which the anomaly is higher, ties counted half."""
    pairs = [(a > n) + 0.5 * (a == n) for a in anomalous for n in normal]
    assert pytest.approx(sum(pairs) / len(pairs)) == judge.auroc(normal, anomalous)


def test_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where scikit-learn is missing the error says what to install."""
    monkeypatch.setitem(sys.modules, "sklearn.metrics", None)
    with pytest.raises(DiffmonError, match=r"pip install 'diffmon\[bench\]'"):
        judge.auroc([0.0], [1.0])


def test_auroc_of_what_is_not_finite() -> None:
    """A score that is not a number is an error, not a rank."""
    with pytest.raises(ModelError, match="a score is nan"):
        judge.auroc([0.0, float("nan")], [1.0])


def site(name: str, first: int) -> list[Row]:
    """Two normals and an anomaly at each of two ratios."""
    mixes = [None, None, Mix("e", "dog", -12.0, 0.0), Mix("e", "dog", 6.0, 0.0)]
    return [Row(first + i, name, "anomaly" if mix else "normal", "x", mix) for i, mix in enumerate(mixes)]


def test_sites_table() -> None:
    """One line a detector: the mean over sites at each ratio, then the mean of those."""
    rows = [Row(0, "a", "train", "x", None), *site("a", 1), *site("b", 5)]
    good = dict(enumerate([0, 1, 2, 3, 0, 1, 0.5, 2], start=1))
    scores = {"R": good, "random weights: R": dict.fromkeys(good, 0.0)}
    lines = judge.table({name: judge.sites_auroc(rows, each) for name, each in scores.items()})
    assert [
        "                   -12 dB   6 dB   mean",
        "R                   0.750  1.000  0.875",
        "random weights: R   0.500  0.500  0.500",
    ] == lines


def test_sites_table_of_a_subset() -> None:
    """A part of the rows is judged by itself, and needs no scores of the others."""
    assert {"-12 dB": 0.5, "6 dB": 1.0, "mean": 0.75} == judge.sites_auroc(site("b", 5), {5: 0, 6: 1, 7: 0.5, 8: 2})


def test_sites_without_normal() -> None:
    """A site with anomalies and no normal clip, or no anomaly at all, cannot be judged and is named."""
    with pytest.raises(SourceError, match="site 'a' has no row with role normal"):
        judge.sites_auroc(site("a", 0)[2:], {2: 0.0, 3: 0.0})
    with pytest.raises(SourceError, match="no row has role anomaly"):
        judge.sites_auroc(site("a", 0)[:2], {0: 0.0, 1: 0.0})


def ovr_rows() -> list[Row]:
    """A training row, then two test rows of each of two classes."""
    labels = ["dog_bark", "dog_bark", "siren", "siren"]
    return [Row(0, "siren", "train", "x", None), *(Row(1 + i, label, "test", "x", None) for i, label in enumerate(labels))]


def test_ovr_table() -> None:
    """One line a detector: a column a class that was scored, long names stacked, then the mean."""
    dog = dict(zip([("dog_bark", i) for i in range(1, 5)], [0, 1, 2, 3], strict=True))
    siren = dict(zip([("siren", i) for i in range(1, 5)], [0, 3, 1, 2], strict=True))
    assert [
        "     dog",
        "    bark  siren   mean",
        "S  1.000  0.500  0.750",
    ] == judge.table({"S": judge.ovr_auroc(ovr_rows(), dog | siren)})
    assert {"siren": 0.5, "mean": 0.5} == judge.ovr_auroc(ovr_rows(), siren)


def test_ovr_without_rows() -> None:
    """A class without test rows, a lone class and no class at all cannot be judged."""
    with pytest.raises(SourceError, match="class 'drilling' has no test row"):
        judge.ovr_auroc(ovr_rows(), {("drilling", i): 0.0 for i in range(1, 5)})
    with pytest.raises(SourceError, match="class 'siren' has no test row of another class"):
        judge.ovr_auroc(ovr_rows()[3:], {("siren", 3): 0.0, ("siren", 4): 0.0})
    with pytest.raises(SourceError, match="no class was scored"):
        judge.ovr_auroc(ovr_rows(), {})


def test_scores_written(tmp_path: Path) -> None:
    """Scores are written in order, exactly, in place of what was there, and nothing is left beside them."""
    path = tmp_path / "scores.csv"
    judge.write_row_scores(path, {12: np.float64(0.1), 3: 2.0})
    assert "row,score\n3,2.0\n12,0.1\n" == path.read_text()
    judge.write_ovr_scores(path, {("siren", 3): 0.5, ("dog_bark", 12): 1e-9})
    assert "label,row,score\ndog_bark,12,1e-09\nsiren,3,0.5\n" == path.read_text()
    assert [path] == list(tmp_path.iterdir())


def test_scores_not_writable(tmp_path: Path) -> None:
    """A place that cannot be written to is named, and what cannot be replaced stays."""
    with pytest.raises(DiffmonError, match=r"no/scores\.csv: the folder .*no does not exist"):
        judge.write_row_scores(tmp_path / "no/scores.csv", {0: 0.0})
    with pytest.raises(DiffmonError, match="is a folder, expected the name of a file"):
        judge.write_row_scores(tmp_path, {0: 0.0})
    (tmp_path / "file").touch()
    with pytest.raises(DiffmonError, match="is not a folder"):
        judge.write_row_scores(tmp_path / "file/scores.csv", {0: 0.0})
