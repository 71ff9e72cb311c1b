"""Contaminated normal: how much of it, of which events, and that nothing else changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch

from models.representation.audio import AudioRepresentation, AudioSettings
from monitor.errors import SourceError
from monitor.learn.contamination import contaminated, foreign
from monitor.learn.evaluation import evaluate
from monitor.learn.heard import Clips, decoded, inputs
from monitor.learn.places import Place, sites, systems
from monitor.learn.protocol import Row, waveform
from monitor.learn.report import Report
from tests.command import diffmon

SITE = "fan-10"
OVR = "split,label,file\n"
FOREIGN = ["train,dog,clips/20-0.wav", "train,siren,clips/30-0.wav"]
UNFIT = ["test,dog,clips/40-0.wav", "train,fan,clips/50-0.wav", "train,dog,clips/10-0.wav", "train,dog,clips/60-0.wav"]


def clip(seed: int, seconds: float = 4.0) -> np.ndarray:
    """Noise."""
    return np.random.default_rng(seed).normal(0, 0.05, int(16000 * seconds)).clip(-1, 1).astype(np.float32)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A site of 24 s to train on, another site, and clips of which two are fit to contaminate the first."""
    (tmp_path / "clips").mkdir()
    rows = ["site,role,file,event,event_class,snr_db,onset_s"]
    for number, site in ((10, SITE), (60, "pump-60")):
        for i in range(8):
            sf.write(tmp_path / f"clips/{number}-{i}.wav", clip(number + i), 16000, subtype="FLOAT")
            rows.append(f"{site},{'train' if i < 6 else 'normal'},clips/{number}-{i}.wav,,,,")
        rows.append(f"{site},anomaly,clips/{number}-6.wav,clips/20-0.wav,dog,6,1")
    for number in (20, 30, 40, 50):
        sf.write(tmp_path / f"clips/{number}-0.wav", clip(number, 2.0), 16000, subtype="FLOAT")
    (tmp_path / "sites.csv").write_text("\n".join(rows))
    (tmp_path / "ovr.csv").write_text(OVR + "\n".join([*FOREIGN, *UNFIT]))
    return tmp_path


def place(data: Path, name: str = SITE) -> Place:
    """A site as it is."""
    [[found]] = systems(data / "sites.csv", [name], sites)
    return found


def spoilt(data: Path, share: float, seed: int = 0) -> list[Row]:
    """The first site's training rows, contaminated."""
    clips = foreign(data / "sites.csv", data / "ovr.csv")
    return contaminated(place(data), clips, data, share=share, seed=seed).normal


@pytest.mark.parametrize(("share", "count"), [(0.01, 1), (0.05, 1), (0.1, 2), (0.25, 6), (1.0, 24)])
def test_count(data: Path, share: float, count: int) -> None:
    """So many seconds hold an event each, at 0 dB, none of them twice."""
    found = [(row.file, mix.onset_s) for row in spoilt(data, share) for mix in row.spoilt]
    assert count == len(found) == len(set(found))
    assert {0.0} == {mix.snr_db for row in spoilt(data, share) for mix in row.spoilt}
    assert {onset_s for _, onset_s in found} <= {0.0, 1.0, 2.0, 3.0}


def test_events(data: Path) -> None:
    """Events are train clips of another class, from recordings that are no site."""
    mixes = [mix for row in spoilt(data, 1.0) for mix in row.spoilt]
    assert {("clips/20-0.wav", "dog"), ("clips/30-0.wav", "siren")} == {(mix.file, mix.label) for mix in mixes}


def test_choice(data: Path) -> None:
    """The seed decides which seconds and which events; a larger share keeps those of a smaller one."""
    few, many = spoilt(data, 0.25), spoilt(data, 0.5)
    assert few == spoilt(data, 0.25)
    assert few != spoilt(data, 0.25, seed=1)
    assert all(set(a.spoilt) <= set(b.spoilt) for a, b in zip(few, many, strict=True))


def test_what_is_heard(data: Path) -> None:
    """A second with an event has twice the power that the clip has, the others are as they were."""
    row = next(row for row in spoilt(data, 0.05) if row.spoilt)
    before, after = waveform(place(data).normal[row.number], data), waveform(row, data)
    start = int(16000 * row.spoilt[0].onset_s)
    added = after - before
    assert np.sqrt(np.mean(before**2)) == pytest.approx(np.sqrt(np.mean(added[start : start + 16000] ** 2)), rel=1e-3)
    assert not np.delete(added, slice(start, start + 16000)).any()


def test_inputs_to_the_network(data: Path) -> None:
    """What the network is trained on holds the events."""
    sense = AudioRepresentation(AudioSettings())
    clean, dirty = (
        inputs([each], heard(each, data, sense), sense) for each in (place(data), replace(place(data), normal=spoilt(data, 0.25)))
    )
    assert clean.shape == dirty.shape
    assert not torch.allclose(clean, dirty, atol=0.5)


def heard(of: Place, data: Path, sense: AudioRepresentation) -> Clips:
    """Its training clips."""
    job = decoded(of.normal, data, sense)
    while True:
        try:
            next(job)
        except StopIteration as end:
            found: Clips = end.value
            return found


def test_training_rows_alone(data: Path) -> None:
    """What is judged stays as it is."""
    clips = foreign(data / "sites.csv", data / "ovr.csv")
    assert place(data).judged == contaminated(place(data), clips, data, share=1.0, seed=0).judged


def test_evaluation(data: Path) -> None:
    """Contamination reaches the profiles of both networks and the comparator, and is told."""
    plain, dirty = data / "plain.csv", data / "dirty.csv"
    list(evaluate("sites", data, budget_s=0.0, seed=0, out=plain, parts=True, only=[SITE]))
    *_, report = evaluate("sites", data, budget_s=0.0, seed=0, out=dirty, parts=True, only=[SITE], contaminate=0.2)
    assert isinstance(report, Report)
    assert "contaminated: 5 training seconds, by an event each" in report.lines
    for suffix in ("", "-mahalanobis", "-untrained"):
        assert plain.with_stem(f"plain{suffix}").read_text() != dirty.with_stem(f"dirty{suffix}").read_text()


def test_without_a_table(data: Path) -> None:
    """Where there is no ovr.csv, or no clip in it that may be used, it is named."""
    (data / "ovr.csv").write_text(OVR + "\n".join(UNFIT[:1] + UNFIT[2:]))
    with pytest.raises(SourceError, match=r"ovr\.csv: no train clip of a recording that is no site"):
        foreign(data / "sites.csv", data / "ovr.csv")
    (data / "ovr.csv").write_text(OVR + UNFIT[1])
    with pytest.raises(SourceError, match="site 'fan-10': no train clip of another class"):
        spoilt(data, 0.05)
    (data / "ovr.csv").unlink()
    with pytest.raises(SourceError, match=r"ovr\.csv: no such file, expected the table"):
        spoilt(data, 0.05)


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["ovr", ".", "--contaminate", "0.05"], "No such option '--contaminate'"),
        (["sites", ".", "--contaminate", "1.5"], "1.5 is not in the range 0<=x<=1"),
        (["sites", ".", "--contaminate", "nan"], "'nan' is not a number"),
        (["sites", ".", "--parts"], "--parts needs --out"),
    ],
)
def test_usage(arguments: list[str], fault: str) -> None:
    """What does not go together is a usage error."""
    done = diffmon("evaluate", *arguments)
    assert 2 == done.exit_code
    assert fault in done.stderr
