"""The made sites table: real normal, made anomalies, on which settings are chosen."""

from __future__ import annotations

import csv
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import soundfile as sf
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import DiffmonError, SourceError
from monitor.learn.protocol import EVENT, QUIET, RATE_HZ, Clip, Row, loudest_second, read_clip, read_rows, waveform
from tests.bench.less_sound import FADE, LOSSES_DB, in_force, less
from tests.bench.made_sites import SNRS_DB, divided, main
from tests.bench.made_sound import KINDS

SITES = "site,role,file,event,event_class,snr_db,onset_s\n"
CLIPS = 9


def db(clip: Clip) -> float:
    """RMS in decibels."""
    return float(10 * np.log10(np.mean(np.square(clip, dtype=np.float64))))


def noise(seconds: float, *, level: float = 0.001, seed: int = 0) -> Clip:
    """White noise; at this level nothing that is mixed in exceeds full scale."""
    return np.random.default_rng(seed).normal(0, level, round(seconds * RATE_HZ)).astype(np.float32)


def site(folder: Path, name: str, count: int, *, seconds: float = 1.8, level: float = 0.001) -> str:
    """The lines of a site of so many training clips, with the clips; and a normal and an anomaly of the test set, without."""
    for i in range(count):
        sf.write(folder / f"{name}-{i}.wav", noise(seconds, level=level, seed=i), RATE_HZ, subtype="FLOAT")
    train = "".join(f"{name},train,{name}-{i}.wav,,,,\n" for i in range(count))
    return f"{train}{name},normal,test.wav,,,,\n{name},anomaly,test.wav,dog.wav,dog,0,1\n"


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three sites, of 9, 9 and 6 training clips."""
    folder = tmp_path_factory.mktemp("data")
    sites = [site(folder, "pump", CLIPS), site(folder, "fan", CLIPS), site(folder, "barn", 6)]
    (folder / "sites.csv").write_text(SITES + "".join(sites))
    return folder


def run(data: Path, out: Path, *options: str) -> Result:
    """The command, run to its end."""
    return CliRunner().invoke(main, [str(data), str(out), *options], catch_exceptions=False)


def made(data: Path, out: Path, *options: str) -> list[Row]:
    """The rows of the table that the command makes."""
    assert 0 == run(data, out, *options).exit_code
    return read_rows(out / "sites.csv")


def added(row: Row, out: Path) -> Clip:
    """What the row's event adds to its clip, as the protocol mixes them."""
    return waveform(row, out) - read_clip(out / row.file)


def contents(folder: Path) -> dict[Path, bytes]:
    """All files below a folder."""
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**63), fold=st.integers(0, 1))
def test_an_anomaly_is_as_loud_as_its_row_says(data_dir: Path, seed: int, fold: int) -> None:
    """Over a whole clip, each added second has the row's SNR, is all of its file, and lies within the clip where the row says."""
    with TemporaryDirectory() as folder:
        out = Path(folder)
        rows = made(data_dir, out, "--seed", str(seed), "--fold", str(fold), "--every", "2")
        for row, mix in [(row, row.mix) for row in rows if row.mix]:
            event, clip, change = read_clip(out / mix.file), read_clip(out / row.file), added(row, out)
            start = int(mix.onset_s * RATE_HZ)
            assert EVENT == len(event)
            assert np.array_equal(event, loudest_second(event))
            assert start + EVENT <= len(clip)
            assert not np.delete(change, slice(start, start + EVENT)).any()
            assert pytest.approx(mix.snr_db, abs=0.01) == db(change[start : start + EVENT]) - db(clip)


def test_no_two_events_are_the_same(data_dir: Path, tmp_path: Path) -> None:
    """Every anomaly has an event of its own, no two alike, and none of the test set's."""
    rows = made(data_dir, tmp_path / "out")
    files = [row.mix.file for row in rows if row.mix]
    events = {read_clip(tmp_path / "out" / file).tobytes() for file in files}
    assert len(files) == len(set(files)) == len(events)
    assert {row.mix.label for row in rows if row.mix} <= set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_made_sounds(kind: str) -> None:
    """Each kind is a second of finite sound, and every draw of it another one."""
    drawn = [KINDS[kind](np.random.default_rng(seed)) for seed in range(20)]
    assert {EVENT} == {len(sound) for sound in drawn}
    assert all(np.isfinite(sound).all() and sound.any() for sound in drawn)
    assert 20 == len({sound.tobytes() for sound in drawn})


@pytest.mark.parametrize("fold", [0, 1])
def test_training_and_judged_clips_are_apart(data_dir: Path, tmp_path: Path, fold: int) -> None:
    """A site's training clips are the first (last) 65 %; those to judge begin after the next but one, all in their order."""
    rows = made(data_dir, tmp_path / "out", "--fold", str(fold))
    expected = {"train": [0, 1, 2, 3, 4, 5], "normal": [7, 8]} if fold == 0 else {"train": [3, 4, 5, 6, 7, 8], "normal": [0, 1]}
    for name in ("pump", "fan"):
        sources = {(data_dir / f"{name}-{i}.wav").read_bytes(): i for i in range(CLIPS)}
        for role, numbers in expected.items():
            files = [row.file for row in rows if row.group == name and row.role == role]
            assert numbers == [sources[(tmp_path / "out" / file).read_bytes()] for file in files]


