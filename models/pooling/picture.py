"""Pictures: every place is judged at several sizes, by what normal is like there; a rough picture is strange in no place alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from models.places import near, place_mean, place_variance
from models.pooling.typical import reach, untypical
from models.recipe import Observed, Sizes
from models.unet import Encoded

_SIDES = 8, 16, 32  # pixels of the squares over which residuals are averaged with their signs, overlapping by half
_SCALES = "middle", "coarse"  # of the features that are judged
_CELL = 4  # pixels that are kept of a residual; all pooling is of these
_COARSE = 64  # pixels of a cell of typicality
_TOP = 0.002  # share of the places that make up the worst of a picture
_QUIET = 0.02  # of the usual energy, that counts as none
_LEAST = 1e-4  # mean square that counts
_LEAST_LOG = 0.1  # deviation of a log energy at least
_HIGHEST = 60.0  # z-score of a log energy: its exponential stays finite
_RIDGE = 1e-3  # of the mean variance of features, that every direction has
_LEVELS = 0.02, 0.5, 0.98  # quantiles of the level of a normal picture: lowest, usual, highest


class PicturePooling:
    """Of planes of colour by pixels, judged at three noise levels."""

    counts: tuple[int, ...] = (15, 2, 1)

    def observe(self, planes: Callable[[], Tensor], residual: Tensor, seen: Encoded) -> Observed:
        """Mean and mean square of residuals over cells of 4 pixels, `[B, L, C, h, w]`; features `[B, K, h, w]`."""
        flat = residual.flatten(0, 1)
        return {
            "mean": F.avg_pool2d(flat, _CELL).unflatten(0, residual.shape[:2]),
            "square": F.avg_pool2d(flat.square(), _CELL).unflatten(0, residual.shape[:2]),
            "middle": seen.middle,
            "coarse": seen.coarse,
        }

    def fit(self, normal: Observed) -> Sizes:
        """What is usual at every place, how much it varies there, and how a picture's worst place goes with all its others."""
        sizes = {"energy": normal["square"].mean((0, 3, 4))[..., None, None] + _LEAST}
        logs = log_energy(normal, sizes)
        usual = place_mean(near(logs))
        sizes |= {"log_energy": usual, "log_energy_deviation": place_variance((logs - usual).square()).sqrt() + _LEAST_LOG}
        for side in _SIDES:
            means = squares(normal["mean"], side)
            usual = place_mean(means)
            sizes |= {f"mean_{side}": usual, f"variance_{side}": place_variance((means - usual).square())}
        for scale in _SCALES:
            mean, deviation, whitener = fit_places(normal[scale])
            sizes |= {f"{scale}_mean": mean, f"{scale}_deviation": deviation, f"{scale}_whitener": whitener}
        location, scale_ = reach(cells(normal), _LEAST_LOG)
        found = maps(normal, sizes)
        worst_, level = worst(found)
        return sizes | {
            "cell_location": location,
            "cell_scale": scale_,
            "usual": torch.stack([each.mean() for each in hot(found)]),
            "slope": slope(worst_, level),
            "level": torch.quantile(level, torch.tensor(_LEVELS), dim=0),
        }

    def statistics(self, observed: Observed, sizes: Sizes) -> Tensor:
        """R: worst place by energy, by energy for that place, by mean for that place. S: by features for that place. T: energies.

        What normal's worst place owes to the level of the whole picture is taken off, as far as levels of normal reach.
        Beyond, nothing is forgiven.
        """
        worst_, level = worst(maps(observed, sizes))
        low, usual, high = sizes["level"].unbind(-2)
        told = worst_ - sizes["slope"] * (level.clamp(low, high) - usual)
        return torch.cat([told, untypical(cells(observed), sizes["cell_location"], sizes["cell_scale"])[:, None]], 1)

    def heat(self, observed: Observed, sizes: Sizes) -> Tensor:
        """Mean over squares of all sizes of how strange they are, in units of the usual, `[B, H, W]`."""
        rows, columns = (cells * _CELL for cells in observed["mean"].shape[-2:])
        scaled = [each / usual[..., None, None] for each, usual in zip(hot(maps(observed, sizes)), sizes["usual"].unbind(-1), strict=True)]
        whole = [F.interpolate(each[:, None], (rows, columns), mode="bilinear", align_corners=False)[:, 0] for each in scaled]
        return torch.stack(whole).mean(0)


