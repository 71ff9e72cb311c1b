"""Sound: rows are bands, columns time, and noise-like cells are judged in stretches of time, never alone."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from models.pooling.typical import reach, untypical
from models.pooling.whiten import distance, whitener
from models.recipe import Observed, Sizes
from models.unet import Encoded

_HALF = 8  # cells of 64 ms
_QUIET = 0.01  # the least mean square that counts; the usual one is some tenths
_TOP = 0.05  # share of the cells that make up the worst of a window
_ROWS = 4  # stretches of the rows that are looked at apart: a low sound is not a high one
_COLUMNS = 4  # of the middle scale, 1 s of sound
_LEAST_ENERGY = 0.2  # deviation of a log energy: over 2 s even steady noise moves about so much
_STILL = 0.05  # of a feature: what never moves must not make its rounding noise an alarm


class SoundPooling:
    """Of planes of bands by cells of 64 ms, judged at three noise levels."""

    counts: tuple[int, ...] = (6, 1, 1)

    def observe(self, planes: Callable[[], Tensor], residual: Tensor, seen: Encoded) -> Observed:
        """Residuals as they are, and what each half second of them and each second of the features looks like."""
        return {
            "cells": residual,
            "courses": courses(residual),
            "energies": energies(residual),
            "places": places(seen),
            "texture": texture(seen),
        }

    def fit(self, normal: Observed) -> Sizes:
        """Root mean squares, ranges, and Gaussians of half seconds and of seconds; one second is like any other."""
        courses = [whitener(level.flatten(0, 1)) for level in normal["courses"].unbind(1)]
        course_mean, course_whitener = (torch.stack(each) for each in zip(*courses, strict=True))
        place_mean, place_whitener = whitener(normal["places"].flatten(0, 1))
        energy_location, energy_scale = reach(normal["energies"], _LEAST_ENERGY)
        texture_location, texture_scale = reach(normal["texture"], _STILL)
        return {
            "residual": usual(normal["cells"]),
            "excess": usual(normal["cells"].clamp_min(0)),
            "course_mean": course_mean[:, None],
            "course_whitener": course_whitener,
            "place_mean": place_mean[None],
            "place_whitener": place_whitener,
            "energy_location": energy_location,
            "energy_scale": energy_scale,
            "texture_location": texture_location,
            "texture_scale": texture_scale,
        }

    def statistics(self, observed: Observed, sizes: Sizes) -> Tensor:
        """R: worst cells, then farthest half second, at each level. S: farthest second. T: energies and texture."""
        energy = untypical(observed["energies"], sizes["energy_location"], sizes["energy_scale"])
        texture = untypical(observed["texture"], sizes["texture_location"], sizes["texture_scale"])
        return torch.cat(
            [
                excess(observed["cells"], sizes["excess"]),
                farthest(distance(observed["courses"], sizes["course_mean"], sizes["course_whitener"])),
                farthest(distance(observed["places"], sizes["place_mean"], sizes["place_whitener"]))[:, None],
                (energy + texture)[:, None] / 2,
            ],
            1,
        )

    def heat(self, observed: Observed, sizes: Sizes) -> Tensor:
        """Mean squared scaled residual over levels and planes, less the usual 1, smoothed over 3 x 3 cells: `[B, H, W]`.

        What is usual is not heat, or a quiet minute would outweigh the second that matters.
        """
        squared = (observed["cells"] / sizes["residual"]).square().mean((1, 2))
        return F.avg_pool2d(squared[:, None], 3, 1, 1, count_include_pad=False)[:, 0].sub(1).clamp_min(0)


def usual(cells: Tensor) -> Tensor:
    """Root mean square a level, plane and row, `[L, C, H, 1]`, shrunk a little towards the plane's."""
    square = cells.square().mean((0, 4))[..., None]
    return (0.95 * square + 0.05 * square.mean(2, keepdim=True)).clamp_min(1e-6).sqrt()


def excess(cells: Tensor, usual: Tensor) -> Tensor:
    """Log mean square of the worst cells of each level, `[B, L]`, in units of the usual `[B, L, C, H, 1]`.

    Only what is more than was expected counts: the logarithm of a level falls far and often, and rises rarely.
    """
    squared = (cells.clamp_min(0) / usual).square().flatten(2)
    count = max(1, int(_TOP * squared.shape[-1]))
    return squared.topk(count, -1).values.mean(-1).add(1e-6).log()


def courses(residual: Tensor) -> Tensor:
    """Mean and deviation of the first plane's rows over overlapping half seconds, contrasted: `[B, L, T, 2H]`."""
    halves = residual[:, :, 0].unfold(-1, _HALF, _HALF // 4)  # [B, L, H, T, 8]
    told = torch.cat([halves.mean(-1), halves.std(-1, correction=0)], 2).transpose(-1, -2)
    return contrast(told.flatten(0, 1)).unflatten(0, told.shape[:2])


def energies(cells: Tensor) -> Tensor:
    """Log mean square of every plane's rows over the window, at the least noisy level: `[B, C, H]`."""
    return cells[:, 0].square().mean(-1).add(_QUIET).log()


def places(seen: Encoded) -> Tensor:
    """Means `[B, T, K]` of the middle scale `[B, width, h, w]` over a quarter of its rows and overlapping seconds, contrasted."""
    return contrast(quarters(seen.middle).unfold(-1, _COLUMNS, 1).mean(-1).transpose(1, 2))


def farthest(distances: Tensor) -> Tensor:
    """Log of the largest `[B, ...]` of the places' `[B, ..., T]`."""
    return distances.amax(-1).add(1e-6).log()


def texture(seen: Encoded) -> Tensor:
    """Mean and deviation over time of every feature in a quarter of its rows, at all scales: `[B, F]`.

    What makes rain sound like rain whenever one listens (McDermott and Simoncelli 2011, *Sound texture perception via
    statistics of the auditory periphery*).
    """
    scales = [quarters(scale) for scale in seen]
    return torch.cat([moment for each in scales for moment in (each.mean(-1), each.std(-1, correction=0))], 1)


def quarters(seen: Tensor) -> Tensor:
    """Means `[B, 4 * width, w]` of features `[B, width, h, w]` over a quarter of their rows."""
    return F.adaptive_avg_pool2d(seen, (_ROWS, seen.shape[-1])).flatten(1, 2)


def contrast(places: Tensor) -> Tensor:
    """What sets each place `[B, T, K]` apart from the window as a whole: a room's slow drift is in all of them alike."""
    return places - places.mean(1, keepdim=True)