@given(count=st.integers(5, 200), fold=st.integers(0, 1))
def test_one_clip_lies_between(count: int, fold: int) -> None:
    """However many clips a site has, all but one are used, once, and no clip to judge is next to one that was trained on."""
    clips = [Row(number, "pump", "train", "", None) for number in range(count)]
    train, normal = ([row.number for row in part] for part in divided(clips, fold))
    used = sorted([*train, *normal])
    assert normal
    assert count - 1 == len(used) == len(set(used))
    assert all(abs(a - b) > 1 for a in train for b in normal)
    assert all(a < b for part in (train, normal) for a, b in pairwise(part))


def test_each_clip_is_judged_with_and_without(data_dir: Path, tmp_path: Path) -> None:
    """A clip to judge is one normal, and two anomalies at each SNR; what was made is counted in one line."""
    done = run(data_dir, tmp_path / "out", "--every", "2")
    rows = read_rows(tmp_path / "out" / "sites.csv")
    assert ["pump", "barn"] == list(dict.fromkeys(row.group for row in rows))
    normal = [row.file for row in rows if row.role == "normal"]
    wanted = sorted((file, snr_db) for file in normal for snr_db in SNRS_DB for _ in range(2))
    assert wanted == sorted((row.file, row.mix.snr_db) for row in rows if row.mix)
    assert f"2 sites, 13 clips, {len(rows)} rows\n" == done.output


@pytest.mark.parametrize("options", [(), ("--less",)])
def test_the_same_arguments_give_the_same_bytes(data_dir: Path, tmp_path: Path, options: tuple[str, ...]) -> None:
    """A second run is byte for byte the first, whatever clips are there beside; another seed is another table."""
    for name, more in [("a", ("--every", "2")), ("b", ("--every", "2")), ("all", ()), ("other", ("--every", "2", "--seed", "1"))]:
        run(data_dir, tmp_path / name, *options, *more)
    a, b, everything, other = (contents(tmp_path / name) for name in ("a", "b", "all", "other"))
    assert a == b
    assert everything.items() >= {path: a[path] for path in a if path.parent.name == "events"}.items()
    assert a != other
    # A chunk that some writers of WAV add, and that holds the time of writing.
    assert not any(b"PEAK" in data[:100] for path, data in a.items() if path.parent.name == "events")


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**63), level=st.sampled_from([0.3 * QUIET, 0.01, 0.2]), seconds=st.sampled_from([1.0, 1.8, 16.0]))
def test_less_sound(seed: int, level: float, seconds: float) -> None:
    """The mixed clip is the clip, whatever its level, but for a second that is so much quieter, and fades there and back."""
    with TemporaryDirectory() as folder:
        data, out = Path(folder), Path(folder, "out")
        (data / "sites.csv").write_text(SITES + site(data, "pump", 5, seconds=seconds, level=level))
        rows = [row for row in made(data, out, "--less", "--seed", str(seed)) if row.mix]
        assert [6, 6, 12, 12, 24, 24] == [row.mix.snr_db for row in rows if row.mix]
        for row, mix in [(row, row.mix) for row in rows[::2] if row.mix]:
            clip, start = read_clip(out / row.file), int(mix.onset_s * RATE_HZ)
            gain = np.ones(len(clip))
            gain[start : start + EVENT] = 1 - (1 - 10 ** (-mix.snr_db / 20)) * in_force()
            error = np.abs(waveform(row, out) - (gain * clip).clip(-1, 1))
            assert "less" == mix.label
            assert not np.delete(error, slice(start, start + EVENT)).any()
            assert error.max() < 1e-6 * np.abs(clip).max()


def test_the_loss_fades_in_and_out() -> None:
    """The loss comes and goes in 20 ms without a jump, and is whole between."""
    there = in_force()
    assert (EVENT, 1.0) == (len(there), there[FADE:-FADE].min())
    assert np.array_equal(there, there[::-1])
    assert np.abs(np.diff(there, prepend=0, append=0)).max() < 2 / FADE


