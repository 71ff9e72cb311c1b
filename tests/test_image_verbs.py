"""The verbs on pictures and videos: learned, judged, replayed; and a user's mistakes with them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from models.checkpoint import load_model
from monitor import exhibits
from monitor.build import watch
from monitor.config import EvidenceConfig, FileConfig, StreamConfig
from monitor.errors import DiffmonError
from monitor.evidence.overlay import BOX_RGB
from monitor.evidence.sink import Evidence
from monitor.learn.training import train
from monitor.opened import engines, medium, open_stream
from monitor.replay import Tally, replay
from monitor.source.file import FileSource
from monitor.source.image import ImageFiles
from monitor.source.view import View
from tests.broker import until
from tests.command import diffmon, names
from tests.films import SIDE, SPOT, film, seen, sound_alone, still

NO_PICTURE = "is not a picture or video that can be read, expected PNG, JPEG, BMP, TIFF, WebP, MP4, MKV, AVI or MPEG-TS"


def test_a_video_is_learned(gate: Path) -> None:
    """The model says what it looks at: pictures, how large and how often."""
    model, _ = load_model(gate / "gate.model")
    assert ("image", {"side": SIDE, "rate_hz": 2.0}) == (model.kind, dict(model.grid))


def test_replay_says_when_and_where(gate: Path, tmp_path: Path) -> None:
    """A spot from 10 s to 13 s: one event, at its frames, in the source's pixels, told by the model's kind."""
    path = film(tmp_path / "a.mp4", [seen(1000 + i, 100 <= i < 130) for i in range(200)], rate_hz=10)
    done = diffmon("replay", path, "--model", gate / "gate.model", "--json", "--fail-on-anomaly")
    assert (3, "") == (done.exit_code, done.stderr)
    new, *_, end, whole = map(json.loads, done.stdout.splitlines())
    assert ("new", "image", 20) == (new["type"], new["kind"], new["start_index"])
    assert ("end", 26, 3.0) == (end["type"], end["end_index"], round(end["end_unix"] - end["start_unix"], 3))
    assert (40, 20.0, 1) == (whole["windows"], whole["seconds"], whole["events"])
    where = end["where"]
    left, top, width, height = SPOT
    # Told in cells of four pixels, of half the source's size.
    assert left - 12 <= where["x"] <= left
    assert top - 12 <= where["y"] <= top
    assert left + width <= where["x"] + where["width"] <= left + width + 17
    assert top + height <= where["y"] + where["height"] <= top + height + 17


def test_what_was_seen_is_kept_as_evidence(gate: Path, tmp_path: Path) -> None:
    """The frame as the network saw it, with the spot; what normal would have been, without it; and a box about it."""
    path = film(tmp_path / "a.mkv", [seen(1000 + i, i >= 10) for i in range(16)], rate_hz=2)
    stream = StreamConfig(name="gate", kind="image", source=FileConfig(type="file", paths=(path,)), model=gate / "gate.model")
    opened = open_stream(stream, None)
    engine = engines({"gate": opened}, torch.device("cpu"))["gate"]
    evidence = Evidence(tmp_path / "kept", EvidenceConfig(free=0))
    watched = watch(stream, opened, engine, node="barn", unix=lambda time_s: 1e9 + time_s, evidence=evidence)
    evidence.begin = {"gate": exhibits.begin(stream, watched.ring, evidence, engine.explain)}
    source = FileSource([path], medium("image", opened.representation))
    events = []
    for event in replay(source, watched, engine, Tally()):
        events.append(event)
        evidence.event(event)
    until(lambda: evidence.store.written >= 3)
    evidence.close()
    frame, normal, overlay = (
        np.asarray(Image.open(tmp_path / "kept" / events[0].evidence[what])) for what in ("frame", "reconstruction", "overlay")
    )
    left, top, width, height = (each // 2 for each in SPOT)
    inside = (slice(top, top + height), slice(left, left + width))
    assert {(SIDE, SIDE, 3)} == {frame.shape, normal.shape, overlay.shape}
    assert frame[inside].mean() > 240
    assert normal[inside].mean() < frame[inside].mean() - 20
    on = np.argwhere((overlay == BOX_RGB).all(-1))
    np.testing.assert_allclose((on.min(0), on.max(0)), ((top - 1, left - 1), (top + height, left + width)), atol=6)


def test_a_still_is_judged_by_itself(gate: Path, tmp_path: Path) -> None:
    """Each is a recording of one frame; a folder of them is searched through, beside a video; the strange one stands out."""
    for number in range(3):
        still(tmp_path / f"{number}.png", seen(2000 + number, number == 1))
    film(tmp_path / "b.mkv", map(seen, range(3000, 3010)), rate_hz=2)
    done = diffmon("score", tmp_path, "--model", gate / "gate.model")
    assert (0, "") == (done.exit_code, done.stderr)
    rows = {Path(line.split(",")[0]).name: line.split(",")[1:] for line in done.stdout.splitlines()[1:]}
    assert ["0.png", "1.png", "2.png", "b.mkv"] == sorted(rows)
    assert "1.png" == max(rows, key=lambda name: float(rows[name][0]))
    assert [("1", "0.5")] * 3 + [("10", "5")] == [tuple(rows[name][-2:]) for name in sorted(rows)]


def test_calibrate_takes_the_kind_of_the_model(gate: Path, tmp_path: Path) -> None:
    """From stills alone: all of them."""
    for number in range(20):
        still(tmp_path / f"{number:02d}.jpg", seen(4000 + number))
    done = diffmon("calibrate", tmp_path, "--model", gate / "gate.model", "--out", tmp_path / "p", "--json")
    assert (0, 20, 10.0) == (done.exit_code, (told := json.loads(done.stdout))["recordings"], told["held_out_s"])
    assert 0 == diffmon("score", tmp_path / "00.jpg", "--model", gate / "gate.model", "--profile", tmp_path / "p").exit_code


@pytest.mark.parametrize("count", [4, 8])
def test_stills_are_learned_and_held_out_whole(count: int, tmp_path: Path) -> None:
    """A quarter is held out, and the one before it left out; no still is both."""
    for number in range(count):
        still(tmp_path / f"{number:02d}.png", seen(number))
    *_, summary = train([tmp_path], tmp_path / "m", kind="image", budget_s=20, seed=1, steps=1, grid={"side": SIDE})
    assert (count, (count - count // 4 - 1) / 2, count // 4 / 2) == (summary.recordings, summary.training_s, summary.held_out_s)


def test_bad_files_among_many_are_skipped(tmp_path: Path) -> None:
    """One that is cut short, one of a pixel and one that is none: each is named, and the rest is learned."""
    for number in range(12):
        still(tmp_path / f"{number:02d}.png", seen(number))
    (tmp_path / "03a.png").write_bytes((tmp_path / "03.png").read_bytes()[:4000])
    still(tmp_path / "05a.png", np.zeros((1, 1, 3), np.uint8))
    (tmp_path / "07a.mkv").write_text("hello")
    *_, summary = train([tmp_path], tmp_path / "m", kind="image", budget_s=5, seed=1, steps=1, grid={"side": SIDE})
    assert 12 + 1 == summary.recordings  # of the one that is cut short the header can be read
    assert [
        f"{tmp_path}/05a.png: 1 x 1 pixels to look at, expected at least 16 x 16",
        f"{tmp_path}/07a.mkv: {NO_PICTURE}",
        f"{tmp_path}/03a.png: is a picture that cannot be read: damaged, or cut short",
    ] == summary.unreadable


def test_what_is_asked_for_is_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Size and frame rate, and nothing where nothing is asked for."""
    asked: list[object] = []

    def learned(*paths: object, grid: object, **options: object) -> None:
        asked.append(grid)
        raise DiffmonError("that is enough")

    monkeypatch.setattr("monitor.learn.training.train", learned)
    for options in ((), ("--size", "128", "--rate", "4"), ("--rate", "0.5")):
        diffmon("train", tmp_path, "--kind", "image", "--out", tmp_path / "m", *options)
    assert [{}, {"side": 128, "rate_hz": 4.0}, {"rate_hz": 0.5}] == asked


