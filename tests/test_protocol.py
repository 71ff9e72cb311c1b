"""The sound protocols: their tables, what their rows sound like, the comparator."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import DiffmonError, SourceError
from monitor.learn.comparator import LogMelMahalanobis, statistics
from monitor.learn.protocol import Clip, Mix, Row, clip_seconds, loudest_second, read_clip, read_rows, waveform, waveforms

SITES = "site,role,file,event,event_class,snr_db,onset_s\n"
OVR = "split,label,file\n"


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


def test_recording_and_length(data_dir: Path) -> None:
    """A row's recording is its file's name up to the first hyphen; a clip's length is told without its samples."""
    assert "room" == read_rows(data_dir / "sites.csv")[0].recording
    assert 4.0 == clip_seconds(data_dir / "clips/knock.wav")


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


def test_spoilt_row(data_dir: Path) -> None:
    """Events beyond the table's are added alike, each at the ratio to the clip as it was before any."""
    clip = waveform(read_rows(data_dir / "sites.csv")[0], data_dir)
    mixes = [Mix("clips/knock.wav", "knock", snr_db, onset_s) for snr_db, onset_s in ((0.0, 0.0), (-6.0, 2.5))]
    added = [waveform(Row(0, "plant", "train", "clips/room-0.ogg", None, (mix,)), data_dir) - clip for mix in mixes]
    both = waveform(Row(0, "plant", "train", "clips/room-0.ogg", None, tuple(mixes)), data_dir) - clip
    assert added[0][:16000].any()
    assert not added[0][16000:].any()
    np.testing.assert_allclose(added[0] + added[1], both, atol=1e-6)


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
    for asked in (read_clip, clip_seconds):
        with pytest.raises(SourceError, match=r"x\.ogg: not a sound file"):
            asked(tmp_path / "x.ogg")
        with pytest.raises(SourceError, match=r"y\.ogg: no such file"):
            asked(tmp_path / "y.ogg")
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
    with pytest.raises(DiffmonError, match=r"pip install 'diffmon\[bench\]'"):
        LogMelMahalanobis.fit([statistics(noise(4))])
