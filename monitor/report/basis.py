"""What the events of a report rest on: the model, its alarm level, and how much normal that was counted on."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.build import level
from monitor.offline import Judging, Setting
from monitor.words import Normal


@dataclass(frozen=True, slots=True)
class Basis:
    """The same for all files of a replay."""

    model: str
    """File and hash of the network."""
    profile: str
    """File; empty where it is the model's own."""
    false_alarms_per_day: float
    threshold: float
    """The alarm level as a score."""
    extrapolated: bool
    """Whether it lies beyond what the held-out normal can vouch for."""
    window_s: float
    """What one score is of."""
    normal: Normal


def basis(chosen: Setting, by: Judging) -> Basis:
    """That of a replay."""
    stream, sense, curve = chosen.stream, by.opened.representation, by.opened.curve
    alarm = level(stream, by.opened, by.engine)
    return Basis(
        model=f"{stream.model} ({by.opened.model.hash})",
        profile="made on this box" if by.opened.made_here else str(stream.profile or ""),
        false_alarms_per_day=stream.false_alarms_per_day,
        threshold=alarm.threshold,
        extrapolated=alarm.extrapolated,
        window_s=sense.length / sense.rate_hz,
        normal=Normal(sense.hop / sense.rate_hz, curve.held_out_s, curve.vouched_per_day),
    )
