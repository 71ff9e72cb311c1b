"""How well scores tell anomalous from normal: AUROC a detector as text for the terminal, and scores as CSV."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.errors import DiffmonError, ModelError, SourceError
from monitor.learn.protocol import Row
from monitor.whole import write_whole

SiteScores = Mapping[int, float]
"""Score of each judged row, by its number; larger is stranger."""
OvrScores = Mapping[tuple[str, int], float]
"""Score of each test row, by the class that was taken as normal and the row's number; larger is stranger."""


def auroc(normal: Sequence[float], anomalous: Sequence[float]) -> float:
    """Probability that an anomaly scores above a normal, ties counted half. Raises ModelError if a score is not finite."""
    return auroc_of(np.repeat([False, True], [len(normal), len(anomalous)]), np.asarray([*normal, *anomalous], dtype=np.float64))


def auroc_of(anomalous: NDArray[np.bool_], scores: NDArray[Any]) -> float:
    """The same of scores `[n]`, each anomalous or not. Raises ModelError if a score is not finite."""
    try:
        from sklearn.metrics import roc_auc_score
    except ImportError:
        raise DiffmonError("scikit-learn is missing: pip install 'diffmon[bench]'") from None
    if not np.isfinite(scores).all():
        raise ModelError(f"a score is {scores[~np.isfinite(scores)][0]}, expected finite numbers only")
    return float(roc_auc_score(anomalous, scores))


def sites_auroc(rows: Iterable[Row], scores: SiteScores) -> dict[str, float]:
    """Mean AUROC over sites by SNR, and `mean` of those. Raises SourceError if a site lacks normal or there is no anomaly."""
    normal: dict[str, list[float]] = defaultdict(list)
    anomalous: dict[float, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if row.role == "normal":
            normal[row.group].append(scores[row.number])
        elif row.mix is not None:
            anomalous[row.mix.snr_db][row.group].append(scores[row.number])
    for site in sorted({site for sites in anomalous.values() for site in sites}):
        _expect(normal[site], f"site {site!r} has no row with role normal")
    _expect(anomalous, "no row has role anomaly")
    return with_mean(
        {
            f"{snr_db:g} dB": _mean(auroc(normal[site], strange) for site, strange in anomalous[snr_db].items())
            for snr_db in sorted(anomalous)
        }
    )


def ovr_auroc(rows: Iterable[Row], scores: OvrScores) -> dict[str, float]:
    """AUROC of each class that was taken as normal, and their `mean`. Raises SourceError if a class or all others lack rows."""
    test = [row for row in rows if row.role == "test"]
    labels = sorted({label for label, _ in scores})
    _expect(labels, "no class was scored")
    result = {}
    for label in labels:
        normal = [scores[label, row.number] for row in test if row.group == label]
        anomalous = [scores[label, row.number] for row in test if row.group != label]
        _expect(normal, f"class {label!r} has no test row")
        _expect(anomalous, f"class {label!r} has no test row of another class beside it")
        result[label] = auroc(normal, anomalous)
    return with_mean(result)


def _expect(found: object, otherwise: str) -> None:
    if not found:
        raise SourceError(f"{otherwise}, expected at least one")


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def with_mean(values: dict[str, float]) -> dict[str, float]:
    """Values by column, and their mean as the last."""
    return values | {"mean": _mean(values.values())}


def table(values: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Lines of text: a header, then one a detector; the columns are those of the first detector, in its order."""
    columns = list(next(iter(values.values()), {}))
    # Names of classes are long: their words stand one above the other.
    titles = [column.split("_") for column in columns]
    widths = [max(5, *map(len, words)) for words in titles]
    names = ["", *values]
    first = max(map(len, names))
    stacked = reversed(list(zip_longest(*map(reversed, titles), fillvalue="")))
    lines = [("", words) for words in stacked]
    lines += [(name, tuple(f"{row[column]:.3f}" for column in columns)) for name, row in values.items()]
    return [_line([name.ljust(first), *map(str.rjust, cells, widths)]) for name, cells in lines]


def _line(cells: Iterable[str]) -> str:
    return "  ".join(cells).rstrip()


def write_row_scores(path: str | Path, scores: SiteScores) -> None:
    """Writes `row,score` by row, the whole file or nothing. Raises DiffmonError if it cannot."""
    _write(Path(path), ("row", "score"), [(row, float(score)) for row, score in sorted(scores.items())])


def write_ovr_scores(path: str | Path, scores: OvrScores) -> None:
    """Writes `label,row,score` by label and row, the whole file or nothing. Raises DiffmonError if it cannot."""
    _write(Path(path), ("label", "row", "score"), [(*key, float(score)) for key, score in sorted(scores.items())])


def _write(path: Path, columns: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> None:
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows([columns, *rows])
    write_whole(path, text.getvalue())
