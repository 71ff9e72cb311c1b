"""What comes of an evaluation, and where its scores go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from monitor.whole import check_writable

UNTRAINED = "untrained: "
"""Before the name of a detector, if it looks through the network that was not trained."""


@dataclass(frozen=True, slots=True)
class Report:
    """What came of it."""

    lines: list[str]
    """A table of AUROC, and what there is to say of coverage, training and cost."""
    auroc: dict[str, dict[str, float]]
    """By detector and column of the table."""
    steps: int
    """Of training, over all networks."""
    loss: float | None
    """The last one, mean over the networks; none without training."""
    gflop: float
    """What the network takes for one window, in 1e9 floating-point operations."""
    seconds: float
    """Wall time."""


def outs(out: Path, detector: str, others: Sequence[str], comparator: str) -> dict[str, Path]:
    """Where the scores of which detector go: one's to `out`, and if there are others, theirs and the controls' beside it.

    Raises DiffmonError if they cannot.
    """
    check_writable(out)  # first: a folder has no stem to name the others by
    paths = {detector: out}
    if others:
        ours = {name: name.replace(" ", "") for name in others}
        suffixes = ours | {comparator: comparator.split()[-1].lower(), UNTRAINED + detector: "untrained"}
        paths |= {name: out.with_stem(f"{out.stem}-{suffix}") for name, suffix in suffixes.items() if name != detector}
    for path in [*paths.values()][1:]:
        check_writable(path)
    return paths
