"""What is said of made anomalies beside real ones."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from tests.bench.made_against_real import main

SCORES = """sense,place,made,real
sound,a,0.7,0.8
sound,b,0.8,0.9
sound,c,0.9,1.0
pictures,d,0.6,0.9
pictures,e,0.7,0.8
"""


def test_each_sense_is_told_by_its_own_places(tmp_path: Path) -> None:
    """Means, and how far the one goes with the other; the picture is there."""
    (tmp_path / "scores.csv").write_text(SCORES)
    done = CliRunner().invoke(main, ["plot", str(tmp_path / "out.png"), str(tmp_path / "scores.csv")])
    assert [
        "sound: 3 places, made 0.800, real 0.900, rank correlation +1.00",
        "pictures: 2 places, made 0.650, real 0.850, rank correlation -1.00",
    ] == done.output.splitlines()
    assert b"\x89PNG" == (tmp_path / "out.png").read_bytes()[:4]
