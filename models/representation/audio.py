"""Sound as three planes on one grid of mel bands by 64-ms cells.

A 16-ms log-mel cell of noise-like sound is speckle, which nothing can predict; four of them, told by their mean and by
the logarithm of their deviation, keep both the level and the texture. The third plane is the log-energy of wavelet
packets (a long filter, so that a band leaks little), gathered onto the mel bands: a pure tone peaks in the same row of
all planes of level.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchaudio.functional import melscale_fbanks
from torchaudio.transforms import MelSpectrogram

from models.pooling.discriminating import DiscriminatingPooling
from models.pooling.sound import SoundPooling, usual
from models.recipe import Discriminating, Recipe
from models.representation import Look
from models.representation.wavelet import analysis_filters, packets
from models.synthetic.sound import made


@dataclass(frozen=True, slots=True)
class AudioSettings:
    """The grid of an audio model; kept in its checkpoint."""

    rate_hz: int = 16_000
    bands: int = 64
    """Mel bands, the rows."""
    columns: int = 32
    """Cells of 64 ms in a window."""
    hop: int = 8_000
    """Samples from a window's start to the next one's."""


RECIPE = Recipe(
    adapts_to=0,
    levels=1,
    by_row=True,
    sides=(1, 4, 16),  # one cell, 256 ms, 1 s
    judged=(1.0, 2.0, 8.0),  # of the last, little but what is usual comes back
    trained=(0.4, 1.0),
    seen_at=0.5,
    widths=(24, 48, 96),
    rank=0,
    batch=32,
    pooling=SoundPooling(),
    discriminating=Discriminating(made, usual, DiscriminatingPooling),
)

FFT = 1024
FRAME = 256  # samples from one mel frame to the next, and in one packet coefficient
CELL = 4  # frames in a cell
_DEPTH = 8  # 2**8 packets, 31.25 Hz each at 16 kHz, one coefficient every 256 samples
_WAVELET = "sym8"
_AT_ONCE = 4  # levels of packets: two long convolutions are seven times faster on a CPU than eight short ones
_MEL_FLOOR = 1e-7
_PACKET_FLOOR = 1e-8
TEXTURE_FLOOR = 0.1
_MARGIN = 16  # packet columns dropped at each side, where the periodic transform wraps around


class AudioRepresentation(nn.Module):
    """Planes of mono sound: mean log-mel, log of its deviation, log packet energy.

    Windows are `[B, length, 1]` float32 in [-1, 1]. Frames lie wholly inside the window, so that a window looks the same
    wherever it was cut.

    >>> sound = AudioRepresentation(AudioSettings())
    >>> sound.planes(torch.zeros(2, sound.length, 1)).shape
    torch.Size([2, 3, 64, 32])
    """

    packet_weights: Tensor
    filters: Tensor

    def __init__(self, settings: AudioSettings) -> None:
        super().__init__()
        self.rate_hz: float = settings.rate_hz
        self.item: tuple[int, ...] = (1,)
        self.dtype, self.hop = "float32", settings.hop
        self.shape = (3, settings.bands, settings.columns)
        self.recipe = RECIPE
        self.kin: Sequence[int] = (0, 1, 0)  # two planes of level, one of texture
        self.frames = settings.columns * CELL
        self.length = (self.frames - 1) * FRAME + FFT
        # Equal to librosa.feature.melspectrogram(center=False).
        self.mel = MelSpectrogram(
            settings.rate_hz, FFT, hop_length=FRAME, n_mels=settings.bands, center=False, norm="slaney", mel_scale="slaney"
        )
        self.edges_hz = band_edges(settings.rate_hz, settings.bands)
        self.register_buffer("filters", analysis_filters(_WAVELET, _AT_ONCE), persistent=False)
        self.register_buffer("packet_weights", gather_weights(self.edges_hz, settings.rate_hz), persistent=False)

    @property
    def constants(self) -> Mapping[str, Tensor]:
        """None: a band is the same everywhere."""
        return {}

    def adapted(self, items: Tensor) -> Self:
        """Itself."""
        return self

    def look(self, items: Tensor) -> Look:
        """The planes of windows `[B, length, 1]`."""
        return Look(self.planes(items), None)

    def planes(self, items: Tensor) -> Tensor:
        """Planes `[B, 3, bands, columns]` of windows `[B, length, 1]`."""
        wave = items[..., 0]
        fine = self.log_mel(wave).unflatten(-1, (-1, CELL))  # [B, bands, columns, 4]
        texture = fine.std(-1, correction=0).add(TEXTURE_FLOOR).log()
        energy = self.packet_energy(wave).unflatten(-1, (-1, CELL)).mean(-1)
        return torch.stack([fine.mean(-1), texture, energy.add(_PACKET_FLOOR).log()], 1)

    def log_mel(self, wave: Tensor) -> Tensor:
        """Natural log of the mel power spectrogram, `[B, bands, frames]`, of `[B, length]`."""
        spectrogram: Tensor = self.mel(wave)
        return spectrogram.add(_MEL_FLOOR).log()

    def packet_energy(self, wave: Tensor) -> Tensor:
        """Energy of the wavelet packets within each mel band, `[B, bands, frames]`, of `[B, length]`."""
        # Column k of the packets then lies in the middle of mel frame k.
        margin = _MARGIN * FRAME - (FFT - FRAME) // 2
        padded = F.pad(wave[:, None], (margin, margin), mode="reflect")[:, 0]
        coefficients = packets(padded, self.filters, _DEPTH)[..., _MARGIN:-_MARGIN]
        return self.packet_weights @ coefficients.square()

    def visible(self, items: Tensor) -> Tensor:
        """The planes."""
        return self.planes(items)

    def visibly(self, difference: Tensor, look: Look) -> Tensor:
        """As it is."""
        return difference

    def level_db(self, items: Tensor) -> Tensor:
        """RMS of each window in dBFS, `[B]`; digital silence is -120."""
        return 10 * items.square().mean((1, 2)).clamp_min(1e-12).log10()

    def place(self, rows: tuple[int, int], columns: tuple[int, int]) -> Mapping[str, float]:
        """The band of the rows, in Hz."""
        return {"low_hz": self.edges_hz[rows[0]], "high_hz": self.edges_hz[rows[1]]}

    def span(self, columns: tuple[int, int]) -> tuple[int, int]:
        """Samples of the columns, from the window's start."""
        cell, lead = CELL * FRAME, (FFT - FRAME) // 2
        return columns[0] * cell + lead, columns[1] * cell + lead


def band_edges(rate_hz: int, bands: int) -> list[float]:
    """Where neighbouring mel bands meet, in Hz, `bands + 1` of them: half way between their centres."""
    filters = melscale_fbanks(rate_hz // 2 + 1, 0.0, rate_hz / 2, bands, rate_hz, mel_scale="slaney")  # one row a hertz
    centres = filters.argmax(0).double()
    inner = (centres[1:] + centres[:-1]) / 2
    return [0.0, *inner.tolist(), rate_hz / 2]


def gather_weights(edges_hz: list[float], rate_hz: int) -> Tensor:
    """Share of every packet in each mel band, `[bands, packets]`; a row sums to one, so flat noise stays flat."""
    width = rate_hz / 2 / 2**_DEPTH
    low = torch.arange(2**_DEPTH) * width
    edges = torch.tensor(edges_hz)
    overlap = torch.minimum(edges[1:, None], low + width) - torch.maximum(edges[:-1, None], low)
    overlap = overlap.clamp_min(0)
    return overlap / overlap.sum(1, keepdim=True)