def maps(observed: Observed, sizes: Sizes) -> list[Tensor]:
    """How strange every place is, by each measure: `[B, n, h, w]`, n maps of one size."""
    odd = (log_energy(observed, sizes) - sizes["log_energy"]) / sizes["log_energy_deviation"]
    return [
        energy(observed, sizes),
        odd.clamp_max(_HIGHEST).exp(),
        *(strange(observed, sizes, side) for side in _SIDES),
        *(unlike(observed[scale], sizes, scale)[:, None] for scale in _SCALES),
    ]


def hot(found: Sequence[Tensor]) -> list[Tensor]:
    """Those maps that show where, `[B, h, w]` each: energy as it is, and means for their place."""
    return [each.mean(1) for each in (found[0], *found[2 : 2 + len(_SIDES)])]


def squares(cells: Tensor, side: int) -> Tensor:
    """Means of `[B, L, C, h, w]` over squares of `side` pixels, or as large as there is room, overlapping by half."""
    n = min(side // _CELL, *cells.shape[-2:])
    return F.avg_pool2d(cells.flatten(0, 1), n, n // 2).unflatten(0, cells.shape[:2])


def energy(observed: Observed, sizes: Sizes) -> Tensor:
    """Mean over planes of the scaled residual energy of the smallest squares, `[B, L, h, w]`."""
    return squares(observed["square"] / sizes["energy"], _SIDES[0]).mean(2)


def log_energy(observed: Observed, sizes: Sizes) -> Tensor:
    """Its logarithm."""
    return energy(observed, sizes).add(_QUIET).log()


def strange(observed: Observed, sizes: Sizes, side: int) -> Tensor:
    """How far the residual's mean over each square lies from that place's usual, squared: `[B, L, h, w]`."""
    off = squares(observed["mean"], side) - sizes[f"mean_{side}"]
    return (off.square() / sizes[f"variance_{side}"]).mean(2)


def unlike(features: Tensor, sizes: Sizes, scale: str) -> Tensor:
    """Squared Mahalanobis distance a number, `[B, h, w]`, of features `[B, K, h, w]` from their place's mean.

    Places share the shape of their covariance, not its size: a matrix a place would be most of a profile, and tells hardly more.
    """
    off = (features - sizes[f"{scale}_mean"]) / sizes[f"{scale}_deviation"]
    white = off.flatten(2).transpose(1, 2) @ sizes[f"{scale}_whitener"].mT
    return white.square().mean(-1).unflatten(1, features.shape[2:])


def cells(observed: Observed) -> Tensor:
    """Log residual energies of coarse cells, `[B, L, C, h, w]`."""
    square = observed["square"]
    n = min(_COARSE // _CELL, *square.shape[-2:])
    return F.avg_pool2d(square.flatten(0, 1), n).unflatten(0, square.shape[:2]).add(_LEAST).log()


def worst(found: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Log mean of the worst places, and log median of all, `[B, M]` each, of maps `[B, n, h, w]`."""
    flat = [each.flatten(2) for each in found]
    top = [each.topk(max(1, round(_TOP * each.shape[-1])), -1).values.mean(-1) for each in flat]
    level = [each.median(-1).values for each in flat]
    return torch.cat(top, 1).clamp_min(_LEAST).log(), torch.cat(level, 1).clamp_min(_LEAST).log()


def slope(worst: Tensor, level: Tensor) -> Tensor:
    """Least-squares slope of the worst upon the level, `[M]` of `[B, M]`, between 0 and 1."""
    off = level - level.mean(0)
    return ((off * (worst - worst.mean(0))).mean(0) / (off.square().mean(0) + _RIDGE)).clamp(0, 1)


def fit_places(features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean `[K, h, w]` and deviation `[1, h, w]` at each place, and whitener `[K, K]` of all, of features `[B, K, h, w]`."""
    mean = place_mean(features)
    off = features - mean
    deviation = place_variance(off.square().mean(1, keepdim=True)).sqrt()
    flat = (off / deviation).transpose(0, 1).flatten(1)  # [K, B * h * w]
    covariance = flat @ flat.mT / flat.shape[1]
    floor = (_RIDGE * covariance.trace() / len(covariance)).clamp_min(1e-9) * torch.eye(len(covariance))
    return mean, deviation, torch.linalg.inv(torch.linalg.cholesky(covariance + floor))
