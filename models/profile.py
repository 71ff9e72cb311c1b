"""What is normal for one stream: how to standardise it, how large its residuals and features are, what its scores are.

A profile is a bundle of small tensors. Profiles of many streams stack, and a batch gathers its rows by stream, so that
windows of different streams share one call of the network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from models.recipe import Sizes

_SIZES = "sizes."


@dataclass(frozen=True, slots=True)
class Profile:
    """Everything that differs between streams of one network; each tensor may have a leading stream axis `[S, ...]`."""

    mean: Tensor
    """Of the planes, `[C, H, 1]`, or `[C, H, W]` where every place has its own."""
    deviation: Tensor
    """Of the planes, `[C, H, 1]` or `[C, 1, 1]`."""
    subband: Tensor
    """Deviation of the Haar sub-bands of the standardised planes, `[4C, 1, 1]` a level."""
    sizes: Sizes
    """How large residuals and features are, as the pooling of the sense keeps it."""
    location: Tensor
    """Median of each statistic, `[N]`."""
    scale: Tensor
    """Robust deviation of each statistic, `[N]`."""
    mean_location: Tensor
    """Median of the mean surprise of each part, and of all, `[P + 1]`."""
    mean_scale: Tensor
    """Robust deviation of the same, `[P + 1]`."""
    quantiles: Tensor
    """Scores of held-out normal from lowest to highest, on an even grid of `[Q]` ranks."""
    tail: Tensor
    """Generalised Pareto tail of the scores: threshold, share above it, scale, shape `[4]`."""

    def gather(self, streams: Tensor) -> Profile:
        """The rows of a stacked profile for windows of the streams `[B]`."""
        return self.each(lambda tensor: tensor[streams])

    def put(self, stream: int, profile: Profile) -> None:
        """Replaces one row of a stacked profile."""
        for name, tensor in self.tensors().items():
            tensor[stream] = profile.tensors()[name].to(tensor.device)

    def to(self, device: torch.device) -> Profile:
        """The same on a device."""
        return self.each(lambda tensor: tensor.to(device))

    def each(self, change: Callable[[Tensor], Tensor]) -> Profile:
        """A profile of what becomes of every tensor."""
        return of_tensors({name: change(tensor) for name, tensor in self.tensors().items()})

    def tensors(self) -> dict[str, Tensor]:
        """All of it by name; sizes as `sizes.NAME`."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "sizes"}
        return own | {f"{_SIZES}{name}": tensor for name, tensor in self.sizes.items()}


def of_tensors(tensors: Mapping[str, Tensor]) -> Profile:
    """The profile of what `Profile.tensors` gave. Raises KeyError if one of its own is missing."""
    sizes = {name.removeprefix(_SIZES): tensor for name, tensor in tensors.items() if name.startswith(_SIZES)}
    return Profile(sizes=sizes, **{f.name: tensors[f.name] for f in fields(Profile) if f.name != "sizes"})


def stack(profiles: Sequence[Profile]) -> Profile:
    """One profile with a leading axis for the stream."""
    every = [profile.tensors() for profile in profiles]
    return of_tensors({name: torch.stack([tensors[name] for tensors in every]) for name in every[0]})
