"""What of a camera's pictures is looked at, and how often."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from monitor.config.section import Section

Pixel = Annotated[int, Field(ge=0)]
Side = Annotated[int, Field(ge=16)]
Corner = tuple[Pixel, Pixel]
Polygon = Annotated[tuple[Corner, ...], Field(min_length=3)]


class ViewConfig(Section):
    """In pixels of the source's own picture, from its upper left corner."""

    rate_hz: float | None = Field(default=None, ge=0.1, le=30)
    """Pictures a second; the model's if none."""
    crop: tuple[Pixel, Pixel, Side, Side] | None = None
    """Left, top, width and height of the part that is looked at; all if none."""
    masks: tuple[Polygon, ...] = ()
    """Parts that are not looked at, each by its corners."""