def grey(path: Path) -> None:
    """The first frame without colour."""
    Image.fromarray(seen(0)).convert("L").save(path, "PNG")


def deep(path: Path) -> None:
    """The same of 16 bits."""
    Image.fromarray(np.asarray(Image.fromarray(seen(0)).convert("L")).astype(np.uint16) * 257).save(path, "PNG")


def with_alpha(path: Path) -> None:
    """The first frame, of which nothing is transparent."""
    Image.fromarray(seen(0)).convert("RGBA").save(path, "PNG")


@pytest.mark.parametrize("write", [grey, deep, with_alpha])
def test_other_pixels_are_no_mistake(write: Callable[[Path], None], gate: Path, tmp_path: Path) -> None:
    """Grey, 16 bits and alpha are judged without a word, as the same in colour is."""
    write(tmp_path / "a.png")
    still(tmp_path / "b.png", seen(0))
    done = diffmon("score", tmp_path, "--model", gate / "gate.model", "--json")
    assert (0, "") == (done.exit_code, done.stderr)
    one, other = (json.loads(line)["score"] for line in done.stdout.splitlines())
    assert other == pytest.approx(one, abs=0.01 if write is with_alpha else 50)


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (lambda p: p.write_text("hello\n" * 99), "is not a picture or video that can be read, expected PNG, JPEG, BMP, TIFF, WebP, "),
        (lambda p: still(p.with_name("x.png"), np.zeros((1, 1, 3), np.uint8)).replace(p), "1 x 1 pixels to look at, expected at least 16"),
        (lambda p: soundfile.write(p, np.zeros(16_000), 16_000, format="WAV"), "is not a picture or video that can be read, expected PNG,"),
        (lambda p: sound_alone(p.with_name("x.mp4")).replace(p), "holds no picture, expected a picture or video"),
        (lambda p: p.mkdir(), "no picture or video in this folder, expected one of .3gp .avi "),
        (lambda p: None, "no such file or folder"),
    ],
)
def test_what_is_no_picture_is_named(write: Callable[[Path], object], expected: str, gate: Path, tmp_path: Path) -> None:
    """`score`, `replay`, `train` and `calibrate` say of the path what is wrong and exit with 1; nothing is left behind."""
    path, model = tmp_path / "a", ("--model", gate / "gate.model")
    write(path)
    before = names(tmp_path)
    out = ("--out", tmp_path / "out")
    for verb in (("score", *model), ("replay", *model), ("train", "--kind", "image", *out), ("calibrate", *model, *out)):
        done = diffmon(verb[0], path, *verb[1:])
        assert done.stderr.startswith(f"diffmon: {path}: {expected}"), done.stderr
        assert (1, before) == (done.exit_code, names(tmp_path))


