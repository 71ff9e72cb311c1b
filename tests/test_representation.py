"""Sound as planes: packets against PyWavelets, mel against librosa, and where known sounds come to lie."""

from __future__ import annotations

from itertools import pairwise

import librosa
import numpy as np
import pytest
import pywt
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor
from torch.testing import assert_close
from torchaudio.functional import melscale_fbanks

from models.representation.audio import AudioRepresentation, AudioSettings
from models.representation.wavelet import analysis_filters, merge, packets, split

SOUND = AudioRepresentation(AudioSettings())
CENTRES_HZ = melscale_fbanks(8001, 0.0, 8000.0, 64, 16_000, mel_scale="slaney").argmax(0).tolist()
CELL = 1024
MEL, TEXTURE, PACKETS = 0, 1, 2

general = settings(deadline=None, derandomize=True, max_examples=25)


def noise(*shape: int, seed: int = 0) -> Tensor:
    """White noise of unit deviation."""
    return torch.randn(*shape, generator=Generator().manual_seed(seed))


def tone(frequency_hz: float, amplitude: float = 0.5) -> Tensor:
    """One window of a sine, `[1, length, 1]`."""
    cycles = torch.arange(SOUND.length, dtype=torch.float64) * frequency_hz / SOUND.rate_hz
    return (amplitude * torch.sin(2 * torch.pi * cycles)).float()[None, :, None]


def reference(x: Tensor, wavelet: str, depth: int) -> Tensor:
    """The packets of each row of `[B, n]` as PyWavelets has them."""
    trees = [pywt.WaveletPacket(row.double().numpy(), wavelet, "periodization", maxlevel=depth) for row in x]
    return torch.tensor(np.array([[node.data for node in tree.get_level(depth, "freq")] for tree in trees])).float()


@pytest.mark.parametrize(
    ("wavelet", "depth", "n"), [("db1", 3, 64), ("db2", 1, 8), ("db4", 4, 128), ("coif2", 5, 256), ("sym8", 8, 256), ("sym8", 8, 4096)]
)
def test_packets_equal_pywavelets(wavelet: str, depth: int, n: int) -> None:
    """Packets are those of a periodised packet tree in order of frequency, down to one coefficient a packet."""
    x = noise(3, n)
    assert_close(packets(x, analysis_filters(wavelet), depth), reference(x, wavelet, depth), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("wavelet", "depth", "levels"), [("db1", 3, 3), ("db4", 4, 2), ("coif2", 6, 3), ("sym8", 8, 4), ("sym8", 8, 2)])
def test_packets_are_the_same_several_levels_at_once(wavelet: str, depth: int, levels: int) -> None:
    """Longer filters, fewer convolutions: the packets of PyWavelets, in the same order."""
    x = noise(3, 4 << depth)
    assert_close(packets(x, analysis_filters(wavelet, levels), depth), reference(x, wavelet, depth), rtol=0, atol=1e-5)


@general
@given(st.sampled_from(["db1", "db3", "sym5", "sym8"]), st.integers(1, 5), st.integers(1, 6), st.integers(0, 1000))
def test_packets_keep_energy(wavelet: str, depth: int, columns: int, seed: int) -> None:
    """The transform is orthonormal: whatever the signal, its energy is that of its coefficients."""
    x = noise(2, columns * 2**depth, seed=seed)
    coefficients = packets(x, analysis_filters(wavelet), depth)
    assert (2, 2**depth, columns) == coefficients.shape
    assert_close(coefficients.square().sum((1, 2)), x.square().sum(1), rtol=1e-5, atol=0)


def test_packets_of_a_row_are_its_own() -> None:
    """A signal has the same packets alone as among others."""
    x = noise(3, 512)
    assert_close(packets(x[1:2], analysis_filters("sym8"), 6), packets(x, analysis_filters("sym8"), 6)[1:2], rtol=0, atol=1e-6)


def test_log_mel_equals_librosa() -> None:
    """The mel spectrogram is librosa's with frames wholly inside the window, within 1e-5 of its maximum."""
    wave = 0.1 * noise(SOUND.length)
    theirs = librosa.feature.melspectrogram(y=wave.numpy(), sr=16_000, n_fft=1024, hop_length=256, n_mels=64, center=False)
    ours = SOUND.log_mel(wave[None])[0].double().exp().numpy() - 1e-7
    assert (64, 128) == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * theirs.max())


@pytest.mark.parametrize("band", range(2, 61, 4))
def test_a_tone_peaks_in_its_band_of_both_planes(band: int) -> None:
    """A pure tone at a band's centre is loudest in that band, by mel and by packets alike, and the band's edges enclose it."""
    level = SOUND.planes(tone(CENTRES_HZ[band]))[0].mean(-1)  # [C, H]
    assert [band, band] == [int(level[MEL].argmax()), int(level[PACKETS].argmax())]
    place = SOUND.place((band, band + 1), (0, 32))
    assert place["low_hz"] < CENTRES_HZ[band] < place["high_hz"]


def test_the_bands_cover_all_frequencies() -> None:
    """Bands meet at their edges, rise, and reach from 0 Hz to half the rate."""
    edges = [SOUND.place((row, row + 1), (0, 32)) for row in range(64)]
    assert (0.0, 8000.0) == (edges[0]["low_hz"], edges[-1]["high_hz"])
    assert all(a["high_hz"] == b["low_hz"] and a["low_hz"] < a["high_hz"] for a, b in pairwise(edges))
    assert {"low_hz": 0.0, "high_hz": 8000.0} == SOUND.place((0, 64), (0, 32))


