"""The sound protocols: their tables, what their rows sound like, the comparator, the judge."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import DiffmonError, ModelError, SourceError
from monitor.learn import judge
from monitor.learn.comparator import LogMelMahalanobis, statistics
from monitor.learn.protocol import Clip, Mix, Row, loudest_second, read_clip, read_rows, waveform, waveforms

SITES = "site,role,file,event,event_class,snr_db,onset_s\n"
OVR = "split,label,file\n"
SCORE = st.integers(-3, 3).map(float)


def noise(seconds: float, *, level: float = 0.1, seed: int = 0) -> Clip:
    """White noise of an RMS of `level`."""
    return np.random.default_rng(seed).normal(0, level, int(seconds * 16000)).clip(-1, 1).astype(np.float32)


def knock(seconds: float, *, at: float) -> Clip:
    """Silence but for half a second of loud noise."""
    clip = np.zeros(int(seconds * 16000), np.float32)
    clip[int(at * 16000) : int((at + 0.5) * 16000)] = noise(0.5, level=0.3, seed=5)
    return clip


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A site of two recordings in Vorbis and one event in WAV, with both tables."""
    (tmp_path / "clips").mkdir()
    for i in range(2):
        sf.write(tmp_path / f"clips/room-{i}.ogg", noise(4, seed=i), 16000, format="OGG", subtype="VORBIS")
    sf.write(tmp_path / "clips/knock.wav", knock(4, at=2.12), 16000, subtype="FLOAT")
    train = "plant,train,clips/room-0.ogg,,,,\nplant,normal,clips/room-1.ogg,,,,\n"
    anomalies = "".join(f"plant,anomaly,clips/room-1.ogg,clips/knock.wav,knock,{snr},{onset}\n" for snr, onset in [(-6, 1.25), (30, 3.5)])
    (tmp_path / "sites.csv").write_text(SITES + train + anomalies)
    (tmp_path / "ovr.csv").write_text(OVR + "train,room,clips/room-0.ogg\ntest,room,clips/room-1.ogg\ntest,knock,clips/knock.wav\n")
    return tmp_path


def test_rows(data_dir: Path) -> None:
    """Rows carry their number, site or class, role, clip and what is mixed in."""
    sites, ovr = read_rows(data_dir / "sites.csv"), read_rows(data_dir / "ovr.csv")
    assert Row(1, "plant", "normal", "clips/room-1.ogg", None) == sites[1]
    assert Row(2, "plant", "anomaly", "clips/room-1.ogg", Mix("clips/knock.wav", "knock", -6.0, 1.25)) == sites[2]
    assert Row(2, "knock", "test", "clips/knock.wav", None) == ovr[2]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "line 1: expected the columns site,role"),
        ("site,role,file\n", "line 1: expected the columns site,role"),
        (SITES + "a,normal,x.ogg,,,,\na,odd,x.ogg,,,,\n", "line 3, column role: 'odd' is not one of train, normal, anomaly"),
        (SITES + "a,normal\n", "line 2, column file: no value"),
        (SITES + "a,normal,x.ogg,,,,,9\n", "line 2: more values than columns"),
        (SITES + "a,anomaly,x.ogg,,dog,0,1\n", "line 2, column event: no value"),
        (SITES + "a,normal,x.ogg,y.ogg,dog,0,1\n", "line 2, column event: 'y.ogg' is not empty"),
        (SITES + "a,anomaly,x.ogg,y.ogg,dog,loud,1\n", "line 2, column snr_db: 'loud' is not a number"),
        (SITES + "a,anomaly,x.ogg,y.ogg,dog,nan,1\n", "line 2, column snr_db: 'nan' is not a number"),
        (SITES + "a,anomaly,x.ogg,y.ogg,dog,0,-1\n", "line 2, column onset_s: '-1' is not 0 or more"),
        (OVR + "normal,dog,x.ogg\n", "line 2, column split: 'normal' is not one of train, test"),
        (OVR + '"test\n', "line 2, column label: no value"),
        (OVR + "test,dog," + "x" * 200_000, "not a CSV table"),
        (OVR + "test,\udcff,x.ogg\n", "not a CSV table"),
    ],
)
def test_malformed_table(tmp_path: Path, text: str, fault: str) -> None:
    """A malformed table is refused by file, line and column."""
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(SourceError) as error:
        read_rows(path)
    assert str(error.value).startswith(f"{path}: ")
    assert fault in str(error.value)


