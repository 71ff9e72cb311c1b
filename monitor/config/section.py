"""What every section of the configuration has in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from monitor.duration import seconds
from monitor.size import size

NAME = r"^[a-z0-9][a-z0-9_-]{0,31}$"

Duration = Annotated[float, BeforeValidator(seconds), Field(ge=0)]
Size = Annotated[int, BeforeValidator(size), Field(ge=0)]
Name = Annotated[str, Field(pattern=NAME)]


class Section(BaseModel):
    """Frozen; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)
