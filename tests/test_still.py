"""Still pictures as files: every kind of pixel, the right way up, and what is none."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from monitor.errors import SourceError
from monitor.source.image import ImageFiles
from monitor.source.pictures import load, size
from monitor.source.view import View
from tests.films import still

RAMP = np.arange(24 * 32 * 3).reshape(24, 32, 3).astype(np.uint8)
EXPECTED = "is not a picture or video that can be read, expected PNG, JPEG, BMP, TIFF, WebP, MP4, MKV, AVI or MPEG-TS"


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "a.ppm"])
def test_what_is_without_loss_is_as_it_was(name: str, tmp_path: Path) -> None:
    """Pixel for pixel, and its size is known by its header."""
    path = still(tmp_path / name, RAMP)
    np.testing.assert_array_equal(RAMP, load(path))
    assert (32, 24) == size(path)


@pytest.mark.parametrize("name", ["a.jpg", "a.webp"])
def test_what_is_with_loss_is_about_as_it_was(name: str, tmp_path: Path) -> None:
    """A smooth picture."""
    smooth = np.repeat(np.linspace(40, 200, 32)[None, :, None], 24, 0).repeat(3, 2).astype(np.uint8)
    assert np.abs(load(still(tmp_path / name, smooth)).astype(int) - smooth).mean() < 3


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.pgm"])
def test_of_sixteen_bits_the_upper_eight_are_taken(name: str, tmp_path: Path) -> None:
    """Grey of 0 to 65535."""
    grey = np.linspace(0, 65535, 24 * 32).reshape(24, 32).astype(np.uint16)
    Image.fromarray(grey).save(tmp_path / name)
    np.testing.assert_array_equal(np.repeat((grey >> 8)[..., None], 3, 2), load(tmp_path / name))


def test_colours_of_sixteen_bits(tmp_path: Path) -> None:
    """The upper eight too."""
    import cv2

    deep = np.linspace(0, 65535, 24 * 32 * 3).reshape(24, 32, 3).astype(np.uint16)
    assert cv2.imwrite(str(tmp_path / "a.png"), deep[..., ::-1])
    np.testing.assert_array_equal(deep >> 8, load(tmp_path / "a.png"))


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "RGBA", "CMYK"])
def test_every_kind_of_pixel_becomes_three_colours(mode: str, tmp_path: Path) -> None:
    """Grey, black and white, a palette, with alpha and for print: white stays white."""
    Image.new("RGB", (32, 24), "white").convert(mode).save(tmp_path / "a.tif")
    picture = load(tmp_path / "a.tif")
    assert ((24, 32, 3), np.uint8, {255}) == (picture.shape, picture.dtype, set(picture.ravel().tolist()))


def test_what_is_transparent_is_black(tmp_path: Path) -> None:
    """By as much as it is transparent, with an alpha plane and with a colour that stands for none."""
    pixels = np.full((24, 32, 4), 200, np.uint8)
    pixels[:, :, 3] = np.linspace(0, 255, 32).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert 200 * (pixels[..., 3] / 255) == pytest.approx(load(tmp_path / "a.png")[..., 0], abs=1)
    palette = Image.new("P", (32, 24), 1)
    palette.putpalette([0, 0, 0, 250, 250, 250])
    palette.save(tmp_path / "p.png", transparency=1)
    assert not load(tmp_path / "p.png").any()


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif"])
def test_it_is_turned_the_right_way_up(name: str, tmp_path: Path) -> None:
    """A camera that was held on its side says so in the file: what lay left above then lies right above."""
    lying = np.zeros((24, 40, 3), np.uint8)
    lying[:8, :8] = 255
    image = Image.fromarray(lying)
    exif = image.getexif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    image.save(tmp_path / name, exif=exif)
    upright = load(tmp_path / name)
    assert (40, 24, 3) == upright.shape
    assert upright[:6, -6:].min() > 200 > upright[:6, :12].max()


def test_a_crop_is_of_the_upright_picture(tmp_path: Path) -> None:
    """Also when it is only looked whether it fits."""
    image = Image.new("RGB", (64, 16))
    exif = image.getexif()
    exif[0x0112] = 8
    image.save(tmp_path / "a.jpg", exif=exif)
    assert 0.5 == ImageFiles(View(16, (0, 48, 16, 16)), rate_hz=2).probe(tmp_path / "a.jpg").seconds
    with pytest.raises(SourceError, match=r"a\.jpg: the crop of 16 x 16 pixels at x 48, y 0 reaches beyond the picture, which has 16 x 64"):
        ImageFiles(View(16, (48, 0, 16, 16)), rate_hz=2).probe(tmp_path / "a.jpg")


def chunk(name: bytes, data: bytes) -> bytes:
    """A piece of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def enormous(path: Path) -> None:
    """A PNG whose header speaks of 10 thousand million pixels."""
    header = struct.pack(">2I5B", 100_000, 100_000, 8, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b""))


def cut(path: Path, name: str) -> None:
    """A picture of noise of which the second half is missing."""
    whole = still(path.with_name(name), np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    whole.unlink()


CUT = "is a picture that cannot be read: damaged, or cut short"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: None, "no such file"),
        (Path.mkdir, "is a folder, expected a picture or video"),
        (Path.touch, "is empty, expected a picture or video"),
        (lambda p: p.write_text("hello\n" * 99), EXPECTED),
        (lambda p: p.write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n"), EXPECTED),
        (lambda p: p.write_bytes(b"\x89PNG\r\n\x1a\n"), EXPECTED),
        (lambda p: p.write_bytes(b"RIFF\0\1\0\0WAVEfmt " + bytes(400)), EXPECTED),
        (lambda p: still(p, np.zeros((1, 1, 3), np.uint8)), "1 x 1 pixels to look at, expected at least 16 x 16"),
        (lambda p: cut(p, "x.jpg"), CUT),
        (lambda p: cut(p, "x.tif"), CUT),
        (lambda p: cut(p, "y.png"), CUT),
        (enormous, "has 100000 x 100000 pixels, expected at most 100 million"),
        (lambda p: Image.new("F", (32, 24)).save(p, format="TIFF"), "has pixels of floating-point numbers, expected 8 or 16 bits a colour"),
        (
            lambda p: Image.fromarray(np.full((32, 24), 1 << 20, np.int32)).save(p, format="TIFF"),
            "has pixels of more than 16 bits, expected 8 or 16 bits a colour",
        ),
    ],
)
def test_says_what_is_wrong_with_a_picture(make: Callable[[Path], object], message: str, tmp_path: Path) -> None:
    """What cannot be read is named with the reason, by every way in."""
    path = tmp_path / "x.png"
    make(path)
    files = ImageFiles(View(16), rate_hz=2)
    ways: list[Callable[[], object]] = [lambda: files.read(path), lambda: list(files.blocks(path))]
    for way in ways:
        with pytest.raises(SourceError) as caught:
            way()
        assert f"{path}: {message}" == str(caught.value)