def test_missing_table(tmp_path: Path) -> None:
    """A table that is not there is named."""
    with pytest.raises(SourceError, match=r"sites\.csv: cannot be read: No such file"):
        read_rows(tmp_path / "sites.csv")


def test_plain_row_is_its_clip(data_dir: Path) -> None:
    """A row without an event sounds like its file."""
    heard = waveform(read_rows(data_dir / "sites.csv")[1], data_dir)
    assert np.float32 == heard.dtype
    np.testing.assert_array_equal(read_clip(data_dir / "clips/room-1.ogg"), heard)


def test_mixed_row(data_dir: Path) -> None:
    """The event's loudest second is added at the onset, its RMS at the asked ratio to the whole clip's."""
    rows = read_rows(data_dir / "sites.csv")
    background, added = waveform(rows[1], data_dir), waveform(rows[2], data_dir) - waveform(rows[1], data_dir)
    start = int(1.25 * 16000)
    # The first second on the 50 ms grid that holds all of the half second at 2.12 s begins at 1.65 s.
    shape = knock(4, at=2.12)[26400:42400]
    gain = np.sqrt(np.mean(background**2) / np.mean(shape**2)) * 10 ** (-6 / 20)
    np.testing.assert_allclose(gain * shape, added[start : start + 16000], atol=1e-6)
    assert not added[:start].any()
    assert not added[start + 16000 :].any()


def test_late_loud_event_is_clipped_and_fits(data_dir: Path) -> None:
    """An event that would reach past the end is moved to end with the clip, and full scale is never exceeded."""
    rows = read_rows(data_dir / "sites.csv")
    heard = waveform(rows[3], data_dir)
    assert 64000 == len(heard)
    assert 1.0 == np.abs(heard).max()
    np.testing.assert_array_equal(waveform(rows[1], data_dir)[:48000], heard[:48000])


def test_silent_background(tmp_path: Path) -> None:
    """Digital silence counts as an RMS of 1e-4, so that an event on it has a finite level."""
    sf.write(tmp_path / "silence.wav", np.zeros(64000, np.float32), 16000)
    sf.write(tmp_path / "event.wav", noise(1), 16000, subtype="FLOAT")
    heard = waveform(Row(0, "a", "anomaly", "silence.wav", Mix("event.wav", "noise", 0.0, 0.0)), tmp_path)
    assert pytest.approx(1e-4, rel=1e-3) == np.sqrt(np.mean(heard[:16000] ** 2))


def test_waveforms_equal_single_ones(data_dir: Path) -> None:
    """The stream over many rows yields what each row sounds like alone, though a caller writes into what it got."""
    rows = read_rows(data_dir / "sites.csv")
    for row, heard in waveforms(rows, data_dir):
        np.testing.assert_array_equal(waveform(row, data_dir), heard)
        heard[:] = 0


@pytest.mark.parametrize(
    ("channels", "rate_hz", "length", "fault"),
    [(2, 16000, 100, "2 channels"), (1, 8000, 100, "at 8000 Hz"), (1, 16000, 0, "0 samples")],
)
def test_unfit_clip(tmp_path: Path, channels: int, rate_hz: int, length: int, fault: str) -> None:
    """A clip that is not mono at 16 kHz, or empty, is refused by name."""
    sf.write(tmp_path / "x.wav", np.zeros((length, channels)), rate_hz)
    with pytest.raises(SourceError, match=rf"x\.wav: .*{fault}.*expected sound in 1 channel at 16000 Hz"):
        waveform(Row(0, "a", "train", "x.wav", None), tmp_path)


def test_unusable_clip(tmp_path: Path) -> None:
    """A missing file, a file that is no sound and a background that cannot hold its event are refused by name."""
    (tmp_path / "x.ogg").write_text("no sound")
    with pytest.raises(SourceError, match=r"x\.ogg: not a sound file"):
        read_clip(tmp_path / "x.ogg")
    with pytest.raises(SourceError, match=r"y\.ogg: no such file"):
        read_clip(tmp_path / "y.ogg")
    sf.write(tmp_path / "z.wav", noise(0.5), 16000)
    with pytest.raises(SourceError, match=r"z\.wav: 8000 samples, expected at least the 16000"):
        waveform(Row(0, "a", "anomaly", "z.wav", Mix("z.wav", "x", 0.0, 0.0)), tmp_path)