@pytest.mark.parametrize("inset", [192, 512, CELL - 192])
@pytest.mark.parametrize("column", [0, 1, 7, 16, 30, 31])
def test_the_span_of_a_click_contains_it(column: int, inset: int) -> None:
    """A click within a cell is loudest in that cell, by mel and by packets, and the cell's samples enclose it."""
    first, after = SOUND.span((column, column + 1))
    at = first + inset
    items = 1e-3 * noise(1, SOUND.length, 1)
    items[0, at] += 0.9
    level = SOUND.planes(items)[0].mean(1)  # [C, W]
    assert [column, column] == [int(level[MEL].argmax()), int(level[PACKETS].argmax())]
    assert 0 <= first <= at < after <= SOUND.length


def test_spans_of_columns_meet() -> None:
    """Cells are 64 ms, one begins where the last ends."""
    assert [CELL] * 32 == [after - first for first, after in (SOUND.span((k, k + 1)) for k in range(32))]
    assert SOUND.span((4, 5))[0] == SOUND.span((3, 4))[1]
    assert (SOUND.span((3, 4))[0], SOUND.span((8, 9))[1]) == SOUND.span((3, 9))


def test_a_sound_looks_the_same_wherever_the_window_was_cut() -> None:
    """A window that begins one cell later shows the same sound one column earlier; packets may differ near the ends."""
    wave = 0.1 * noise(1, SOUND.length + CELL, 1)
    here, later = SOUND.planes(wave[:, : SOUND.length]), SOUND.planes(wave[:, CELL:])
    assert_close(here[:, :PACKETS, :, 1:], later[:, :PACKETS, :, :-1], rtol=0, atol=1e-3)
    assert_close(here[:, PACKETS, :, 6:-5], later[:, PACKETS, :, 5:-6], rtol=0, atol=1e-3)


def test_loudness_is_kept() -> None:
    """Ten times the amplitude is 20 dB more in both planes of level, and the same texture."""
    quiet, loud = SOUND.planes(torch.cat([0.05 * noise(1, SOUND.length, 1), 0.5 * noise(1, SOUND.length, 1)]))
    for plane in (MEL, PACKETS):
        assert float(np.log(100)) == pytest.approx(float((loud - quiet)[plane].mean()), abs=0.02)
    assert 0 == pytest.approx(float((loud - quiet)[TEXTURE].mean()), abs=0.02)


def test_planes_of_a_window_are_its_own() -> None:
    """A window has the same planes alone as among louder ones."""
    items = noise(3, SOUND.length, 1) * torch.tensor([0.01, 0.1, 0.5])[:, None, None]
    assert_close(SOUND.planes(items[:1]), SOUND.planes(items)[:1], rtol=0, atol=1e-5)


@pytest.mark.parametrize(("amplitude", "level_db"), [(1.0, -3.01), (0.1, -23.01), (0.0, -120.0)])
def test_levels_are_below_full_scale(amplitude: float, level_db: float) -> None:
    """A full-scale sine has -3.01 dBFS, a tenth of it 20 dB less, digital silence -120."""
    assert level_db == pytest.approx(float(SOUND.level_db(tone(1000.0, amplitude))), abs=0.005)


def test_silence_has_finite_planes() -> None:
    """Digital silence is the same everywhere in a plane, and finite."""
    planes = SOUND.planes(torch.zeros(1, SOUND.length, 1))[0]
    assert planes.isfinite().all()
    assert_close(planes, planes[:, :1, :1].expand_as(planes), rtol=0, atol=1e-5)


def test_the_shape_is_that_of_the_settings() -> None:
    """Other settings give the grid they ask for, and a window as long as its frames."""
    small = AudioRepresentation(AudioSettings(bands=32, columns=16))
    assert (3, 32, 16) == small.shape == tuple(small.planes(torch.zeros(2, small.length, 1)).shape[1:])
    assert (16 * 4 - 1) * 256 + 1024 == small.length


def test_split_has_its_sub_bands_in_order() -> None:
    """Of one 2 x 2 patch: the mean, what changes along the row, down the column, and across; each halved."""
    a, b, c, d = 7.0, 5.0, 4.0, 2.0
    expected = torch.tensor([a + b + c + d, a - b + c - d, a + b - c - d, a - b - c + d]) / 2
    assert_close(split(torch.tensor([[[a, b], [c, d]]])).flatten(), expected)


def test_split_keeps_channels_together() -> None:
    """The sub-bands follow one another, each with all channels."""
    x = torch.stack([torch.full((2, 2), 1.0), torch.tensor([[1.0, -1.0], [1.0, -1.0]])])
    assert [2.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0] == split(x).flatten().tolist()


@general
@given(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9), st.integers(0, 1000))
def test_merge_inverts_split_and_energy_is_kept(channels: int, rows: int, columns: int, seed: int) -> None:
    """Whatever the shape: split, then merged, is what it was, and the transform is orthonormal both ways."""
    x = noise(2, channels, 2 * rows, 2 * columns, seed=seed)
    y = noise(2, 4 * channels, rows, columns, seed=seed)
    assert_close(merge(split(x)), x, rtol=0, atol=1e-6)
    assert_close(split(merge(y)), y, rtol=0, atol=1e-6)
    assert_close(split(x).square().sum(), x.square().sum(), rtol=1e-5, atol=0)
