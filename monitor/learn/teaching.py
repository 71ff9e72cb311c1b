"""Teaching a network's discriminator, from windows of the normal that the network was trained on."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from models.checkpoint import Model
from models.discriminator import Discriminator, DiscriminatorSettings
from models.examples import PER_WINDOW, Examples, Sampler, joined
from models.representation import Representation
from models.teach import BATCH, teach
from models.train import twin
from monitor.learn.optimise import LEAST_STEPS
from monitor.records import Progress

_EXAMPLES = 30  # for each second of teaching: about half of it goes into them, on one core
_MOST_EXAMPLES = 8192
_COST = 2.5  # times that of judging a window, which making an example of one and learning from it takes
_LEAST = 8  # windows
REPEATED = 7
"""Times that an example is shown; more often, it is learned by heart."""
_SHARE = 0.45  # of the time for training

Stream = Callable[[], Tensor]
"""Windows `[n, length, *item]` of one stream's normal, in order of time."""


def share(sense: Representation) -> float:
    """Of the time for training, that teaching takes."""
    return 0.0 if sense.recipe.discriminating is None else _SHARE


def windows_for(seconds: float) -> int:
    """How many windows there is time to make examples of, in so many seconds of teaching."""
    return max(_LEAST, min(_MOST_EXAMPLES, int(_EXAMPLES * seconds)) // PER_WINDOW)


def cost_s(windows: int, judging_s: float) -> float:
    """About how long it takes to teach on so many windows, where judging one takes so long."""
    return _COST * windows * PER_WINDOW * judging_s


def taught(
    model: Model, sense: Representation, streams: Sequence[Stream], *, seed: int, repeated: int = REPEATED
) -> Generator[Progress, None, Model]:
    """The model with a discriminator that has learned from the streams; as it was, where a sense has none or nothing can be learned.

    How many steps that takes depends on the streams alone: each example is shown about so many times.
    """
    if sense.recipe.discriminating is None:
        return model
    found = []
    sampler = Sampler(model.denoiser, model.bank, sense, sense.recipe.discriminating)
    generator = torch.Generator().manual_seed(seed)
    for i, stream in enumerate(streams):
        windows = stream()
        for part in sampler.examples(windows, generator) if len(windows) else ():
            found.append(part)
            yield Progress("making anomalies", (i + 1) / len(streams))
    if not any(part.changed.any() for part in found):
        return model
    examples = joined(found)
    learner = initial(examples, seed=seed)
    average = twin(learner)
    steps = max(LEAST_STEPS, round(repeated * len(examples.changed) / BATCH))
    for step in teach(learner, average, examples, steps=steps, seed=seed):
        yield Progress("teaching", step.number / steps, step.loss)
    return replace(model, discriminator=average)


def initial(examples: Examples, *, seed: int) -> Discriminator:
    """One that has learned nothing; the same seed gives the same weights."""
    _, levels, planes = examples.residual.shape[:3]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # initial weights come from torch's own generator
        return Discriminator(DiscriminatorSettings(planes, levels))