def test_a_picture_given_to_a_model_of_sound_is_named(model: Path, tmp_path: Path) -> None:
    """And a video too: one sentence, and exit code 1."""
    still(tmp_path / "a.png", seen(0))
    film(tmp_path / "b.mkv", map(seen, range(4)), rate_hz=2)
    for verb in ("score", "replay"):
        done = diffmon(verb, tmp_path / "a.png", tmp_path / "b.mkv", "--model", model)
        sentence = "is not a sound file that can be read, expected WAV, FLAC, OGG or MP3"
        expected = [f"diffmon: {tmp_path / name}: {sentence}" for name in ("a.png", "b.mkv")]
        assert [*expected, "diffmon: 2 files could not be used"] == done.stderr.splitlines()
        assert 1 == done.exit_code


def test_a_model_of_another_sense_is_named(gate: Path, model: Path, tmp_path: Path) -> None:
    """A stream says what it is; what it would be judged by must be of that kind."""
    config = tmp_path / "diffmon.toml"
    config.write_text(f'[[stream]]\nname = "fan"\nmodel = "{model}"\nsource = {{ type = "file", paths = ["a.wav"] }}\n')
    done = diffmon("replay", tmp_path / "a.wav", "--config", config, "--model", gate / "gate.model")
    assert (1, f"diffmon: {gate / 'gate.model'}: a model of kind 'image', expected 'audio'\n") == (done.exit_code, done.stderr)
    done = diffmon("train", tmp_path, "--kind", "image", "--init", model, "--out", tmp_path / "m")
    assert (1, f"diffmon: {model}: a model of kind 'audio', expected 'image'\n") == (done.exit_code, done.stderr)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--size", "128"), "--size is for --kind image"),
        (("--kind", "image", "--rate", "2", "--init", "m"), "--rate and --init exclude each other"),
        (("--kind", "image", "--size", "64"), "'64' is not one of '256', '128'"),
        (("--kind", "image", "--rate", "0"), "0.0 is not in the range 0.1<=x<=30"),
    ],
)
def test_settings_that_do_not_fit_are_a_mistake_of_usage(options: tuple[str, ...], message: str, tmp_path: Path) -> None:
    """Exit code 2 before anything begins."""
    done = diffmon("train", tmp_path, "--out", tmp_path / "m", *options)
    assert 2 == done.exit_code
    assert message in done.stderr