@settings(deadline=None, max_examples=30)
@given(length=st.integers(1, 50000), seed=st.integers(0, 99))
def test_loudest_second(length: int, seed: int) -> None:
    """No second on the 50 ms grid is louder than the one returned; shorter clips are padded at their end."""
    rng = np.random.default_rng(seed)
    clip = (rng.normal(size=length) * np.repeat(rng.random(50), 1000)[:length]).astype(np.float32)
    padded = np.pad(clip, (0, max(0, 16000 - length)))
    seconds = [padded[start : start + 16000] for start in range(0, len(padded) - 15999, 800)]
    np.testing.assert_array_equal(max(seconds, key=lambda second: np.sum(second.astype(float) ** 2)), loudest_second(clip))


def test_statistics_of_a_steady_tone() -> None:
    """Seven half-overlapping seconds of 4 s, the mean highest in the tone's band, its deviation near nothing."""
    tone = (0.5 * np.sin(2 * np.pi * 1000 * np.arange(64000) / 16000)).astype(np.float32)
    found = statistics(tone)
    assert (7, 128) == found.shape
    assert found[3, :64].argmax() == found[:, :64].mean(0).argmax()
    assert found[3, 64 + found[3, :64].argmax()] < 0.01
    assert (7, 128) == statistics(tone[:100]).shape


def test_comparator_tells_a_knock_from_noise() -> None:
    """A knock in the noise lies further out than noise unheard before, by the worst second and by the mean."""
    detector = LogMelMahalanobis.fit([statistics(noise(4, seed=seed)) for seed in range(8)])
    normal = detector.distances(statistics(noise(4, seed=9)))
    strange = detector.distances(statistics(noise(4, seed=9) + knock(4, at=2)))
    assert (7,) == normal.shape
    assert strange.max() > 2 * normal.max()
    assert strange.mean() > normal.mean()


def test_comparator_without_clips() -> None:
    """Nothing to fit on is an error in one sentence."""
    with pytest.raises(SourceError, match="no training clip"):
        LogMelMahalanobis.fit([])


def test_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where scikit-learn is missing the error says what to install."""
    monkeypatch.setitem(sys.modules, "sklearn.covariance", None)
    monkeypatch.setitem(sys.modules, "sklearn.metrics", None)
    with pytest.raises(DiffmonError, match=r"pip install 'diffmon\[bench\]'"):
        LogMelMahalanobis.fit([statistics(noise(4))])
    with pytest.raises(DiffmonError, match=r"pip install 'diffmon\[bench\]'"):
        judge.auroc([0.0], [1.0])


@settings(deadline=None, max_examples=30)
@given(normal=st.lists(SCORE, min_size=1, max_size=8), anomalous=st.lists(SCORE, min_size=1, max_size=8))
def test_auroc_counts_pairs(normal: list[float], anomalous: list[float]) -> None:
    """AUROC is the share of pairs in which the anomaly is higher, ties counted half."""
    pairs = [(a > n) + 0.5 * (a == n) for a in anomalous for n in normal]
    assert pytest.approx(sum(pairs) / len(pairs)) == judge.auroc(normal, anomalous)


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
    lines = judge.sites_table(rows, {"R": good, "random weights: R": dict.fromkeys(good, 0.0)})
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
    ] == judge.ovr_table(ovr_rows(), {"S": dog | siren})
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
    judge.write_site_scores(path, {12: np.float64(0.1), 3: 2.0})
    assert "row,score\n3,2.0\n12,0.1\n" == path.read_text()
    judge.write_ovr_scores(path, {("siren", 3): 0.5, ("dog_bark", 12): 1e-9})
    assert "label,row,score\ndog_bark,12,1e-09\nsiren,3,0.5\n" == path.read_text()
    assert [path] == list(tmp_path.iterdir())


def test_scores_not_writable(tmp_path: Path) -> None:
    """A place that cannot be written to is named, and what cannot be replaced stays."""
    with pytest.raises(DiffmonError, match=r"no/scores\.csv: the folder .*no does not exist"):
        judge.write_site_scores(tmp_path / "no/scores.csv", {0: 0.0})
    with pytest.raises(DiffmonError, match="is a folder, expected the name of a file"):
        judge.write_site_scores(tmp_path, {0: 0.0})
    (tmp_path / "file").touch()
    with pytest.raises(DiffmonError, match="is not a folder"):
        judge.write_site_scores(tmp_path / "file/scores.csv", {0: 0.0})
