"""The training loop of the discriminator, as a generator of records like that of the denoiser."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.nn import functional as F
from torch.optim import AdamW

from models.discriminator import Discriminator
from models.examples import Examples
from models.train import Step, follow, learning_rate

_RATE = 2e-3
_DECAY = 0.05
BATCH = 64
"""Examples in a step."""
_SMOOTH = 0.05  # of the loss that is shown


def teach(discriminator: Discriminator, average: Discriminator, examples: Examples, *, steps: int, seed: int) -> Iterator[Step]:
    """Trains in place, each batch half normal and half not, yielding after every step.

    `average` receives the exponential moving average of the weights: that is the network to keep. The same seed and number of
    steps give the same weights on one CPU. An anomaly that changed no cell counts as normal.
    """
    generator = torch.Generator().manual_seed(seed)
    strange = examples.changed.flatten(1).any(1)
    normal, anomalous = strange.logical_not().nonzero()[:, 0], strange.nonzero()[:, 0]
    optimiser = AdamW(discriminator.parameters(), lr=_RATE, betas=(0.9, 0.99), weight_decay=_DECAY)
    running = 1.0
    for number in range(1, steps + 1):
        optimiser.param_groups[0]["lr"] = _RATE * learning_rate(number / steps)
        pick = torch.cat([of[torch.randint(len(of), (BATCH // 2,), generator=generator)] for of in (normal, anomalous)])
        logit, heat = discriminator(examples.residual[pick].float(), examples.planes[pick].float())
        changed = examples.changed[pick].float()
        value = F.binary_cross_entropy_with_logits(logit, strange[pick].float()) + F.binary_cross_entropy_with_logits(heat, changed)
        optimiser.zero_grad(set_to_none=True)
        value.backward()
        torch.nn.utils.clip_grad_norm_(discriminator.parameters(), 1.0)
        optimiser.step()
        follow(average, discriminator, number)
        running += _SMOOTH * (value.item() - running)
        yield Step(number, running)