def test_a_view_is_recorded_as_it_is_judged(tmp_path: Path) -> None:
    """At the view's rate, cropped and masked; what was recorded counts, though the crop is of the source's picture."""
    film(tmp_path / "a.mkv", [seen(0, spot=True)] * 3, rate_hz=4)
    config, out = tmp_path / "diffmon.toml", tmp_path / "normal"
    view = "{ rate_hz = 4, crop = [40, 24, 16, 16], masks = [[[40, 24], [40, 27], [55, 27], [55, 24]]] }"
    config.write_text(
        f'[[stream]]\nname = "gate"\nkind = "image"\nmodel = "m"\nview = {view}\nsource = {{ type = "file", paths = ["a.mkv"] }}\n'
    )
    for seconds in (0.5, 0.5):
        done = diffmon("record", "gate", "--config", config, "--for", "500ms", "--out", out, "--json")
        assert (0, seconds) == (done.exit_code, json.loads(done.stdout)["seconds"])
    [name] = names(out)
    items = ImageFiles(View(16), rate_hz=4).read(out / name)
    assert (2, {128}, {250}) == (len(items), set(items[:, :3].ravel()), set(items[:, 5:].ravel()))


def test_a_stream_of_pictures_is_recorded(tmp_path: Path) -> None:
    """What a file stream shows, as a video that `train` takes, and a second run goes on."""
    film(tmp_path / "a.mkv", map(seen, range(2)), rate_hz=2)
    config, out = tmp_path / "diffmon.toml", tmp_path / "normal"
    config.write_text('[[stream]]\nname = "gate"\nkind = "image"\nmodel = "m"\nsource = { type = "file", paths = ["a.mkv"] }\n')
    for segments, seconds in ((1, 1.0), (1, 1.5)):
        done = diffmon("record", "gate", "--config", config, "--for", "1500ms", "--out", out, "--json")
        assert (0, "") == (done.exit_code, done.stderr)
        told = json.loads(done.stdout)
        assert (segments, seconds) == (told["segments"], told["seconds"])
    assert 2 == len(names(out))
    assert all(name.startswith("gate-") and name.endswith("Z.mkv") for name in names(out))
