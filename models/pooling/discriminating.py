"""The pooling of sound with D: what a discriminator says of the window, behind R, S and T."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from models.discriminator import Discriminator
from models.pooling.sound import SoundPooling
from models.recipe import Observed, Sizes
from models.unet import Encoded

_COUNT = 4  # statistics of the other parts that it weighs as much as
_UNIT = 4.0  # a logit moves by so much about as often as another statistic, a logarithm, by 1


class DiscriminatingPooling(SoundPooling):
    """Of planes of bands by cells of 64 ms, and by a network that has learned what anomalies may look like there."""

    def __init__(self, discriminator: Discriminator) -> None:
        self.counts = (*SoundPooling.counts, _COUNT)
        self._discriminator = discriminator

    def observe(self, planes: Callable[[], Tensor], residual: Tensor, seen: Encoded) -> Observed:
        """The planes as well."""
        return {**super().observe(planes, residual, seen), "planes": planes()}

    def statistics(self, observed: Observed, sizes: Sizes) -> Tensor:
        """D: the logit of the window."""
        logit, _ = self._discriminator(observed["cells"] / sizes["residual"], observed["planes"])
        return torch.cat([super().statistics(observed, sizes), logit[:, None].expand(-1, _COUNT) / _UNIT], 1)