def test_less_of_a_band(tmp_path: Path) -> None:
    """Of two tones far apart, every other anomaly has both so much quieter; between them are those with one, the other untouched."""
    t = np.arange(2 * EVENT) / RATE_HZ
    lines = site(tmp_path, "pump", 20)
    for i in range(20):
        sf.write(tmp_path / f"pump-{i}.wav", 0.1 * np.sin(2 * np.pi * 200 * t) + 0.1 * np.sin(2 * np.pi * 4000 * t), RATE_HZ, "FLOAT")
    (tmp_path / "sites.csv").write_text(SITES + lines)
    low_or_high = set()
    for i, row in enumerate(row for row in made(tmp_path, tmp_path / "out", "--less") if row.mix):
        assert row.mix is not None
        start = int(row.mix.onset_s * RATE_HZ)
        within = slice(start + FADE, start + EVENT - FADE)
        heard = waveform(row, tmp_path / "out")[within]
        amplitudes = [2 * np.abs(np.mean(heard * np.exp(-2j * np.pi * hz * t[within]))) for hz in (200, 4000)]
        lost = tuple(round(float(-20 * np.log10(each / 0.1)), 2) + 0.0 for each in amplitudes)
        if i % 2 == 0:
            assert (row.mix.snr_db, row.mix.snr_db) == lost
        else:
            assert [0, row.mix.snr_db] == sorted(lost)
            low_or_high.add(lost.index(0))
    assert {0, 1} == low_or_high


@pytest.mark.parametrize("loss_db", LOSSES_DB)
def test_less_of_all_the_sound_there_is(loss_db: float) -> None:
    """An event that takes away all of a clip's energy, as long as a clip may be, is still weaker than the weakest level."""
    clip = np.zeros(16 * EVENT, np.float32)
    clip[3 * EVENT : 4 * EVENT] = noise(1, level=0.5)
    event = less(clip, clip.astype(np.float64), 3 * EVENT, loss_db)
    assert np.sqrt(np.mean(np.square(event, dtype=np.float64))) <= QUIET


def test_silence_has_nothing_to_lose(tmp_path: Path) -> None:
    """A silent clip is a normal without an anomaly of less sound."""
    (tmp_path / "sites.csv").write_text(SITES + site(tmp_path, "pump", 5, level=0))
    assert ["train", "train", "train", "normal"] == [row.role for row in made(tmp_path, tmp_path / "out", "--less")]


def test_a_clip_stays_below_the_new_folder(data_dir: Path, tmp_path: Path) -> None:
    """Clips that the table names by a way out of its folder, or by an absolute one, are copied into the new one."""
    (tmp_path / "in").mkdir()
    names = [str(data_dir / "pump-0.wav"), *(f"../{data_dir.name}/fan-{i}.wav" for i in range(4))]
    folder = data_dir.with_name("elsewhere")
    folder.mkdir()
    (folder / "sites.csv").write_text(SITES + "".join(f"pump,train,{name},,,,\n" for name in names))
    rows = made(folder, tmp_path / "out")
    assert {tmp_path / "out" / row.file for row in rows} == set((tmp_path / "out" / "clips").iterdir())


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("pump,normal,x.wav,,,,\n", "sites.csv: no row has role train"),
        ("pump,train,x.wav,,,,\n" * 4, "sites.csv: site 'pump' has 4 rows with role train, expected at least 5"),
        ("pump,train,x.wav,,,,\n" * 5, "x.wav: no such file"),
        ("pump,train,short.wav,,,,\n" * 5, "short.wav: 0.9 s long, expected 1 to 16 s"),
    ],
)
def test_faulty_tables(tmp_path: Path, text: str, fault: str) -> None:
    """A table of which nothing can be made is refused in a sentence, and no table comes of it."""
    sf.write(tmp_path / "short.wav", noise(0.9), RATE_HZ)
    (tmp_path / "sites.csv").write_text(SITES + text)
    with pytest.raises(SourceError, match=fault):
        run(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out" / "sites.csv").exists()


def test_no_table(tmp_path: Path) -> None:
    """A folder without sites.csv ends the program with one sentence, and leaves nothing."""
    command = [sys.executable, "-m", "tests.bench.made_sites", str(tmp_path), str(tmp_path / "out")]
    done = subprocess.run(command, cwd=Path(__file__).parent.parent, capture_output=True, text=True, timeout=120, check=False)
    assert (1, "", f"{tmp_path}/sites.csv: cannot be read: No such file or directory\n") == (done.returncode, done.stdout, done.stderr)
    assert not (tmp_path / "out").exists()


def test_a_folder_in_use_is_left_alone(data_dir: Path, tmp_path: Path) -> None:
    """A folder in which something is already is refused, and stays as it is."""
    (tmp_path / "kept").write_text("mine")
    with pytest.raises(DiffmonError, match="is not empty, expected a new folder or an empty one"):
        run(data_dir, tmp_path)
    assert {Path("kept"): b"mine"} == contents(tmp_path)


def test_the_columns_are_those_of_a_sites_table(data_dir: Path, tmp_path: Path) -> None:
    """The table has the columns of a sites table, with whole decibels."""
    run(data_dir, tmp_path / "out")
    with open(tmp_path / "out" / "sites.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert SITES.strip().split(",") == list(rows[0])
    assert {"-12", "-6", "0", "6", ""} == {row["snr_db"] for row in rows}
